package tracing_test

import (
	"context"
	"slices"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/bluegreen-go/bluegreen/sdk"
	"github.com/bluegreen-go/bluegreen/tracing"
)

// record runs f within a span and returns it.
func record(t *testing.T, f func(ctx context.Context)) sdktrace.ReadOnlySpan {
	t.Helper()
	recorder := tracetest.NewSpanRecorder()
	tp := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(recorder))
	t.Cleanup(func() { _ = tp.Shutdown(context.Background()) })
	ctx, span := tp.Tracer("test").Start(t.Context(), "request")
	f(ctx)
	span.End()
	return recorder.Ended()[0]
}

func wantAttributes(t *testing.T, got []attribute.KeyValue, want ...attribute.KeyValue) {
	t.Helper()
	for _, kv := range want {
		if !slices.Contains(got, kv) {
			t.Errorf("attributes %v lack %v", got, kv)
		}
	}
}

func TestSpanOfARequest(t *testing.T) {
	tracer := newTracer(t, "order", sdk.Blue, active("apple", 0, "apple"), active("order", 50, "order"))
	span := record(t, func(ctx context.Context) { tracer.Receive(ctx, "#7~apple:g:17~order:g:17", true) })
	wantAttributes(t, span.Attributes(), tracing.AttrChannel.String("order"), tracing.AttrColor.String("blue"),
		tracing.AttrSource.String("arrived"), tracing.AttrRevision.Int64(17), tracing.AttrTrail.String("#7~apple:g:17~order:b:17"))
	if len(span.Events()) != 1 || span.Events()[0].Name != tracing.EventMisrouted {
		t.Errorf("events = %v, want %s", span.Events(), tracing.EventMisrouted)
	}
	span = record(t, func(ctx context.Context) { tracer.Receive(ctx, "#7~order", true) })
	if len(span.Events()) != 1 || span.Events()[0].Name != tracing.EventCarrierError {
		t.Fatalf("events = %v, want %s", span.Events(), tracing.EventCarrierError)
	}
	wantAttributes(t, span.Events()[0].Attributes, tracing.AttrCarrier.String("own"), tracing.AttrReason.String("syntax"))
}

func TestAnnotate(t *testing.T) {
	d := decision("order", sdk.Green)
	d.From, d.Reason = sdk.Blue, sdk.Corrected
	span := record(t, func(ctx context.Context) {
		tracing.Annotate(ctx, sdk.Decision{})
		tracing.Annotate(ctx, d)
	})
	wantAttributes(t, span.Attributes(), tracing.AttrChannel.String("order"), tracing.AttrColor.String("green"), tracing.AttrSource.String("corrected"))
	if len(span.Events()) != 1 || span.Events()[0].Name != tracing.EventCrossing {
		t.Fatalf("events = %v, want %s", span.Events(), tracing.EventCrossing)
	}
	wantAttributes(t, span.Events()[0].Attributes, tracing.AttrFrom.String("blue"), tracing.AttrColor.String("green"), tracing.AttrReason.String("corrected"))
	if plain := record(t, func(ctx context.Context) { tracing.Annotate(ctx, decision("order", sdk.Green)) }); len(plain.Events()) != 0 {
		t.Errorf("events = %v, want none for a call that keeps its colour", plain.Events())
	}
}
