package sim

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bluegreen-go/bluegreen/control/store"
	"github.com/bluegreen-go/bluegreen/sdk"
)

// tick is the unit of the model. Rules follow a change within 30 ticks, views
// within 100, registry writes and reports wait up to 20, and callers 40 to 50.
const tick = 10 * time.Millisecond

// channelName is the one channel; A, B and C are in it, the others are not.
const channelName = "checkout"

var services = []string{"A", "B", "C", "X", "Y", "Z"}

func inChannel(service string) bool { return service == "A" || service == "B" || service == "C" }

// mutant is what is switched off.
type mutant struct {
	views         bool // C1: converged does not look at what callers see
	starting      bool // C2: consumers and jobs begin with the registration
	zeroAtCallers bool // C3: in flight is counted at the colour's own processes only
	secondZero    bool // C3: one zero round
	rootDecision  bool // C4: the first process that knows the channel decides
	freshStart    bool // C5: an old last-good file is good enough to start with
	closedStart   bool // C5: born enabled
	minimum       bool // C6: nobody knows how many processes there must be
	missing       bool // C6: a process that vanished is counted out
	ownColor      bool // C7: the carried colour holds against the process's own
	quiet         bool // C8: no quiet time
	fineWeight    bool // C9: the least weight is 1 of 100
	memory        bool // the trail does not remember: every call decides anew
}

// limits are the greatest delays of a run, in ticks, and how often one of many
// pushes of the registry is lost.
type limits struct{ rules, view, jitter, lost int }

// drawLimits draws a run's own limits, so that now one thing is late and now
// another.
func drawLimits(seed uint64) limits {
	r := rand.New(rand.NewPCG(seed, 1))
	return limits{rules: 3 + r.IntN(28), view: 3 + r.IntN(98), jitter: r.IntN(21), lost: 4 + r.IntN(30)}
}

// config is one run.
type config struct {
	seed     uint64
	blue     sdk.Stage // at the start; green is full
	share    sdk.PerColor[int]
	idle     bool // no release runs at the start
	lossy    bool // some pushes and reports are lost
	slow     int  // X thinks for up to so many ticks, now and then; 0: as long as others
	limits   limits
	starters bool
	silent   bool // no requests but those of the script
	empty    bool // no processes
	without  mutant
	skip     []spec // processes that the script starts later
	unseen   string // a service that nobody calls
	pace     int    // ticks between two requests; 0: 3
	kinds    []string

	// Fixed delays, by the beginning of a boot id ("A-blue"), or of caller>service.
	rulesDelay map[string]time.Duration
	viewDelay  map[string]time.Duration
	lookDelay  time.Duration

	script func(*world)
}

// world is an estate.
type world struct {
	t        *testing.T
	ctx      context.Context
	cfg      config
	config   *configServer
	registry *registryServer
	check    *checker
	store    *store.Store

	mu        sync.Mutex
	rng       *rand.Rand
	boots     int
	requests  uint64
	processes []*process
	journal   []string
	began     time.Time

	busy       atomic.Bool // traffic runs
	ending     atomic.Bool
	chains     atomic.Int64 // what starters have begun
	flights    sync.WaitGroup
	background sync.WaitGroup
}

// run runs a config in a bubble and returns what it found.
func run(t *testing.T, cfg config) *checker {
	t.Helper()
	var c *checker
	synctest.Test(t, func(t *testing.T) { c = inBubble(t, cfg) })
	return c
}

func inBubble(t *testing.T, cfg config) *checker {
	if cfg.limits == (limits{}) {
		cfg.limits = drawLimits(cfg.seed)
	}
	w := &world{t: t, ctx: t.Context(), cfg: cfg, began: time.Now(), rng: rand.New(rand.NewPCG(cfg.seed, 0))}
	w.check = newChecker(w)
	w.config, w.registry = newConfigServer(w), newRegistryServer(w)
	w.store = w.operator("ann")
	w.prepare()
	for _, s := range estate() {
		if !cfg.empty && !slices.Contains(cfg.skip, s) {
			w.start(s)
		}
	}
	time.Sleep(400 * tick) // everybody has read, registered and seen
	w.busy.Store(true)
	stop := make(chan struct{})
	if !cfg.silent {
		w.background.Go(func() { w.traffic(stop) })
	}
	time.Sleep(w.delay(30))
	if len(cfg.skip) == 0 && !cfg.empty { // the operator has been here before
		if _, err := w.store.WaitConverged(w.ctx, channelName, 300*tick); err != nil {
			w.fatal(err)
		}
	}
	cfg.script(w)
	time.Sleep(30 * tick)
	w.busy.Store(false)
	close(stop)
	for w.chains.Load() > 0 {
		time.Sleep(tick)
	}
	w.flights.Wait()
	w.ending.Store(true)
	var stops sync.WaitGroup
	for _, p := range w.living() {
		stops.Go(p.stop)
	}
	stops.Wait()
	w.background.Wait()
	w.flights.Wait()
	w.check.end()
	return w.check
}

// operator returns a store of its own, as on another desk.
func (w *world) operator(name string, opts ...store.Option) *store.Store {
	const settle = 80 * tick
	need := map[string]int{"A": 2, "B": 2, "C": 2}
	if w.cfg.without.minimum {
		need = map[string]int{"A": 0, "B": 0, "C": 0}
	}
	quiet := settle + 320*tick // two push delays, and a lost push is healed
	if w.cfg.without.quiet {
		quiet = 0
	}
	return store.New(w.config, append([]store.Option{
		store.WithAuthor(name), store.WithPoll(5 * tick), store.WithSettle(settle), store.WithQuiet(quiet),
		store.WithAbortLimit(1000 * tick), store.WithReplicas(need),
		store.WithObserver(func(e store.Event) { w.note("%s: %s", name, e); w.check.event(e) }),
	}, opts...)...)
}

// prepare publishes the rules that hold at the start.
func (w *world) prepare() {
	ch := &sdk.Channel{
		APIVersion: sdk.APIVersion, Name: channelName, Revision: 1, State: sdk.Active, Services: []string{"A", "B", "C"},
		Share: w.cfg.share, Stage: sdk.PerColor[sdk.Stage]{Blue: w.cfg.blue, Green: sdk.Full}, WhenEmpty: sdk.UseOther,
	}
	if w.cfg.idle {
		ch.State = sdk.Idle
	}
	index := &sdk.Index{
		APIVersion: sdk.APIVersion, Revision: 1, Channels: map[string]int64{channelName: 1},
		Owners: map[string]string{"A": channelName, "B": channelName, "C": channelName},
	}
	if w.cfg.idle {
		index.Owners = map[string]string{}
	}
	w.put(sdk.ChannelDataID(channelName), ch)
	w.put(sdk.IndexDataID, index)
	w.check.published(ch)
}

func (w *world) put(dataID string, v interface{ Document() (string, error) }) {
	doc, err := v.Document()
	if err != nil {
		w.fatal(err)
	}
	w.config.put(dataID, doc)
}

// estate is every process there is.
func estate() (all []spec) {
	for n := range 2 {
		for _, s := range []string{"A", "B", "C"} {
			for _, c := range sdk.Colors {
				all = append(all, spec{service: s, color: c, n: n + 1})
			}
		}
		for _, s := range []string{"X", "Y", "gateway"} {
			all = append(all, spec{service: s, n: n + 1})
		}
		all = append(all, spec{service: "Z", n: n + 1, plain: true})
	}
	return append(all, spec{service: "caller", n: 1, plain: true})
}

// traffic begins requests until stop is closed.
func (w *world) traffic(stop chan struct{}) {
	kinds := w.cfg.kinds
	if kinds == nil {
		kinds = allKinds
	}
	for {
		select {
		case <-stop:
			return
		case <-time.After(w.delay(2 * max(3, w.cfg.pace))):
		}
		kind := kinds[w.random(len(kinds))]
		from := w.pick("gateway")
		if kind == "plain" {
			from = w.pick("caller")
		}
		if from == nil || from.cut.Load() && w.random(30) > 0 {
			continue // who is cut off is nearly idle: nobody would notice it otherwise
		}
		rq := w.request(kind, graph(kind, w.random))
		w.flights.Go(func() { from.begin(rq) })
	}
}

// pick returns a living process of a kind that takes work, nil if there is none.
func (w *world) pick(pattern string) *process {
	var list []*process
	for _, p := range w.living() {
		if p.is(pattern) && !p.refuses.Load() {
			list = append(list, p)
		}
	}
	if len(list) == 0 {
		return nil
	}
	return list[w.random(len(list))]
}

// find returns the living processes whose boot ids begin so.
func (w *world) find(pattern string) (found []*process) {
	for _, p := range w.living() {
		if p.is(pattern) {
			found = append(found, p)
		}
	}
	return found
}

func (w *world) living() []*process {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.processes)
}

func (w *world) forget(p *process) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.processes = slices.DeleteFunc(w.processes, func(q *process) bool { return q == p })
}

// restart stops a process in order and starts it again after a while.
func (w *world) restart(s spec) {
	p := w.find(s.name() + ".")[0]
	w.note("%s restarts", p.id.Boot)
	p.stop()
	time.Sleep(10*tick + w.delay(20))
	w.start(s)
}

func (w *world) random(n int) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.rng.IntN(n)
}

func (w *world) delay(n int) time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	return time.Duration(w.rng.Int64N(int64(n)*int64(tick) + 1))
}

// now is the time in ticks since the start.
func (w *world) now() float64 { return float64(time.Since(w.began)) / float64(tick) }

func (w *world) note(format string, args ...any) {
	line := fmt.Sprintf("%7.1f ", w.now()) + fmt.Sprintf(format, args...)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.journal = append(w.journal, line)
}

// fatal notes something that must not happen in any run.
func (w *world) fatal(err error) { w.check.violate("model", "%v", err) }

// oldFile writes a last-good file from a time when no release ran.
func (w *world) oldFile() string {
	path := filepath.Join(w.t.TempDir(), "old.yaml")
	writeOldFile(w.t, path)
	return path
}
