//go:build !linux

package loopback

import (
	"errors"
	"syscall"
)

// newNetwork fails: network namespaces are a thing of Linux.
func newNetwork() (*syscall.SysProcAttr, error) {
	return nil, errors.New("network namespaces need Linux")
}

// loopbackUp has nothing to do.
func loopbackUp() error { return nil }
