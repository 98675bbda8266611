// Package route is the way of a call from a request's decisions to the instances
// that it may go to. It knows no RPC framework: package rpc carries values in and
// out of it for dubbo-go, the simulation of internal/sim does the same for its
// model of an estate.
package route

import (
	"context"
	"sync"
	"time"

	"github.com/bluegreen-go/bluegreen/internal/view"
	"github.com/bluegreen-go/bluegreen/sdk"
	"github.com/bluegreen-go/bluegreen/tracing"
)

// refreshHold bounds how long a call waits for rules that somebody else has
// already decided by, once per revision.
const refreshHold = 200 * time.Millisecond

// Starter begins the calls of one process. The zero Starter is ready. Its
// methods may be called concurrently.
type Starter struct {
	held  sync.Map  // channel and revision that were waited for
	spare sync.Pool // of *slab
}

// slab is memory for some calls, allocated at once. Each is used for one call
// only: an attempt can outlive its call (forking and failback clusters), so none
// is ever used again.
type slab struct {
	calls [16]Call
	used  int
}

// allocate returns a zero Call.
func (s *Starter) allocate() *Call {
	b, _ := s.spare.Get().(*slab)
	if b == nil {
		b = &slab{}
	}
	c := &b.calls[b.used]
	if b.used++; b.used < len(b.calls) {
		s.spare.Put(b)
	}
	return c
}

type heldKey struct {
	channel  string
	revision int64
}

// Call is one logical call, over all its attempts. Its methods may be called
// concurrently: forking clusters attempt in parallel.
type Call struct {
	tracer *tracing.Tracer
	trail  *tracing.Trail
	rules  *sdk.Rules // one snapshot for all attempts
	opened bool       // the call has opened the trail: it is a request of its own
	late   []sdk.Decision

	mu       sync.Mutex
	decision sdk.Decision
	service  string
}

// Start begins a call of the request that trail belongs to. Who starts a call
// ends it.
func (s *Starter) Start(ctx context.Context, tracer *tracing.Tracer, trail *tracing.Trail) *Call {
	c := s.allocate()
	c.tracer, c.trail = tracer, trail
	activity := tracer.Client().Activity()
	if c.opened = trail.Open(activity); !c.opened && trail.Ended() {
		c.late = trail.Decisions()
		for _, d := range c.late {
			activity.Counter(d.Channel).Begin(d.Color)
		}
	}
	c.rules = s.rules(ctx, tracer.Client(), trail)
	return c
}

// End ends the call: what it counted as under way, it counts no more.
func (c *Call) End() {
	if c.opened {
		c.trail.Close()
	}
	activity := c.tracer.Client().Activity()
	for _, d := range c.late {
		activity.Counter(d.Channel).End(d.Color)
	}
}

// rules returns the snapshot to route by. Where the request was decided by newer
// rules than this process has, it waits a moment for them, once per revision.
func (s *Starter) rules(ctx context.Context, client *sdk.Client, trail *tracing.Trail) *sdk.Rules {
	rules := client.Rules()
	channel, revision, newer := rules.Newer(trail.Decisions())
	if !newer {
		return rules
	}
	client.Refresh(channel, revision)
	if rules.Channel(channel) != nil {
		return rules // known, only older: the decision is obeyed as it is
	}
	if _, waited := s.held.LoadOrStore(heldKey{channel, revision}, true); waited {
		return rules
	}
	ctx, cancel := context.WithTimeout(ctx, refreshHold)
	defer cancel()
	client.WaitFor(ctx, channel, revision)
	return client.Rules()
}

// Decided returns the decision of an earlier attempt, if any, and the service
// that it is about.
func (c *Call) Decided() (sdk.Decision, string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.decision, c.service
}

// settle keeps the decision of an attempt and reports whether it is the first or
// another one than before.
func (c *Call) settle(d sdk.Decision, service string) (news bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	news = c.decision != d
	c.decision, c.service = d, service
	return news
}

// Pick returns the instances of v that an attempt of the call may go to, and
// counts crossings. A decision that nobody made before is pinned on the trail,
// so that the request's other calls follow it.
func Pick[T comparable](c *Call, v *view.View[T]) view.Picked[T] {
	p := pick(c, v)
	if p.Ambiguous {
		c.tracer.Counters().Crossing("", "ambiguous")
	}
	if p.Decision.Reason != sdk.None && c.settle(p.Decision, p.Service) && p.Decision.Crossing() {
		c.tracer.Counters().Crossing(p.Decision.Channel, p.Decision.Reason)
	}
	return p
}

func pick[T comparable](c *Call, v *view.View[T]) view.Picked[T] {
	client := c.tracer.Client()
	caller := sdk.Caller{Service: client.Identity().Service, Color: client.Identity().Color}
	request := sdk.Request{Carried: c.trail.Decisions(), Seed: c.trail.Seed()}
	keep, _ := c.Decided()
	p := v.Pick(c.rules, caller, request, keep)
	d := p.Decision
	if ch := c.rules.Channel(d.Channel); ch != nil && ch.WhenEmpty == sdk.Fail && d.Crossing() {
		caller.Converged = client.HasConverged(d.Channel)
		p = v.Pick(c.rules, caller, request, keep)
		d = p.Decision
	}
	if d.Reason == sdk.None {
		return p
	}
	if _, found := sdk.Find(request.Carried, d.Channel); found {
		return p
	}
	pin := d
	pin.Color, pin.Reason, pin.Refused = d.From, sdk.Late, false
	if held := c.trail.Pin(pin); held.Color != pin.Color {
		request.Carried = c.trail.Decisions()
		return v.Pick(c.rules, caller, request, keep)
	}
	return p
}
