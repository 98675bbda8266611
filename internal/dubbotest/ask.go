package dubbotest

import (
	"github.com/bluegreen-go/bluegreen/tracing"
)

// Stream starts calls to an interface that go on until StopStream, by so many
// callers at a time; each call is a request of its own.
func (n *Node) Stream(iface, arg string, parallel int) {
	n.t.Helper()
	n.command(command{Op: "stream", Iface: iface, Arg: arg, Parallel: parallel})
}

// Streamed returns what has come of the stream so far.
func (n *Node) Streamed() Result {
	n.t.Helper()
	a := n.command(command{Op: "streamed"})
	return Result{a.Replies, a.Errors}
}

// StopStream ends the stream and returns what came of it.
func (n *Node) StopStream() Result {
	n.t.Helper()
	a := n.command(command{Op: "unstream"})
	return Result{a.Replies, a.Errors}
}

// Release lets go what waits at the node's gate, and returns what came of the
// goroutines among it.
func (n *Node) Release() Result {
	n.t.Helper()
	a := n.command(command{Op: "release"})
	return Result{a.Replies, a.Errors}
}

// Counts returns what the node's tracer has counted.
func (n *Node) Counts() tracing.Snapshot {
	n.t.Helper()
	a := n.command(command{Op: "counts"})
	if a.Counts == nil {
		n.t.Fatal(a.Error)
	}
	return *a.Counts
}

// Crossings returns how many calls of the node left their colour for a reason.
func (n *Node) Crossings(channel, reason string) (sum int64) {
	n.t.Helper()
	for _, c := range n.Counts().Crossings {
		if c.Channel == channel && string(c.Reason) == reason {
			sum += c.Count
		}
	}
	return sum
}

// Verify returns the error of rpc.Installed.Verify in the node, "" for none.
func (n *Node) Verify() string {
	n.t.Helper()
	return n.command(command{Op: "verify"}).Error
}

// InstallAgain calls rpc.Install a second time in the node and returns its error.
func (n *Node) InstallAgain() string {
	n.t.Helper()
	return n.command(command{Op: "install"}).Error
}
