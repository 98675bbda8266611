package proc

import "syscall"

// terminate asks a child to end.
const terminate = syscall.SIGTERM

// childAttr makes the kernel kill the child when its parent dies.
func childAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
