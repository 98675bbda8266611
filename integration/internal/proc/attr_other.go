//go:build !linux

package proc

import "syscall"

// terminate asks a child to end.
const terminate = syscall.SIGTERM

// childAttr has nothing to add where the kernel cannot tie a child to its parent.
func childAttr() *syscall.SysProcAttr { return nil }
