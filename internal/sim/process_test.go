package sim

import (
	"context"
	"fmt"
	"hash/fnv"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nacos-group/nacos-sdk-go/v2/vo"

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
	stopping    atomic.Bool
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

// stop ends a process in order; a second call returns at once.
func (p *process) stop() {
	if p.stopping.Swap(true) {
		return
	}
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
		r = rand.New(rand.NewPCG(p.w.cfg.seed, h.Sum64()))
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
