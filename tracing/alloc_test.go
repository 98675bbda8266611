package tracing_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/bluegreen-go/bluegreen/sdk"
	"github.com/bluegreen-go/bluegreen/tracing"
)

// The tests in this file hold the budgets of the request path, in allocations.
func wantAllocs(t *testing.T, what string, want float64, f func()) {
	t.Helper()
	f() // counters are made at first use
	if got := testing.AllocsPerRun(200, f); got > want {
		t.Errorf("%s: %v allocations, want at most %v", what, got, want)
	}
}

func TestAllocsWithoutActiveChannel(t *testing.T) {
	tracer := newTracer(t, "order", sdk.Blue, idle("order", "order"))
	ctx := t.Context()
	wantAllocs(t, "Start", 0, func() {
		ctx, trail := tracer.Start(ctx, nil)
		trail.Open(tracer.Client().Activity())
		_ = ctx
		trail.Close()
	})
	wantAllocs(t, "Receive", 0, func() { tracer.Receive(ctx, "", false) })
	w, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil)
	none := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	edge, inner := tracer.Middleware()(none), tracer.Middleware(tracing.WithTrust())(none)
	wantAllocs(t, "Middleware", 0, func() { edge.ServeHTTP(w, r) })
	wantAllocs(t, "Middleware with trust", 0, func() { inner.ServeHTTP(w, r) })
	wire := roundTripper(func(*http.Request) (*http.Response, error) { return nil, nil })
	client := tracer.Transport(wire)
	wantAllocs(t, "Transport", 0, func() { _, _ = client.RoundTrip(r) })
}

func TestAllocsOfReading(t *testing.T) {
	tracer := newTracer(t, "gateway", sdk.Neutral, active("order", 50, "order"), active("stock", 50, "stock"))
	ctx, trail := tracer.Start(t.Context(), nil)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var text string
	wantAllocs(t, "FromContext and Find", 0, func() {
		if _, ok := sdk.Find(tracing.FromContext(ctx).Decisions(), "stock"); !ok {
			t.Error("stock is not decided")
		}
	})
	wantAllocs(t, "Text", 0, func() { text = trail.Text() })
	wantAllocs(t, "Pin of a decided channel", 0, func() { trail.Pin(decision("stock", sdk.Blue)) })
	wantAllocs(t, "FromBaggage", 0, func() { _ = tracing.FromBaggage(ctx) })
	var buf [tracing.MaxChannels]sdk.Decision
	wantAllocs(t, "Parse", 0, func() {
		if _, _, _, err := tracing.Parse(text, buf[:0]); err != nil {
			t.Error(err)
		}
	})
	wantAllocs(t, "Parse of a bad text", 0, func() { _, _, _, _ = tracing.Parse(text+"", buf[:0]) })
	var dst [tracing.MaxText]byte
	wantAllocs(t, "Append", 0, func() { tracing.Append(dst[:0], 7, trail.Decisions()) })
	counters := tracer.Counters()
	wantAllocs(t, "Decision", 0, func() { counters.Decision("order", sdk.Blue, sdk.ByShare) })
	wantAllocs(t, "Crossing", 0, func() { counters.Crossing("order", sdk.Corrected) })
	wantAllocs(t, "Annotate", 0, func() { tracing.Annotate(ctx, decision("order", sdk.Blue)) })
}

func TestAllocsWithActiveChannels(t *testing.T) {
	order, stock, pay := active("order", 50, "order"), active("stock", 50, "stock"), active("pay", 50, "pay")
	tests := []struct {
		name           string
		text           string
		channels       []*sdk.Channel
		start, receive float64
	}{
		{"one channel", "#7~order:b:17", []*sdk.Channel{order}, 2, 1},
		{"three channels", "#7~order:b:17~pay:b:17~stock:g:17", []*sdk.Channel{order, stock, pay}, 2, 1},
		{"one of them late", "#7~order:b:17~stock:g:17", []*sdk.Channel{order, stock, pay}, 2, 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tracer := newTracer(t, "gateway", sdk.Neutral, tt.channels...)
			ctx := t.Context()
			wantAllocs(t, "Start", tt.start, func() {
				_, trail := tracer.Start(ctx, nil)
				trail.Open(tracer.Client().Activity())
				trail.Close()
			})
			wantAllocs(t, "Receive", tt.receive, func() {
				_, trail := tracer.Receive(ctx, tt.text, true)
				trail.Open(tracer.Client().Activity())
				trail.Close()
			})
		})
	}
}

func BenchmarkStart(b *testing.B) {
	tracer := newTracer(b, "gateway", sdk.Neutral, active("order", 50, "order"))
	ctx := b.Context()
	b.ReportAllocs()
	for b.Loop() {
		tracer.Start(ctx, nil)
	}
}

func BenchmarkReceive(b *testing.B) {
	tracer := newTracer(b, "order", sdk.Blue, active("order", 50, "order"))
	ctx := b.Context()
	b.ReportAllocs()
	for b.Loop() {
		tracer.Receive(ctx, "#4711~order:b:17", true)
	}
}

func BenchmarkReceiveIdle(b *testing.B) {
	tracer := newTracer(b, "order", sdk.Blue, idle("order", "order"))
	ctx := b.Context()
	b.ReportAllocs()
	for b.Loop() {
		tracer.Receive(ctx, "", false)
	}
}

func BenchmarkFind(b *testing.B) {
	tracer := newTracer(b, "gateway", sdk.Neutral, active("order", 50, "order"), active("stock", 50, "stock"))
	ctx, _ := tracer.Start(b.Context(), nil)
	b.ReportAllocs()
	for b.Loop() {
		sdk.Find(tracing.FromContext(ctx).Decisions(), "stock")
	}
}

func BenchmarkParse(b *testing.B) {
	var buf [tracing.MaxChannels]sdk.Decision
	b.ReportAllocs()
	for b.Loop() {
		_, _, _, _ = tracing.Parse("#4711~order:b:17~pay:b:4~stock:g:3~user:g:120", buf[:0])
	}
}

func BenchmarkMiddlewareIdle(b *testing.B) {
	tracer := newTracer(b, "order", sdk.Blue, idle("order", "order"))
	h := tracer.Middleware()(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	w, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil)
	b.ReportAllocs()
	for b.Loop() {
		h.ServeHTTP(w, r)
	}
}
