package tracing_test

import (
	"net/http"
	"slices"
	"testing"

	"go.opentelemetry.io/otel/propagation"

	"github.com/bluegreen-go/bluegreen/sdk"
	"github.com/bluegreen-go/bluegreen/tracing"
)

func TestPropagator(t *testing.T) {
	const text = "#7~order:g:17"
	tracer := newTracer(t, "gateway", sdk.Neutral, active("order", 50, "order"))
	ctx, _ := tracer.Receive(t.Context(), text, true)
	carrier := propagation.MapCarrier{"baggage": "a=1,bluegreen=old"}
	tracing.Propagator{}.Inject(ctx, carrier)
	if carrier["bluegreen"] != text || carrier["baggage"] != "a=1,bluegreen="+text {
		t.Errorf("injected %v", carrier)
	}
	for _, key := range []string{"bluegreen", "baggage"} {
		if !slices.Contains(tracing.Propagator{}.Fields(), key) {
			t.Errorf("Fields lacks %q", key)
		}
	}
	header := http.Header{"Baggage": {"a=1", "b=2"}}
	tracing.Propagator{}.Inject(ctx, propagation.HeaderCarrier(header))
	if got := header["Baggage"]; len(got) != 1 || got[0] != "a=1,b=2,bluegreen="+text {
		t.Errorf("injected into several headers: %q", got)
	}
	got := tracing.Propagator{}.Extract(t.Context(), carrier)
	if tracing.FromContext(got) != nil || tracing.FromBaggage(got) != text {
		t.Errorf("extracted trail %v and baggage %q, want %q", tracing.FromContext(got), tracing.FromBaggage(got), text)
	}
	if _, trail := tracer.Receive(got, "", false); trail.Text() != text {
		t.Errorf("received %q, want %q", trail.Text(), text)
	}
}

func TestPropagatorWithoutTrail(t *testing.T) {
	carrier := propagation.MapCarrier{"bluegreen": "old"}
	tracing.Propagator{}.Inject(t.Context(), carrier)
	if got := carrier["bluegreen"]; got != "" {
		t.Errorf("an old text %q stays in a reused carrier", got)
	}
	empty := propagation.MapCarrier{}
	tracing.Propagator{}.Inject(t.Context(), empty)
	if len(empty) != 0 {
		t.Errorf("injected %v, want nothing", empty)
	}
	bad := propagation.MapCarrier{"bluegreen": "#7~order"}
	if ctx := (tracing.Propagator{}).Extract(t.Context(), bad); ctx != t.Context() {
		t.Errorf("a bad text changed the context: %q", tracing.FromBaggage(ctx))
	}
}
