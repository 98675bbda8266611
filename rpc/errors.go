package rpc

import (
	"errors"
	"fmt"

	"github.com/bluegreen-go/bluegreen/sdk"
)

// Errors of [Install] and [Installed.Verify].
var (
	ErrInstalled  = errors.New("rpc: Install was called before in this process")
	ErrNoRegistry = errors.New("rpc: no registry given")
	ErrNotOwned   = errors.New("rpc: dubbo-go registers past the SDK: give Install the registry's address exactly as dubbo-go has it, and call it first")
)

// EmptyColorError is the error of a call whose decided colour has no live
// instance while the channel says whenEmpty: fail.
type EmptyColorError struct {
	Service  string
	Channel  string
	Color    sdk.Color
	Revision int64 // of the decision
}

// Error names service, channel, colour and revision.
func (e *EmptyColorError) Error() string {
	return fmt.Sprintf("bluegreen: no live %s instance of service %s (channel %s, decided at revision %d, whenEmpty: fail)",
		e.Color, e.Service, e.Channel, e.Revision)
}
