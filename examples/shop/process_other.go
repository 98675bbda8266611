//go:build !linux

package main

import "syscall"

// dieWithParent has nothing to add to the end of standard input here.
func dieWithParent() *syscall.SysProcAttr { return nil }
