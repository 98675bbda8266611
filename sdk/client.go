package sdk

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Client follows the traffic rules for one process. Create one with [NewClient]
// and share it; all methods may be called concurrently.
//
// A coloured process starts closed: until the rules were read once in this life,
// adapters register it disabled and start neither consumers nor jobs.
type Client struct {
	id       Identity
	source   Source
	cfg      config
	activity Activity
	rules    atomic.Pointer[Rules]
	changed  atomic.Pointer[chan struct{}] // closed when rules is replaced
	started  time.Time
	loaded   chan struct{} // closed once the origin is not NotLoaded
	stats    stats

	mu       sync.Mutex
	inbox    map[string][]string // documents that arrived and were not judged yet
	refresh  map[string]bool     // channels to load again
	asked    map[string]int64    // channel → newest revision that Refresh was asked for
	parts    []namedPart
	hooks    []hook
	subs     map[int]*subscription
	nextSub  int
	closing  bool
	progress map[string]ChannelReport // as evaluated last
	reached  map[string]int64         // revision that the process was converged at last

	wake   chan struct{} // there is something for the run loop
	report chan struct{} // there is something for the report loop

	leaving chan struct{} // closed when Shutdown begins
	goodbye chan struct{} // closed when that has been reported
	cancel  context.CancelFunc
	wg      sync.WaitGroup

	// Owned by the run loop.
	state     *ruleState
	published int // version of state that the snapshot was made of
	watching  map[string]func()

	unwritable bool // the last-good file could not be written last time
}

type namedPart struct {
	name string
	part Part
}

type stats struct {
	applied, refused, reports, reportErrors, panics, loadErrors atomic.Int64
}

// Stats are counts in the life of a [Client].
type Stats struct {
	Applied      int64 // snapshots published
	Refused      int64 // documents that were not followed
	Reports      int64 // agent reports sent
	ReportErrors int64
	LoadErrors   int64 // times the source did not answer
	Panics       int64 // subscribers and parts that panicked
}

// NewClient starts following the rules in source for the process id. It does not
// wait for the source; see [Client.WaitLoaded].
func NewClient(id Identity, source Source, opts ...Option) (*Client, error) {
	if id.Service == "" {
		return nil, errors.New("bluegreen: identity has no service")
	}
	if id.Color > Green {
		return nil, fmt.Errorf("bluegreen: %w %d", ErrUnknownColor, id.Color)
	}
	if source == nil {
		return nil, errors.New("bluegreen: no source")
	}
	if id.Boot == "" {
		id.Boot = newBoot()
	}
	if id.Start.IsZero() {
		id.Start = time.Now()
	}
	ctx, cancel := context.WithCancel(context.Background())
	c := &Client{
		id: id, source: source, cfg: newConfig(id, opts), started: time.Now(),
		loaded: make(chan struct{}), inbox: map[string][]string{}, refresh: map[string]bool{},
		asked: map[string]int64{}, subs: map[int]*subscription{}, progress: map[string]ChannelReport{}, reached: map[string]int64{},
		wake: make(chan struct{}, 1), report: make(chan struct{}, 1), cancel: cancel,
		leaving: make(chan struct{}), goodbye: make(chan struct{}),
		watching: map[string]func(){},
	}
	c.activity.onEdge = c.edge
	changed := make(chan struct{})
	c.changed.Store(&changed)
	c.rules.Store(NewRules(NotLoaded, Index{}, nil))
	fallback, err := readLastGood(c.cfg.lastGood)
	if err != nil {
		c.cfg.logger.Warn("bluegreen: last-good rules cannot be read", "error", err)
	}
	c.state = newRuleState(fallback)
	c.wg.Go(func() { c.run(ctx) })
	if c.cfg.reporter != nil {
		c.wg.Go(func() { c.reportLoop(ctx) })
	}
	return c, nil
}

// Identity says who this process is.
func (c *Client) Identity() Identity { return c.id }

// Rules returns the newest snapshot; never nil. It takes no lock.
func (c *Client) Rules() *Rules { return c.rules.Load() }

// Activity returns the counts of what is under way in this process.
func (c *Client) Activity() *Activity { return &c.activity }

// Logger returns the logger that adapters should use.
func (c *Client) Logger() *slog.Logger { return c.cfg.logger }

// Stats returns the counts so far.
func (c *Client) Stats() Stats {
	return Stats{
		Applied: c.stats.applied.Load(), Refused: c.stats.refused.Load(), Reports: c.stats.reports.Load(),
		ReportErrors: c.stats.reportErrors.Load(), LoadErrors: c.stats.loadErrors.Load(), Panics: c.stats.panics.Load(),
	}
}

// WaitLoaded waits until rules are there, but only in the first 3 s of the
// process, so that an unreachable source delays no request for longer. It
// returns nil if rules are there, else why not.
func (c *Client) WaitLoaded(ctx context.Context) error {
	if c.Rules().Origin() != NotLoaded {
		return nil
	}
	left := c.cfg.firstCall - time.Since(c.started)
	timer := time.NewTimer(max(0, left))
	defer timer.Stop()
	select {
	case <-c.loaded:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return errors.New("bluegreen: the rules were not read yet")
	}
}

// maxAsked bounds how many channels that nobody here knows Refresh looks for.
const maxAsked = 1024

// Refresh asks for a channel's document to be read again because somebody has
// seen a newer revision. Asking again for the same revision costs nothing.
func (c *Client) Refresh(channel string, revision int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	have, before := c.asked[channel]
	if have >= revision || !before && len(c.asked) >= maxAsked && c.Rules().Channel(channel) == nil {
		return
	}
	c.asked[channel] = revision
	c.refresh[channel] = true
	poke(c.wake)
}

// WaitFor waits until the rules have the channel at the revision or a later one,
// and reports whether they do; it gives up with ctx.
func (c *Client) WaitFor(ctx context.Context, channel string, revision int64) bool {
	for {
		changed := *c.changed.Load()
		if ch := c.Rules().Channel(channel); ch != nil && ch.Revision >= revision {
			return true
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return false
		}
	}
}

// AddPart adds something that must follow the rules before the process counts
// as converged.
func (c *Client) AddPart(name string, p Part) {
	c.mu.Lock()
	c.parts = append(c.parts, namedPart{name, p})
	c.mu.Unlock()
	c.Recheck()
	poke(c.report)
}

// Recheck asks for the parts to be looked at again. Adapters call it when what
// they see or run has changed.
func (c *Client) Recheck() { poke(c.wake) }

// edge is called by the activity counters.
func (c *Client) edge(channel string, color Color) {
	if ch := c.Rules().Channel(channel); ch != nil && ch.Closing(color) {
		poke(c.report)
	}
}

func poke(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}

// RandomDelay returns a random delay in [0, limit].
func RandomDelay(limit time.Duration) time.Duration {
	if limit <= 0 {
		return 0
	}
	return rand.N(limit + 1)
}

// Phase orders the parts of [Client.Shutdown].
type Phase int

// The phases of a shutdown, in order.
const (
	StopJobs     Phase = iota // job gates close, running items finish
	StopMessages              // consumers leave their groups
	StopRPC                   // deregister, finish calls
	StopClients               // connections close
)

type hook struct {
	phase Phase
	name  string
	stop  func(context.Context) error
}

// OnShutdown registers what Shutdown runs in the phase; within a phase, what was
// registered last runs first.
func (c *Client) OnShutdown(phase Phase, name string, stop func(context.Context) error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.hooks = append(c.hooks, hook{phase, name, stop})
}

// Shutdown stops everything in order: jobs, messages, RPC, then the agent report
// says goodbye, subscribers end, and connections close. It waits for each part,
// goes on after an error, and returns all errors joined. Later calls do nothing.
func (c *Client) Shutdown(ctx context.Context) error {
	c.mu.Lock()
	if c.closing {
		c.mu.Unlock()
		return nil
	}
	c.closing = true
	hooks := c.hooks
	c.mu.Unlock()
	close(c.leaving)
	poke(c.report)
	var errs []error
	for phase := range StopClients {
		errs = append(errs, runHooks(ctx, hooks, phase)...)
	}
	c.awaitGoodbye(ctx)
	c.cancel()
	c.wg.Wait()
	for _, stop := range c.watching {
		stop()
	}
	c.endSubscriptions()
	if c.cfg.reporter != nil {
		if err := c.cfg.reporter.Close(ctx); err != nil {
			errs = append(errs, fmt.Errorf("report: %w", err))
		}
	}
	errs = append(errs, runHooks(ctx, hooks, StopClients)...)
	return errors.Join(errs...)
}

// goodbyeLimit bounds how long Shutdown waits for the report that says goodbye.
const goodbyeLimit = time.Second

// awaitGoodbye waits until the last report was sent, so that control does not
// take the process for lost.
func (c *Client) awaitGoodbye(ctx context.Context) {
	if c.cfg.reporter == nil || c.Rules().Origin() == NotLoaded {
		return
	}
	limit := time.NewTimer(goodbyeLimit)
	defer limit.Stop()
	select {
	case <-c.goodbye:
	case <-limit.C:
	case <-ctx.Done():
	}
}

func runHooks(ctx context.Context, hooks []hook, phase Phase) (errs []error) {
	for _, hook := range slices.Backward(hooks) {
		if hook.phase != phase {
			continue
		}
		if err := hook.stop(ctx); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", hook.name, err))
		}
	}
	return errs
}
