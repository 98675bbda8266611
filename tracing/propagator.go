package tracing

import (
	"context"

	"go.opentelemetry.io/otel/propagation"

	"github.com/bluegreen-go/bluegreen/sdk"
)

const baggageHeader = "baggage"

// Propagator is an OpenTelemetry propagator for programs that move their context
// with one. It writes the trail's text under [Key], and puts the baggage member
// back where the application has replaced the baggage. List it last, after
// propagation.Baggage:
//
//	propagation.NewCompositeTextMapPropagator(propagation.TraceContext{}, propagation.Baggage{}, tracing.Propagator{})
//
// Extract does not make a trail: it leaves the text in the baggage of the
// context, where [Tracer.Receive] finds it and [Tracer.Middleware] drops it at
// the edge.
type Propagator struct{}

var _ propagation.TextMapPropagator = Propagator{}

// Inject writes the text of the trail in ctx. Without a trail, an old text in the
// carrier is made empty, which counts as none.
func (Propagator) Inject(ctx context.Context, carrier propagation.TextMapCarrier) {
	text := FromContext(ctx).Text()
	if text == "" {
		if carrier.Get(Key) != "" {
			carrier.Set(Key, "")
		}
		return
	}
	carrier.Set(Key, text)
	old := []string{carrier.Get(baggageHeader)}
	if all, ok := carrier.(propagation.ValuesGetter); ok {
		old = all.Values(baggageHeader)
	}
	if now := mergeMember(old, text); len(old) != 1 || now != old[0] {
		carrier.Set(baggageHeader, now)
	}
}

// Extract leaves the text under the own key in the baggage of the returned
// context. One that cannot be read is ignored.
func (Propagator) Extract(ctx context.Context, carrier propagation.TextMapCarrier) context.Context {
	text := carrier.Get(Key)
	if text == "" || text == FromBaggage(ctx) {
		return ctx
	}
	var buf [2 * inlineDecisions]sdk.Decision
	if _, _, _, err := Parse(text, buf[:0]); err != nil {
		return ctx
	}
	return ContextWithBaggage(ctx, text)
}

// Fields returns the keys that Inject sets.
func (Propagator) Fields() []string { return []string{Key, baggageHeader} }
