package dubbotest

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Usage is what a node has used since it started.
type Usage struct {
	Mallocs uint64        // objects put on the heap
	Bytes   uint64        // of them
	CPU     time.Duration // user and system time of the whole process
}

// Sub returns what was used since before.
func (u Usage) Sub(before Usage) Usage {
	return Usage{Mallocs: u.Mallocs - before.Mallocs, Bytes: u.Bytes - before.Bytes, CPU: u.CPU - before.CPU}
}

// Load is what a series of calls took, one call after the other.
type Load struct {
	Calls    int
	Used     Usage         // by the calling process
	P50, P99 time.Duration // of a call, as its caller sees it
}

func usage() (Usage, error) {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		return Usage{}, fmt.Errorf("getrusage: %w", err)
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return Usage{Mallocs: m.Mallocs, Bytes: m.TotalAlloc, CPU: time.Duration(r.Utime.Nano() + r.Stime.Nano())}, nil
}

// measure runs a command that is about time and memory.
func (n *node) measure(c command, a *answer) (err error) {
	switch c.Op {
	case "load":
		a.Load, err = n.load(c)
	case "follow":
		a.Ago, err = n.follow(c)
	default:
		var u Usage
		u, err = usage()
		a.Usage = &u
	}
	return err
}

// load makes the calls of c, one after the other, and ends at the first that fails.
func (n *node) load(c command) (*Load, error) {
	ctx, done := n.root(context.Background(), c.Root)
	defer done()
	took := make([]time.Duration, c.N)
	before, err := usage()
	if err != nil {
		return nil, err
	}
	for i := range took {
		start := time.Now()
		if _, err := n.call(ctx, c.Iface, c.Arg); err != nil {
			return nil, err
		}
		took[i] = time.Since(start)
	}
	after, err := usage()
	if err != nil {
		return nil, err
	}
	slices.Sort(took)
	return &Load{Calls: c.N, Used: after.Sub(before), P50: took[len(took)/2], P99: took[len(took)*99/100]}, nil
}

// root begins a request that all calls belong to, if there is to be one.
func (n *node) root(ctx context.Context, wanted bool) (context.Context, func()) {
	if !wanted || n.tracer == nil {
		return ctx, func() {}
	}
	ctx, trail := n.tracer.Start(ctx, nil)
	if !trail.Open(n.sdk.Activity()) {
		return ctx, func() {}
	}
	return ctx, trail.Close
}

// Limits of follow.
const (
	followPause = 10 * time.Millisecond
	followLimit = time.Minute
)

// follow makes calls until c.N of them in a row were answered by the colour
// c.Arg, and returns how long ago the first of those began.
func (n *node) follow(c command) (time.Duration, error) {
	deadline := time.Now().Add(followLimit)
	since, streak, last := time.Time{}, 0, ""
	for streak < c.N {
		start := time.Now()
		if start.After(deadline) {
			return 0, fmt.Errorf("no %d calls in a row to %s within %v; the last: %s", c.N, c.Arg, followLimit, last)
		}
		reply, err := n.call(context.Background(), c.Iface, "")
		if err != nil {
			return 0, err
		}
		last = reply
		switch right := strings.Contains(reply, "/"+c.Arg+"/"); {
		case !right:
			streak = 0
		case streak == 0:
			since, streak = start, 1
		default:
			streak++
		}
		<-time.After(followPause)
	}
	return time.Since(since), nil
}
