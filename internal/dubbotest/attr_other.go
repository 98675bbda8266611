//go:build !linux

package dubbotest

import "syscall"

// dieWithParent does nothing here: a node ends when its standard input does.
func dieWithParent() *syscall.SysProcAttr { return nil }
