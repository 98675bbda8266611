package rpc

import (
	"context"

	"dubbo.apache.org/dubbo-go/v3/protocol/base"
	"dubbo.apache.org/dubbo-go/v3/protocol/result"

	"github.com/bluegreen-go/bluegreen/internal/route"
	"github.com/bluegreen-go/bluegreen/tracing"
)

// interceptor runs once per logical call, before routing: it has the context.
type interceptor struct {
	tracer *tracing.Tracer
	calls  route.Starter
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
	c := i.calls.Start(ctx, i.tracer, trail)
	defer c.End()
	inv.SetAttribute(attribute, c)
	res := next.Invoke(ctx, inv)
	if err := refusal(c); err != nil && res.Error() != nil {
		res.SetError(err)
	}
	return res
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
