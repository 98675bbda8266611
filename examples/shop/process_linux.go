package main

import "syscall"

// dieWithParent makes the kernel kill the child when its parent dies.
func dieWithParent() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
