package sim

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/bluegreen-go/bluegreen/internal/route"
	"github.com/bluegreen-go/bluegreen/sdk"
	"github.com/bluegreen-go/bluegreen/tracing"
)

// Errors of a call.
var (
	errRefused = errors.New("connection refused")
	errNobody  = errors.New("no instance")
	errTimeout = errors.New("timeout")
	errDead    = errors.New("the caller is dead")
)

// retries is how often a call is tried again.
const retries = 3

// call makes one call with retries, as dubbo-go's failover cluster does.
func (p *process) call(ctx context.Context, rq *request, n *node) error {
	if p.plain {
		return p.attempts(rq, n, func(sub *subscription) ([]instance, string) {
			all := sub.list.All()
			return p.byWeight(sub, all), forwarded(ctx)
		})
	}
	p.tracer.Wait(ctx)
	trail := tracing.FromContext(ctx)
	if trail == nil {
		ctx, trail = p.tracer.Start(ctx, nil)
	}
	if trail == nil {
		return p.attempts(rq, n, func(sub *subscription) ([]instance, string) { return sub.list.All(), "" })
	}
	c := p.calls.Start(ctx, p.tracer, trail)
	defer c.End()
	return p.attempts(rq, n, func(sub *subscription) ([]instance, string) {
		picked := route.Pick(c, sub.list.Among(p.available(sub.list.All()), classify))
		if d := picked.Decision; d.Crossing() || d.Reason == sdk.Late {
			rq.log("%s -> %s is %s (decided %s, instances %d)", p.id.Boot, n.service, d.Reason, d.From, len(picked.Instances))
		}
		p.w.check.picked(rq, p, n.service, picked.Decision, picked.Instances)
		return picked.Instances, trail.Text()
	})
}

// attempts tries instances until one answers.
func (p *process) attempts(rq *request, n *node, pick func(*subscription) ([]instance, string)) error {
	err, slow := errNobody, false
	tried := map[instance]bool{}
	for range 1 + retries {
		list, text := pick(p.subs[n.service])
		if len(list) == 0 {
			time.Sleep(tick)
			continue
		}
		to := list[p.random("balance", len(list))]
		for range list { // another one than before, if there is one
			if !tried[to] {
				break
			}
			to = list[p.random("balance", len(list))]
		}
		tried[to] = true
		err = p.send(rq, n, to.p, text)
		switch {
		case errors.Is(err, errRefused):
			p.mu.Lock()
			p.down[to.p] = time.Now().Add(100 * tick)
			p.mu.Unlock()
		case errors.Is(err, errTimeout):
			if slow = true; !rq.retriesTimeouts {
				return err
			}
		default:
			return err
		}
	}
	if slow {
		return errTimeout // the callee's doing, not the SDK's
	}
	return err
}

// available leaves out instances that refused a connection lately.
func (p *process) available(all []instance) []instance {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.down) == 0 {
		return all
	}
	var up []instance
	for _, i := range all {
		if time.Now().After(p.down[i.p]) {
			up = append(up, i)
		}
	}
	if len(up) == 0 {
		return all
	}
	return up
}

// byWeight picks one instance as a caller does that follows the registry.
func (p *process) byWeight(sub *subscription, all []instance) []instance {
	all = p.available(all)
	total := 0.0
	for _, i := range all {
		total += sub.weight(i)
	}
	if total == 0 {
		return all
	}
	p.mu.Lock()
	at := p.stream("balance").Float64() * total
	p.mu.Unlock()
	for _, i := range all {
		if at -= sub.weight(i); at < 0 {
			return []instance{i}
		}
	}
	return all
}

// send is one attempt over the network.
func (p *process) send(rq *request, n *node, to *process, text string) error {
	answer := make(chan error, 1)
	there, back := p.delay("net", 2), p.delay("net", 2)
	p.w.flights.Go(func() {
		time.Sleep(there)
		switch {
		case p.dead.Load():
			answer <- errDead
		case to.refuses.Load():
			answer <- errRefused
		default:
			err := to.handle(rq, n, text)
			if to.dead.Load() {
				err = errRefused
			}
			time.Sleep(back)
			answer <- err
		}
	})
	limit := time.NewTimer(40*tick + p.delay("timeout", 10))
	defer limit.Stop()
	select {
	case err := <-answer:
		return err
	case <-limit.C:
		rq.log("%s -> %s times out at the caller", p.id.Boot, to.id.Boot)
		return errTimeout
	}
}

// handle is a request that arrives.
func (p *process) handle(rq *request, n *node, text string) error {
	p.running.Add(1)
	defer p.running.Add(-1)
	rq.received(p, text)
	ctx := withTrace(context.Background(), rq.id)
	if p.plain {
		return p.work(context.WithValue(ctx, forwardKey{}, text), rq, n)
	}
	ctx, trail := p.tracer.Receive(ctx, text, text != "")
	if trail.Open(p.client.Activity()) {
		defer trail.Close()
	}
	return p.work(ctx, rq, n)
}

// work thinks and makes the calls below a node.
func (p *process) work(ctx context.Context, rq *request, n *node) error {
	think := p.delay("think", 3)
	if n.service == "X" && p.w.cfg.slow > 0 && p.random("slow", 4) == 0 {
		think = p.delay("slow", p.w.cfg.slow)
	}
	time.Sleep(think)
	if p.dead.Load() {
		return errDead
	}
	if p.w.cfg.without.memory {
		ctx = withTrace(tracing.NewContext(ctx, nil), rq.id)
	}
	return p.below(ctx, rq, n)
}

func (p *process) below(ctx context.Context, rq *request, n *node) error {
	errs := make([]error, len(n.calls))
	one := func(i int) {
		c := ctx
		if p.w.cfg.without.memory { // each call is a request of its own
			c = withTrace(ctx, rq.id^uint64(p.random("trace", 1<<30))<<20)
		}
		errs[i] = p.call(c, rq, n.calls[i])
	}
	var wg sync.WaitGroup
	for i := range n.calls {
		if n.parallel {
			wg.Go(func() { one(i) })
			continue
		}
		one(i)
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil && !errors.Is(err, errTimeout) { // who waited too long goes on
			return fmt.Errorf("%s: %w", p.id.Boot, err)
		}
	}
	return nil
}

// begin makes a request whose root is in this process, and runs it.
func (p *process) begin(rq *request) {
	ctx := withTrace(context.Background(), rq.id)
	if p.plain {
		rq.finish(p, p.below(ctx, rq, rq.root))
		return
	}
	p.tracer.Wait(ctx)
	ctx, trail := p.tracer.Start(ctx, nil)
	if p.w.cfg.without.rootDecision && trail != nil && !inChannel(p.id.Service) {
		// Only the seed travels: whoever knows a channel first decides.
		text := fmt.Sprintf("#%d", trail.Seed())
		rq.finish(p, p.lazily(ctx, rq, text))
		return
	}
	if trail.Open(p.client.Activity()) {
		defer trail.Close()
	}
	if !inChannel(p.id.Service) {
		p.w.check.decided(rq, trail.Decisions())
	}
	rq.log("%s begins with %s", p.id.Boot, trail.Text())
	rq.finish(p, p.below(ctx, rq, rq.root))
}

// lazily calls without a decision made here.
func (p *process) lazily(ctx context.Context, rq *request, text string) error {
	var wg sync.WaitGroup
	errs := make([]error, len(rq.root.calls))
	for i, n := range rq.root.calls {
		one := func() {
			if inChannel(n.service) {
				errs[i] = p.call(tracing.NewContext(ctx, nil), rq, n)
				return
			}
			errs[i] = p.attempts(rq, n, func(sub *subscription) ([]instance, string) { return sub.list.All(), text })
		}
		if rq.root.parallel {
			wg.Go(one)
		} else {
			one()
		}
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil && !errors.Is(err, errTimeout) {
			return err
		}
	}
	return nil
}

// starter stands for consumers and jobs: it begins requests on its own side
// while the rules let it.
func (p *process) starter() {
	for {
		select {
		case <-p.stopStarter:
			return
		case <-time.After(5*tick + p.delay("starter", 20)):
		}
		p.w.chains.Add(1)
		if p.mayStart() {
			rq := p.w.request("mq", chainFrom(p.id.Service, p))
			rq.received(p, "")
			p.begin(rq)
		}
		p.w.chains.Add(-1)
	}
}

func (p *process) mayStart() bool {
	rules, from := p.client.Rules(), sdk.Consuming
	if p.w.cfg.without.starting {
		from = sdk.Registered
	}
	return p.w.busy.Load() && !p.refuses.Load() && rules.Origin() != sdk.NotLoaded && rules.StageOf(p.id.Service, p.id.Color) >= from
}

type forwardKey struct{}

// forwarded is the text that a hop without the SDK passes on.
func forwarded(ctx context.Context) string {
	text, _ := ctx.Value(forwardKey{}).(string)
	return text
}

// withTrace puts a trace into the context, so that seeds can be replayed.
func withTrace(ctx context.Context, id uint64) context.Context {
	var t trace.TraceID
	binary.BigEndian.PutUint64(t[:8], id*0x9e3779b97f4a7c15+1)
	binary.BigEndian.PutUint64(t[8:], id+1)
	return trace.ContextWithSpanContext(ctx, trace.NewSpanContext(trace.SpanContextConfig{TraceID: t, SpanID: [8]byte{1}}))
}
