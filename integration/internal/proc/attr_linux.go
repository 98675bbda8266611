package proc

import "syscall"

// terminate asks a child to end.
const terminate = syscall.SIGTERM

// childAttr makes the kernel kill the child when its parent dies, and keeps the
// terminal's interrupt from it: the parent decides when a child stops.
func childAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
}
