package tracing

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"

	"go.opentelemetry.io/otel/trace"

	"github.com/bluegreen-go/bluegreen/sdk"
)

// Tracer makes the trails of one process. Create one with [New] and share it; all
// methods may be called concurrently.
type Tracer struct {
	client   *sdk.Client
	counters *Counters
	settled  atomic.Bool // the wait at the start is over
	logOnce  sync.Once   // for the first text that cannot be read
}

// New returns a tracer that follows the rules of client.
func New(client *sdk.Client) *Tracer {
	return &Tracer{client: client, counters: newCounters()}
}

// Client returns the client whose rules the tracer follows.
func (t *Tracer) Client() *sdk.Client { return t.client }

// Counters returns what was counted so far.
func (t *Tracer) Counters() *Counters { return t.counters }

// Wait waits for the rules as [sdk.Client.WaitLoaded] does: only in the first
// seconds of a process, until they are there. Afterwards it costs nothing.
// Adapters call it before a request's root is decided.
func (t *Tracer) Wait(ctx context.Context) {
	if t.settled.Load() {
		return
	}
	if err := t.client.WaitLoaded(ctx); err == nil || ctx.Err() == nil {
		t.settled.Store(true)
	}
}

// Start begins a request in this process, as its root: every active channel is
// decided, with the request's attributes (which may be nil), and the returned
// context holds the trail. The seed is taken from the trace in ctx, else it is
// random. A trail that ctx holds already, even one that has ended, stays: a root
// within a request decides nothing anew.
//
// While no channel is active, ctx is returned with a nil trail, and nothing is
// allocated.
//
// The caller opens the trail, and closes it if it was the one that opened it.
func (t *Tracer) Start(ctx context.Context, attributes sdk.Attributes) (context.Context, *Trail) {
	if trail := FromContext(ctx); trail != nil {
		return ctx, trail
	}
	rules := t.client.Rules()
	if !rules.AnyActive() {
		return ctx, nil
	}
	n := &node{trail: Trail{seed: seedFrom(ctx), root: true, counters: t.counters}}
	trail := &n.trail
	request := sdk.Request{Seed: trail.seed, Attributes: attributes}
	trail.publish(rules.DecideRoot(t.caller(), request, trail.inline[:0]), "")
	return t.begin(ctx, n)
}

// Receive begins a request that came in from another process with the given
// text; found is false if the carrier had none. The baggage member in ctx stands
// in for an absent text, and a text that cannot be read counts as absent. The
// decisions that hold below this process are those of [sdk.Rules.Arrive]: a
// process of an active channel puts its own colour in place of the carried one.
// If the text was decided by newer rules than these, the client is asked to
// refresh.
//
// With nothing carried, a trail in ctx that has not ended stays. Else, while no
// channel is active, ctx is returned with a nil trail, and nothing is allocated.
//
// The caller opens the trail, and closes it if it was the one that opened it.
func (t *Tracer) Receive(ctx context.Context, text string, found bool) (context.Context, *Trail) {
	if !found {
		text = ""
	}
	if accepted, trail := t.accept(ctx, carried{text: text, carrier: carrierOwn, member: FromBaggage(ctx)}); trail != nil {
		return accepted, trail
	}
	if trail := FromContext(ctx); trail != nil && !trail.Ended() {
		return ctx, trail
	}
	rules := t.client.Rules()
	if !rules.AnyActive() {
		return ctx, nil
	}
	return t.begin(ctx, t.arrive(rules, "", sdk.Request{Seed: seedFrom(ctx)}))
}

// Names of the carriers in metrics and events.
const (
	carrierOwn     = "own"
	carrierLegacy  = "legacy"
	carrierBaggage = "baggage"
)

// carried is what a request brought along.
type carried struct {
	text    string // under the own key or a legacy one
	carrier string // which of them
	member  string // of the baggage
}

// accept begins a request with what it carried; the trail is nil if that is
// nothing, or cannot be read.
func (t *Tracer) accept(ctx context.Context, c carried) (context.Context, *Trail) {
	if c.text == "" && c.member == "" {
		return ctx, nil
	}
	var buf [2 * inlineDecisions]sdk.Decision
	text := c.text
	request, hasSeed, ok := t.read(ctx, c.carrier, text, buf[:0])
	if ok && c.member != "" && c.member != text {
		t.counters.conflicts.Add(1)
	}
	if !ok {
		text = c.member
		request, hasSeed, ok = t.read(ctx, carrierBaggage, text, buf[:0])
	}
	if !ok {
		return ctx, nil
	}
	if !hasSeed {
		request.Seed = seedFrom(ctx)
	}
	return t.begin(ctx, t.arrive(t.client.Rules(), text, request))
}

// read parses a text; ok is false if it is empty or cannot be read.
func (t *Tracer) read(ctx context.Context, carrier, text string, buf []sdk.Decision) (r sdk.Request, hasSeed, ok bool) {
	if text == "" {
		return r, false, false
	}
	seed, hasSeed, ds, err := Parse(text, buf)
	if err != nil {
		t.blame(ctx, carrier, err)
		return r, false, false
	}
	return sdk.Request{Seed: seed, Carried: ds}, hasSeed, true
}

// arrive makes the trail of an inbound request; an empty text makes it a root.
func (t *Tracer) arrive(rules *sdk.Rules, text string, request sdk.Request) *node {
	n := &node{trail: Trail{seed: request.Seed, root: text == "", counters: t.counters}}
	trail := &n.trail
	ds := rules.Arrive(t.caller(), request, trail.inline[:0])
	for i := range ds {
		if ds[i].Reason != sdk.Carried {
			text = ""
		}
	}
	for i := range request.Carried {
		if name, revision, newer := rules.Newer(request.Carried[i : i+1]); newer {
			t.client.Refresh(name, revision)
		}
	}
	trail.publish(ds, text)
	return n
}

// begin counts the decisions of a new trail, tells the span, and puts the trail
// into the context; a text in the context's baggage is brought up to date.
func (t *Tracer) begin(ctx context.Context, n *node) (context.Context, *Trail) {
	trail := &n.trail
	for _, d := range trail.Decisions() {
		t.counters.Decision(d.Channel, d.Color, d.Reason)
	}
	t.annotate(ctx, trail)
	if member := FromBaggage(ctx); member != "" && member != trail.Text() {
		ctx = ContextWithBaggage(ctx, trail.Text())
	}
	n.Context = ctx
	return n, trail
}

func (t *Tracer) caller() sdk.Caller {
	id := t.client.Identity()
	return sdk.Caller{Service: id.Service, Color: id.Color}
}

// blame notes a text that could not be read.
func (t *Tracer) blame(ctx context.Context, carrier string, err error) {
	t.counters.carrierError(carrier, err)
	annotateError(ctx, carrier, err)
	t.logOnce.Do(func() {
		t.client.Logger().LogAttrs(ctx, slog.LevelWarn, "bluegreen: ignoring decisions that cannot be read; further ones are only counted",
			slog.String("carrier", carrier), slog.Any("error", err))
	})
}

// seedFrom derives a seed from the trace in ctx, else draws one.
func seedFrom(ctx context.Context) sdk.Seed {
	if id := trace.SpanContextFromContext(ctx).TraceID(); id.IsValid() {
		return sdk.SeedOf(id)
	}
	return sdk.Seed(rand.Uint32())
}
