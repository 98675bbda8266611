package tracing

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/bluegreen-go/bluegreen/sdk"
)

// Attributes of spans, events and metrics.
const (
	AttrChannel  = attribute.Key("bluegreen.channel")
	AttrColor    = attribute.Key("bluegreen.color")
	AttrSource   = attribute.Key("bluegreen.decision.source") // the reason
	AttrRevision = attribute.Key("bluegreen.rule.revision")   // spans only
	AttrTrail    = attribute.Key("bluegreen.trail")           // the whole text; spans only
	AttrFrom     = attribute.Key("bluegreen.color.decided")   // crossings only
	AttrCarrier  = attribute.Key("bluegreen.carrier")
	AttrReason   = attribute.Key("bluegreen.reason")
)

// Events of spans: anomalies only.
const (
	EventCrossing     = "bluegreen.crossing"      // the call left its decided colour
	EventMisrouted    = "bluegreen.misrouted"     // the request came in on another colour than it carried
	EventCarrierError = "bluegreen.carrier.error" // what the request carried could not be read
)

// Annotate puts a decision on the span in ctx, as attributes; a crossing is an
// event as well. It does nothing unless the span is recording. Adapters call it
// with what was decided for one call.
func Annotate(ctx context.Context, d sdk.Decision) {
	span := trace.SpanFromContext(ctx)
	if d.Channel == "" || !span.IsRecording() {
		return
	}
	setDecision(span, d)
	if d.Crossing() {
		span.AddEvent(EventCrossing, trace.WithAttributes(AttrChannel.String(d.Channel),
			AttrFrom.String(d.From.String()), AttrColor.String(d.Color.String()), AttrReason.String(string(d.Reason))))
	}
}

// annotate puts a new trail on the span in ctx: the decision for the channel of
// this process, else the first.
func (t *Tracer) annotate(ctx context.Context, trail *Trail) {
	span := trace.SpanFromContext(ctx)
	ds := trail.Decisions()
	if !span.IsRecording() || len(ds) == 0 {
		return
	}
	d := ds[0]
	if ch := t.client.Rules().ActiveChannel(t.client.Identity().Service); ch != nil {
		if own, ok := sdk.Find(ds, ch.Name); ok {
			d = own
		}
	}
	setDecision(span, d)
	span.SetAttributes(AttrTrail.String(trail.Text()))
	if d.Reason == sdk.Arrived {
		span.AddEvent(EventMisrouted, trace.WithAttributes(AttrChannel.String(d.Channel), AttrColor.String(d.Color.String())))
	}
}

func setDecision(span trace.Span, d sdk.Decision) {
	span.SetAttributes(AttrChannel.String(d.Channel), AttrColor.String(d.Color.String()),
		AttrSource.String(string(d.Reason)), AttrRevision.Int64(d.Revision))
}

func annotateError(ctx context.Context, carrier string, err error) {
	if span := trace.SpanFromContext(ctx); span.IsRecording() {
		span.AddEvent(EventCarrierError, trace.WithAttributes(AttrCarrier.String(carrier), AttrReason.String(errorReason(err))))
	}
}
