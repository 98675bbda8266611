package tracing_test

import (
	"context"
	"strconv"
	"sync"
	"testing"

	"github.com/bluegreen-go/bluegreen/sdk"
	"github.com/bluegreen-go/bluegreen/tracing"
)

func decision(channel string, color sdk.Color) sdk.Decision {
	return sdk.Decision{Channel: channel, Color: color, From: color, Reason: sdk.Late, Revision: 3}
}

// counts returns what is under way and was started, in a channel and colour.
func counts(tracer *tracing.Tracer, channel string, color sdk.Color) [2]int64 {
	c := tracer.Client().Activity().Counter(channel)
	return [2]int64{c.InFlight(color), c.Starts(color)}
}

func wantCounts(t *testing.T, tracer *tracing.Tracer, channel string, color sdk.Color, inFlight, starts int64) {
	t.Helper()
	if got, want := counts(tracer, channel, color), [2]int64{inFlight, starts}; got != want {
		t.Errorf("%s/%s in flight and started: got %v, want %v", channel, color, got, want)
	}
}

func TestNilTrail(t *testing.T) {
	trail := tracing.FromContext(t.Context())
	if trail != nil {
		t.Fatalf("trail = %v, want nil", trail)
	}
	d := decision("order", sdk.Blue)
	if got := trail.Pin(d); got != d {
		t.Errorf("Pin = %v, want %v", got, d)
	}
	if trail.Decisions() != nil || trail.Text() != "" || trail.Seed() != 0 || trail.Root() || trail.Ended() || trail.Open(&sdk.Activity{}) {
		t.Error("a nil trail says something")
	}
	trail.Hold()()
	trail.Close()
}

func TestPinKeepsTheFirst(t *testing.T) {
	tracer := newTracer(t, "order", sdk.Blue, active("order", 50, "order"))
	_, trail := tracer.Receive(t.Context(), "#7~order:b:17~stock:g:2", true)
	before := trail.Decisions()
	if got := trail.Pin(decision("stock", sdk.Blue)); got.Color != sdk.Green || got.Reason != sdk.Carried {
		t.Errorf("Pin of a decided channel = %+v, want the carried green", got)
	}
	if got, want := trail.Text(), "#7~order:b:17~stock:g:2"; got != want {
		t.Errorf("text = %q, want it unchanged", got)
	}
	if got := trail.Pin(decision("pay", sdk.Green)); got != decision("pay", sdk.Green) {
		t.Errorf("Pin = %+v, want the new decision", got)
	}
	if got, want := trail.Text(), "#7~order:b:17~pay:g:3~stock:g:2"; got != want {
		t.Errorf("text = %q, want %q", got, want)
	}
	if len(before) != 2 || before[1].Channel != "stock" {
		t.Errorf("an earlier snapshot changed to %v", before)
	}
	trail.Pin(sdk.Decision{})
	trail.Pin(sdk.Decision{Channel: "neutral"})
	if got := len(trail.Decisions()); got != 3 {
		t.Errorf("%d decisions, want 3: none without channel or colour", got)
	}
}

func TestOpenAndCloseCount(t *testing.T) {
	tracer := newTracer(t, "gateway", sdk.Neutral, active("order", 100, "order"))
	_, trail := tracer.Start(t.Context(), nil)
	wantCounts(t, tracer, "order", sdk.Blue, 0, 0)
	if !trail.Open(tracer.Client().Activity()) || trail.Open(tracer.Client().Activity()) {
		t.Fatal("Open: want true once")
	}
	trail.Pin(decision("late", sdk.Green))
	wantCounts(t, tracer, "order", sdk.Blue, 1, 1)
	wantCounts(t, tracer, "late", sdk.Green, 1, 1)
	trail.Close()
	trail.Close()
	if !trail.Ended() {
		t.Error("Ended = false after Close")
	}
	wantCounts(t, tracer, "order", sdk.Blue, 0, 1)
	wantCounts(t, tracer, "late", sdk.Green, 0, 1)
	if got := trail.Pin(decision("after", sdk.Green)); got.Color != sdk.Green {
		t.Errorf("Pin after Close = %+v", got)
	}
	wantCounts(t, tracer, "after", sdk.Green, 0, 0)
	if trail.Open(tracer.Client().Activity()) {
		t.Error("an ended trail was opened")
	}
	if ds := trail.Decisions(); len(ds) != 3 {
		t.Errorf("decisions after Close = %v, want 3", ds)
	}
}

func TestHoldOutlivesTheRequest(t *testing.T) {
	tracer := newTracer(t, "gateway", sdk.Neutral, active("order", 100, "order"))
	ctx, cancel := context.WithCancel(t.Context())
	ctx, trail := tracer.Start(ctx, nil)
	trail.Hold()() // not open: nothing to hold
	trail.Open(tracer.Client().Activity())
	first, second := trail.Hold(), trail.Hold()
	detached := tracing.Detach(ctx)
	trail.Close()
	cancel()
	if detached.Err() != nil || tracing.FromContext(detached) != trail {
		t.Errorf("detached context: %v, trail %p; want no error, %p", detached.Err(), tracing.FromContext(detached), trail)
	}
	first()
	first()
	wantCounts(t, tracer, "order", sdk.Blue, 1, 1)
	second()
	wantCounts(t, tracer, "order", sdk.Blue, 0, 1)
}

func TestPinConcurrentSafe(t *testing.T) {
	tracer := newTracer(t, "gateway", sdk.Neutral, active("order", 100, "order"))
	for round := range 100 {
		_, trail := tracer.Start(t.Context(), nil)
		trail.Open(tracer.Client().Activity())
		const n = 8
		got := [n]sdk.Decision{}
		start := make(chan struct{})
		var wg sync.WaitGroup
		for i := range n {
			wg.Go(func() {
				<-start
				got[i] = trail.Pin(decision("late", sdk.Colors[(i+round)%2]))
				_ = trail.Text()
			})
		}
		close(start)
		wg.Wait()
		held, _ := sdk.Find(trail.Decisions(), "late")
		for i := range got {
			if got[i] != held {
				t.Fatalf("Pin %d returned %+v, but %+v holds", i, got[i], held)
			}
		}
		trail.Close()
	}
	wantInFlight(t, tracer, "late")
	if starts := counts(tracer, "late", sdk.Blue)[1] + counts(tracer, "late", sdk.Green)[1]; starts != 100 {
		t.Errorf("%d starts, want one for each of 100 requests", starts)
	}
}

func wantInFlight(t *testing.T, tracer *tracing.Tracer, channel string) {
	t.Helper()
	for _, color := range sdk.Colors {
		if n := counts(tracer, channel, color)[0]; n != 0 {
			t.Errorf("%s/%s in flight = %d, want 0", channel, color, n)
		}
	}
}

// Pins that race with Open, Hold and Close never leave a count behind.
func TestCloseConcurrentSafe(t *testing.T) {
	tracer := newTracer(t, "gateway", sdk.Neutral, active("order", 100, "order"))
	for range 100 {
		_, trail := tracer.Start(t.Context(), nil)
		start := make(chan struct{})
		var wg sync.WaitGroup
		for i := range 4 {
			wg.Go(func() {
				<-start
				trail.Pin(decision("late"+strconv.Itoa(i), sdk.Green))
			})
		}
		wg.Go(func() { <-start; trail.Open(tracer.Client().Activity()) })
		wg.Go(func() { <-start; trail.Hold()() })
		wg.Go(func() { <-start; trail.Close() })
		close(start)
		wg.Wait()
		trail.Close()
	}
	for _, channel := range []string{"order", "late0", "late1", "late2", "late3"} {
		wantInFlight(t, tracer, channel)
	}
}

func TestTextValue(t *testing.T) {
	tracer := newTracer(t, "gateway", sdk.Neutral, active("order", 50, "order"))
	_, trail := tracer.Start(t.Context(), nil)
	for range 2 {
		if got := trail.TextValue(); got != trail.Text() {
			t.Errorf("TextValue() = %v, want %q", got, trail.Text())
		}
		wantAllocs(t, "TextValue", 0, func() { _ = trail.TextValue() })
		trail.Pin(decision("stock", sdk.Blue)) // another text
	}
	var none *tracing.Trail
	if got := none.TextValue(); got != "" {
		t.Errorf("a nil trail has %v", got)
	}
}
