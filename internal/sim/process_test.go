package sim

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nacos-group/nacos-sdk-go/v2/vo"
	"go.opentelemetry.io/otel/trace"

	"github.com/bluegreen-go/bluegreen/internal/route"
	"github.com/bluegreen-go/bluegreen/registry"
	"github.com/bluegreen-go/bluegreen/sdk"
	"github.com/bluegreen-go/bluegreen/tracing"
)

// process is one process of the estate. What it decides is the real code.
type process struct {
	w      *world
	id     sdk.Identity
	joined bool // was away for long, and has an old last-good file
	plain  bool // without the SDK: forwards the text at best, and picks by weight

	client *sdk.Client
	tracer *tracing.Tracer
	naming *registry.Naming
	shadow *sdk.Client // mutant: decides as if this process had no colour
	calls  route.Starter
	subs   map[string]*subscription

	cut     atomic.Bool // no connection to configuration and registry
	refuses atomic.Bool // does not take calls any more
	dead    atomic.Bool // killed: nothing that it does has an effect
	ready   atomic.Bool // the rules were read once
	running atomic.Int64

	mu      sync.Mutex
	streams map[string]*rand.Rand  // by what it is for, so that one does not shift the others
	down    map[*process]time.Time // instances that refused a connection lately

	stopStarter chan struct{}
}

// spec says what process to start.
type spec struct {
	service  string
	color    sdk.Color
	n        int // which of its kind
	plain    bool
	lastGood string // path of a last-good file
}

func (s spec) name() string {
	if s.color == sdk.Neutral {
		return fmt.Sprintf("%s-%d", s.service, s.n)
	}
	return fmt.Sprintf("%s-%s-%d", s.service, s.color, s.n)
}

// start starts a process.
func (w *world) start(s spec) *process {
	w.mu.Lock()
	w.boots++
	p := &process{
		w: w, plain: s.plain, joined: s.lastGood != "", subs: map[string]*subscription{}, down: map[*process]time.Time{}, stopStarter: make(chan struct{}),
		streams: map[string]*rand.Rand{},
		id: sdk.Identity{
			Service: s.service, Color: s.color, Version: "v1", Host: "h-" + s.name(), PID: w.boots,
			Boot: fmt.Sprintf("%s.%d", s.name(), w.boots), Start: time.Now(),
		},
	}
	w.processes = append(w.processes, p)
	w.mu.Unlock()
	if !s.plain {
		p.link(s)
	}
	for _, service := range services {
		if service != w.cfg.unseen {
			p.subs[service] = w.registry.subscribe(p, service)
		}
	}
	if s.service != "gateway" && s.service != "caller" {
		time.AfterFunc(p.delay("boot", 10), p.register)
	}
	if p.client != nil {
		p.client.AddPart("rpc", sdk.PartFunc(p.behind))
		if w.cfg.starters && inChannel(s.service) {
			w.background.Go(p.starter)
		}
	}
	return p
}

// link gives the process the SDK.
func (p *process) link(s spec) {
	cfg := p.w.cfg
	startTimeout := 30 * time.Second
	if cfg.without.freshStart && s.lastGood != "" {
		startTimeout = time.Nanosecond
	}
	opts := []sdk.Option{
		sdk.WithLogger(slog.New(slog.DiscardHandler)), sdk.WithLastGoodFile(s.lastGood), sdk.WithPollInterval(60 * tick),
		sdk.WithStartTimeout(startTimeout), sdk.WithJitter(p.jitter),
	}
	var err error
	if p.client, err = sdk.NewClient(p.id, source{p}, append(opts, sdk.WithReporter(reporter{p}))...); err != nil {
		p.w.fatal(err)
	}
	p.tracer = tracing.New(p.client)
	if cfg.without.ownColor {
		id := p.id
		id.Color = sdk.Neutral
		if p.shadow, err = sdk.NewClient(id, source{p}, append(opts, sdk.WithLastGoodFile(""))...); err != nil {
			p.w.fatal(err)
		}
		p.tracer = tracing.New(p.shadow)
	}
	p.client.OnShutdown(sdk.StopRPC, "rpc", p.grace)
	full := 10000
	if cfg.without.fineWeight {
		full = 100
	}
	p.naming = registry.Decorate(naming{p: p}, p.client, registry.WithFullWeight(full), registry.WithJitter(p.jitter))
	p.client.Subscribe(func(r *sdk.Rules) {
		if r.Origin() != sdk.NotLoaded {
			p.ready.Store(true)
		}
	})
}

func (p *process) register() {
	param := vo.RegisterInstanceParam{
		ServiceName: p.id.Service, Ip: p.id.Host, Port: 1, Weight: 1, Enable: true, Healthy: true, Ephemeral: true,
		Metadata: map[string]string{},
	}
	if p.plain {
		param.Metadata[registry.KeyService] = p.id.Service
		p.w.registry.put(p, param)
		return
	}
	if ok, err := p.naming.RegisterInstance(param); !ok || err != nil {
		p.w.fatal(fmt.Errorf("register %s: %t, %w", p.id.Boot, ok, err))
	}
}

// behind implements sdk.Part as rpc's routers do.
func (p *process) behind(ch *sdk.Channel) (blind []string) {
	if p.w.cfg.without.views {
		return nil
	}
	for _, s := range services {
		if sub := p.subs[s]; sub != nil {
			blind = append(blind, sub.list.Blind(ch)...)
		}
	}
	return blind
}

// grace is the graceful stop: callers learn of it, then calls are refused.
func (p *process) grace(context.Context) error {
	if p.w.ending.Load() || p.dead.Load() {
		return nil
	}
	time.Sleep(120 * tick)
	for p.running.Load() > 0 {
		time.Sleep(tick)
	}
	p.refuses.Store(true)
	return nil
}

// stop ends a process in order.
func (p *process) stop() {
	close(p.stopStarter)
	if p.client != nil {
		if err := p.client.Shutdown(context.Background()); err != nil && !p.cut.Load() {
			p.w.fatal(fmt.Errorf("stop %s: %w", p.id.Boot, err))
		}
	}
	if p.shadow != nil {
		_ = p.shadow.Shutdown(context.Background())
	}
	p.refuses.Store(true)
	p.w.registry.unsubscribe(p)
	p.w.forget(p)
}

// kill ends a process in the middle of what it does. The servers notice later.
func (p *process) kill() {
	p.dead.Store(true)
	p.refuses.Store(true)
	p.w.note("%s is killed", p.id.Boot)
	p.cut.Store(true)
	p.w.background.Go(p.stop)
	time.AfterFunc(30*tick, func() {
		p.w.registry.remove(p, p.id.Service)
		p.w.config.drop(p.id.Boot)
	})
}

// cutOff loses the connection to the servers; the process lives on.
func (p *process) cutOff() {
	p.cut.Store(true)
	p.w.note("%s is cut off", p.id.Boot)
	time.AfterFunc(30*tick, func() {
		p.w.registry.remove(p, p.id.Service)
		p.w.config.drop(p.id.Boot)
	})
}

// stream returns the random numbers for one purpose; the caller holds the lock.
func (p *process) stream(purpose string) *rand.Rand {
	r := p.streams[purpose]
	if r == nil {
		h := fnv.New64a()
		_, _ = h.Write([]byte(p.id.Boot + "/" + purpose))
		r = rand.New(rand.NewPCG(p.w.cfg.seed, h.Sum64())) //nolint:gosec // replayable on purpose
		p.streams[purpose] = r
	}
	return r
}

// random returns a number in [0, n).
func (p *process) random(purpose string, n int) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stream(purpose).IntN(n)
}

// delay returns a random time of up to n ticks.
func (p *process) delay(purpose string, n int) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return time.Duration(p.stream(purpose).Int64N(int64(n)*int64(tick) + 1))
}

func (p *process) jitter(time.Duration) time.Duration {
	return p.delay("jitter", p.w.cfg.limits.jitter)
}

func (p *process) is(pattern string) bool { return strings.HasPrefix(p.id.Boot, pattern) }

func (p *process) rulesDelay() time.Duration {
	for pattern, d := range p.w.cfg.rulesDelay {
		if p.is(pattern) {
			return d
		}
	}
	return p.delay("rules", p.w.cfg.limits.rules)
}

func (p *process) viewDelay(service string) time.Duration {
	for pattern, d := range p.w.cfg.viewDelay {
		if who, of, _ := strings.Cut(pattern, ">"); p.is(who) && of == service {
			return d
		}
	}
	return p.delay("view "+service, p.w.cfg.limits.view)
}

func (p *process) lookDelay() time.Duration {
	if p.w.cfg.lookDelay > 0 {
		return p.w.cfg.lookDelay
	}
	return p.delay("look", 3)
}

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
