package tracing_test

import (
	"context"
	"testing"

	"go.opentelemetry.io/otel/trace"

	"github.com/bluegreen-go/bluegreen/sdk"
	"github.com/bluegreen-go/bluegreen/tracing"
)

func TestStartDecidesEveryActiveChannel(t *testing.T) {
	tracer := newTracer(t, "gateway", sdk.Neutral, active("order", 100, "order"), active("stock", 0, "stock"), idle("pay", "pay"))
	ctx, trail := tracer.Start(t.Context(), nil)
	if tracing.FromContext(ctx) != trail {
		t.Fatalf("FromContext = %v, want the trail that Start returned", tracing.FromContext(ctx))
	}
	if !trail.Root() {
		t.Error("Root = false, want true")
	}
	ds := trail.Decisions()
	if len(ds) != 2 || ds[0].Channel != "order" || ds[1].Channel != "stock" {
		t.Fatalf("decisions = %v, want order and stock", ds)
	}
	if ds[0].Color != sdk.Blue || ds[1].Color != sdk.Green || ds[0].Reason != sdk.ByShare || ds[0].Revision != 17 {
		t.Errorf("decisions = %+v, want order blue, stock green, by share at 17", ds)
	}
	again, second := tracer.Start(ctx, nil)
	if again != ctx || second != trail {
		t.Error("a second Start did not return the first one's trail")
	}
	trail.Close()
	if _, third := tracer.Start(ctx, nil); third != trail {
		t.Error("Start with an ended trail did not return it")
	}
}

func TestStartTakesTheSeedFromTheTrace(t *testing.T) {
	tracer := newTracer(t, "gateway", sdk.Neutral, active("order", 50, "order"))
	id := trace.TraceID{1, 2, 3}
	ctx := trace.ContextWithSpanContext(t.Context(), trace.NewSpanContext(trace.SpanContextConfig{TraceID: id, SpanID: trace.SpanID{1}}))
	_, trail := tracer.Start(ctx, nil)
	if got, want := trail.Seed(), sdk.SeedOf(id); got != want {
		t.Errorf("seed = %d, want %d", got, want)
	}
	seeds := map[sdk.Seed]bool{}
	for range 8 {
		_, trail := tracer.Start(context.Background(), nil)
		seeds[trail.Seed()] = true
	}
	if len(seeds) < 2 {
		t.Error("all random seeds are the same")
	}
}

func TestReceive(t *testing.T) {
	order, stock := active("order", 100, "order"), active("stock", 100, "stock")
	tests := []struct {
		name    string
		service string
		color   sdk.Color
		text    string
		want    string // text forwarded
		root    bool
		reasons []sdk.Reason
	}{
		{"forwarded byte for byte", "other", sdk.Neutral, "#7~order:g:3~stock:b:17", "#7~order:g:3~stock:b:17", false, []sdk.Reason{sdk.Carried, sdk.Carried}},
		{"without a seed", "other", sdk.Neutral, "order:g:3~stock:b:17", "order:g:3~stock:b:17", false, []sdk.Reason{sdk.Carried, sdk.Carried}},
		{"unknown channel is kept", "other", sdk.Neutral, "#7~nowhere:g:3~order:b:1~stock:b:17", "#7~nowhere:g:3~order:b:1~stock:b:17", false, []sdk.Reason{sdk.Carried, sdk.Carried, sdk.Carried}},
		{"unnamed channel is late", "other", sdk.Neutral, "#7~stock:g:17", "#7~order:b:17~stock:g:17", false, []sdk.Reason{sdk.Late, sdk.Carried}},
		{"own colour replaces", "order", sdk.Blue, "#7~order:g:17~stock:g:17", "#7~order:b:17~stock:g:17", false, []sdk.Reason{sdk.Arrived, sdk.Carried}},
		{"own colour agrees", "order", sdk.Green, "#7~order:g:16~stock:g:17", "#7~order:g:16~stock:g:17", false, []sdk.Reason{sdk.Carried, sdk.Carried}},
		{"nothing carried", "order", sdk.Green, "", "", true, []sdk.Reason{sdk.OwnColor, sdk.Late}},
		{"malformed", "order", sdk.Green, "#7~order", "", true, []sdk.Reason{sdk.OwnColor, sdk.Late}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tracer := newTracer(t, tt.service, tt.color, order, stock)
			ctx, trail := tracer.Receive(t.Context(), tt.text, tt.text != "")
			if tracing.FromContext(ctx) != trail || trail == nil {
				t.Fatalf("trail = %v, in the context %v", trail, tracing.FromContext(ctx))
			}
			if tt.want != "" && trail.Text() != tt.want {
				t.Errorf("text = %q, want %q", trail.Text(), tt.want)
			}
			if trail.Root() != tt.root {
				t.Errorf("root = %v, want %v", trail.Root(), tt.root)
			}
			for i, d := range trail.Decisions() {
				if i >= len(tt.reasons) || d.Reason != tt.reasons[i] {
					t.Errorf("decision %d = %+v, want reasons %v", i, d, tt.reasons)
				}
			}
		})
	}
}
