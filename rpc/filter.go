package rpc

import (
	"context"
	"strings"
	"sync/atomic"

	"dubbo.apache.org/dubbo-go/v3/common"
	"dubbo.apache.org/dubbo-go/v3/common/constant"
	"dubbo.apache.org/dubbo-go/v3/filter"
	"dubbo.apache.org/dubbo-go/v3/protocol/base"
	"dubbo.apache.org/dubbo-go/v3/protocol/result"

	"github.com/bluegreen-go/bluegreen/registry"
	"github.com/bluegreen-go/bluegreen/sdk"
	"github.com/bluegreen-go/bluegreen/tracing"
)

// clientFilter writes the decisions into the attachments. It runs once per
// attempt, with the instance chosen, before the filter of OpenTelemetry.
type clientFilter struct {
	tracer *tracing.Tracer
	next   filter.Filter // runs within this one; may be nil
}

// Invoke implements dubbo-go's filter.Filter.
func (f *clientFilter) Invoke(ctx context.Context, invoker base.Invoker, inv base.Invocation) result.Result {
	trail := tracing.FromContext(ctx)
	text := trail.Text()
	if text == "" {
		return f.forward(ctx, invoker, inv)
	}
	inv.SetAttachment(tracing.Key, trail.TextValue())
	url := invoker.GetURL()
	if url != nil && strings.Contains(url.GetParam(constant.ReferenceFilterKey, ""), constant.OTELClientTraceKey) {
		ctx = tracing.ContextWithBaggage(ctx, text)
	}
	f.check(inv, url)
	return f.forward(ctx, invoker, inv)
}

func (f *clientFilter) forward(ctx context.Context, invoker base.Invoker, inv base.Invocation) result.Result {
	if f.next != nil {
		return f.next.Invoke(ctx, invoker, inv)
	}
	return invoker.Invoke(ctx, inv)
}

// check counts a call that a load balancer sent elsewhere than the router said.
func (f *clientFilter) check(inv base.Invocation, url *common.URL) {
	c := callOf(inv)
	if c == nil || url == nil {
		return
	}
	d, _ := c.Decided()
	if d.Reason == sdk.None || d.Color == sdk.Neutral {
		return
	}
	if is := url.GetParam(registry.KeyColor, ""); is != "" && is != d.Color.String() {
		f.tracer.Counters().Crossing(d.Channel, "load-balancer")
	}
}

// OnResponse is the next filter's, if there is one.
func (f *clientFilter) OnResponse(ctx context.Context, res result.Result, invoker base.Invoker, inv base.Invocation) result.Result {
	if f.next != nil {
		return f.next.OnResponse(ctx, res, invoker, inv)
	}
	return res
}

// providerFilter reads the decisions from the attachments and counts the request
// while the handler runs.
type providerFilter struct {
	tracer  *tracing.Tracer
	running *atomic.Int64
}

// Invoke implements dubbo-go's filter.Filter.
func (f *providerFilter) Invoke(ctx context.Context, invoker base.Invoker, inv base.Invocation) result.Result {
	f.running.Add(1)
	defer f.running.Add(-1)
	text, found := inv.GetAttachment(tracing.Key)
	ctx, trail := f.tracer.Receive(ctx, text, found)
	if trail.Open(f.tracer.Client().Activity()) {
		defer trail.Close()
	}
	return invoker.Invoke(ctx, inv)
}

// OnResponse does nothing.
func (f *providerFilter) OnResponse(_ context.Context, res result.Result, _ base.Invoker, _ base.Invocation) result.Result {
	return res
}
