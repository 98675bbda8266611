package tracing_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

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

func TestReceiveLogsOnce(t *testing.T) {
	source, err := sdk.NewMemorySource(active("order", 50, "order"))
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	client, err := sdk.NewClient(sdk.Identity{Service: "user"}, source, sdk.WithLastGoodFile(""), sdk.WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
	if err != nil {
		t.Fatal(err)
	}
	tracer := tracing.New(client)
	tracer.Wait(t.Context())
	for _, text := range []string{"#1~order", "!2~order:b:1", "\xff", strings.Repeat("a", 2000), "b:g:1~a:b:1"} {
		if _, trail := tracer.Receive(t.Context(), text, true); !trail.Root() {
			t.Errorf("%.20q was taken for %q", text, trail.Text())
		}
	}
	if err := client.Shutdown(context.Background()); err != nil { // ends the client's own logging
		t.Fatal(err)
	}
	if got := strings.Count(log.String(), "cannot be read"); got != 1 {
		t.Errorf("%d log lines, want 1:\n%s", got, log.String())
	}
	var got []string
	for _, e := range tracer.Counters().Snapshot().CarrierErrors {
		got = append(got, fmt.Sprintf("%s/%s=%d", e.Carrier, e.Reason, e.Count))
	}
	want := []string{"own/order=1", "own/syntax=1", "own/too_long=1", "own/version=2"}
	if !slices.Equal(got, want) {
		t.Errorf("errors = %v, want %v", got, want)
	}
}

func TestReceiveWithATrailInTheContext(t *testing.T) {
	tracer := newTracer(t, "user", sdk.Neutral, active("order", 100, "order"))
	ctx, first := tracer.Start(t.Context(), nil)
	if _, got := tracer.Receive(ctx, "", false); got != first {
		t.Error("with nothing carried, the trail did not stay")
	}
	if _, got := tracer.Receive(ctx, "#1~order:g:17", true); got == first || got.Text() != "#1~order:g:17" {
		t.Errorf("a carried text gave %q", got.Text())
	}
	first.Close()
	if _, got := tracer.Receive(ctx, "", false); got == first {
		t.Error("an ended trail stayed")
	}
}

func TestReceiveBringsTheBaggageUpToDate(t *testing.T) {
	tracer := newTracer(t, "order", sdk.Blue, active("order", 50, "order"))
	const old, now = "#1~order:g:17", "#1~order:b:17"
	ctx, trail := tracer.Receive(appBaggage(t, t.Context(), old), "", false)
	if trail.Text() != now || tracing.FromBaggage(ctx) != now {
		t.Errorf("text %q, baggage %q; want both %q", trail.Text(), tracing.FromBaggage(ctx), now)
	}
}

func TestReceiveWithoutActiveChannelKeepsWhatIsCarried(t *testing.T) {
	tracer := newTracer(t, "order", sdk.Blue, idle("order", "order"))
	const text = "#1~order:g:17~stock:b:3"
	if _, trail := tracer.Receive(t.Context(), text, true); trail.Text() != text {
		t.Errorf("text = %q, want %q", trail.Text(), text)
	}
	ctx, trail := tracer.Receive(t.Context(), "#1~order", true)
	if trail != nil || ctx != t.Context() {
		t.Errorf("a bad text gave the trail %q", trail.Text())
	}
}

func TestReceiveRefreshes(t *testing.T) {
	source, err := sdk.NewMemorySource(idle("order", "order"), idle("stock", "stock"))
	if err != nil {
		t.Fatal(err)
	}
	tracer := newTracerOf(t, "user", sdk.Neutral, silent{source})
	next := active("stock", 50, "stock")
	next.Revision = 18
	doc, err := next.Document()
	if err != nil {
		t.Fatal(err)
	}
	source.Put(sdk.ChannelDataID("stock"), doc)
	// The first channel is unknown here; the second is newer than the rules.
	tracer.Receive(t.Context(), "#1~nowhere:b:5~stock:g:18", true)
	waitFor(t, func() bool { return tracer.Client().Rules().Channel("stock").Revision == 18 })
}

// Each request is decided with the rules at its root, however they change.
func TestTextIsTheSameEverywhere(t *testing.T) {
	tracer := newTracer(t, "gateway", sdk.Neutral, active("order", 50, "order"), active("stock", 50, "stock"))
	other := newTracer(t, "user", sdk.Neutral, active("order", 0, "order"), active("stock", 0, "stock"))
	for range 50 {
		_, root := tracer.Start(t.Context(), nil)
		_, hop := other.Receive(t.Context(), root.Text(), true)
		if hop.Text() != root.Text() || hop.Seed() != root.Seed() {
			t.Fatalf("hop has %q, root %q", hop.Text(), root.Text())
		}
	}
}

// An unreachable source delays requests in the first seconds only.
func TestWaitIsOverAfterTheStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source, err := sdk.NewMemorySource()
		if err != nil {
			t.Fatal(err)
		}
		source.SetError(errors.New("unreachable"))
		client, err := sdk.NewClient(sdk.Identity{Service: "user"}, source, sdk.WithLastGoodFile(""), sdk.WithLogger(slog.New(slog.DiscardHandler)))
		if err != nil {
			t.Fatal(err)
		}
		tracer := tracing.New(client)
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		start := time.Now()
		tracer.Wait(gone)
		if d := time.Since(start); d != 0 {
			t.Errorf("a cancelled request waited %v", d)
		}
		tracer.Wait(t.Context())
		if d := time.Since(start); d != 3*time.Second {
			t.Errorf("the first request waited %v, want 3s", d)
		}
		if n := testing.AllocsPerRun(10, func() { tracer.Wait(t.Context()) }); n != 0 || time.Since(start) != 3*time.Second {
			t.Errorf("later ones: %v allocations, %v", n, time.Since(start))
		}
		if err := client.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
	})
}
