package dubbotest

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"dubbo.apache.org/dubbo-go/v3/protocol/triple/triple_protocol"

	"github.com/bluegreen-go/bluegreen/tracing"
)

// odd is what handlers do that should not, and what they remember for it.
type odd struct {
	mu    sync.Mutex
	gate  chan struct{} // closed by release
	stale context.Context
	fails int
	late  []chan lateReply
}

type lateReply struct {
	reply string
	err   error
}

// step does one part of a plan: a call, or a word that begins with "@":
//
//	@lost(plan)   makes the calls of the plan without the request's context
//	@stale(plan)  makes them with the context of the first request that said so
//	@later(plan)  leaves a goroutine behind that makes them at Release
//	@held(plan)   likewise, and the goroutine holds the trail until it is done
//	@gate         waits for Release
//	@wait(ms)     takes this long
//	@fail(n)      fails the first n times
func (n *node) step(ctx context.Context, c planned) (string, error) {
	switch c.iface {
	case "@lost":
		return n.fanOut(context.Background(), c.arg)
	case "@stale":
		return n.fanOut(n.odd.first(ctx), c.arg)
	case "@later":
		n.leave(ctx, c.arg, func() {})
	case "@held":
		n.leave(ctx, c.arg, tracing.FromContext(ctx).Hold())
	case "@gate":
		<-n.odd.closed()
	case "@wait":
		ms, _ := strconv.Atoi(c.arg)
		<-time.After(time.Duration(ms) * time.Millisecond)
	case "@fail":
		most, _ := strconv.Atoi(c.arg)
		if n.odd.fail(most) {
			return "", triple_protocol.NewError(triple_protocol.CodeUnavailable, errors.New("failing as told"))
		}
	default:
		if strings.HasPrefix(c.iface, "@") {
			return "", fmt.Errorf("unknown word %q", c.iface)
		}
		return n.call(ctx, c.iface, c.arg)
	}
	return strings.TrimPrefix(c.iface, "@"), nil
}

// first returns the context of the first request that asked.
func (o *odd) first(ctx context.Context) context.Context {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.stale == nil {
		o.stale = context.WithoutCancel(ctx)
	}
	return o.stale
}

func (o *odd) closed() chan struct{} {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.gate
}

// fail reports whether this is one of the first n calls.
func (o *odd) fail(n int) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.fails++
	return o.fails <= n
}

// leave starts a goroutine that outlives the request.
func (n *node) leave(ctx context.Context, plan string, release func()) {
	ctx = tracing.Detach(ctx)
	done := make(chan lateReply, 1)
	n.odd.mu.Lock()
	gate := n.odd.gate
	n.odd.late = append(n.odd.late, done)
	n.odd.mu.Unlock()
	go func() {
		defer release()
		<-gate
		reply, err := n.fanOut(ctx, plan)
		done <- lateReply{reply, err}
	}()
}

// release opens the gate, for what waits there now, and returns what came of it.
func (n *node) release(a *answer) {
	a.Replies, a.Errors = map[string]int{}, map[string]int{}
	n.odd.mu.Lock()
	close(n.odd.gate)
	n.odd.gate = make(chan struct{})
	late := n.odd.late
	n.odd.late = nil
	n.odd.mu.Unlock()
	for _, done := range late {
		a.count((<-done).unpack())
	}
}

func (r lateReply) unpack() (string, error) { return r.reply, r.err }
