package rpc

import (
	"context"
	"sync"
	"time"

	"dubbo.apache.org/dubbo-go/v3/protocol/base"
	"dubbo.apache.org/dubbo-go/v3/protocol/result"

	"github.com/bluegreen-go/bluegreen/sdk"
	"github.com/bluegreen-go/bluegreen/tracing"
)

// refreshHold bounds how long a call waits for rules that somebody else has
// already decided by, once per revision.
const refreshHold = 200 * time.Millisecond

// interceptor runs once per logical call, before routing: it has the context.
type interceptor struct {
	tracer *tracing.Tracer
	held   sync.Map // channel and revision that were waited for
}

type heldKey struct {
	channel  string
	revision int64
}

// Invoke implements dubbo-go's cluster.Interceptor. It does nothing for a request
// without decisions while no channel is active, and nothing when it runs a second
// time for one call.
func (i *interceptor) Invoke(ctx context.Context, next base.Invoker, inv base.Invocation) result.Result {
	if callOf(inv) != nil {
		return next.Invoke(ctx, inv)
	}
	i.tracer.Wait(ctx)
	ctx, trail := i.begin(ctx, inv)
	if trail == nil {
		return next.Invoke(ctx, inv)
	}
	if trail.Open(i.tracer.Client().Activity()) {
		defer trail.Close()
	} else if trail.Ended() {
		defer track(i.tracer.Client().Activity(), trail.Decisions())()
	}
	c := &call{trail: trail, rules: i.rules(ctx, trail)}
	inv.SetAttribute(attribute, c)
	res := next.Invoke(ctx, inv)
	if err := c.refusal(); err != nil && res.Error() != nil {
		res.SetError(err)
	}
	return res
}

// track counts a call that is made after its request has ended.
func track(activity *sdk.Activity, decisions []sdk.Decision) (end func()) {
	for _, d := range decisions {
		activity.Counter(d.Channel).Begin(d.Color)
	}
	return func() {
		for _, d := range decisions {
			activity.Counter(d.Channel).End(d.Color)
		}
	}
}

// begin finds the request's trail, or makes one: from the attachments that the
// caller copied from elsewhere, else as a root.
func (i *interceptor) begin(ctx context.Context, inv base.Invocation) (context.Context, *tracing.Trail) {
	if trail := tracing.FromContext(ctx); trail != nil {
		return ctx, trail
	}
	if text, ok := inv.GetAttachment(tracing.Key); ok {
		return i.tracer.Receive(ctx, text, true)
	}
	return i.tracer.Start(ctx, nil)
}

// rules returns the snapshot to route by. Where the request was decided by newer
// rules than this process has, it waits a moment for them, once per revision.
func (i *interceptor) rules(ctx context.Context, trail *tracing.Trail) *sdk.Rules {
	client := i.tracer.Client()
	rules := client.Rules()
	channel, revision, newer := rules.Newer(trail.Decisions())
	if !newer {
		return rules
	}
	client.Refresh(channel, revision)
	if rules.Channel(channel) != nil {
		return rules // known, only older: the decision is obeyed as it is
	}
	if _, waited := i.held.LoadOrStore(heldKey{channel, revision}, true); waited {
		return rules
	}
	ctx, cancel := context.WithTimeout(ctx, refreshHold)
	defer cancel()
	client.WaitFor(ctx, channel, revision)
	return client.Rules()
}
