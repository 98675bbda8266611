package sim

import (
	"fmt"
	"math"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/nacos-group/nacos-sdk-go/v2/vo"

	"github.com/bluegreen-go/bluegreen/control/store"
	"github.com/bluegreen-go/bluegreen/sdk"
)

// checker holds the invariants against everything that happens in a run.
type checker struct {
	w  *world
	mu sync.Mutex

	violations   []violation
	requests     map[string]int // by kind
	crossings    map[string]int // by kind: received by both colours
	crossers     []*request
	failures     int
	edges        int // calls from one colour of the channel to the other that nothing excuses
	after        sdk.PerColor[int]
	certified    sdk.PerColor[*store.Certificate]
	certificates int
	from         uint64                      // requests up to this one are not judged
	shares       map[int64]sdk.PerColor[int] // revision → share
	roots        map[int64]*sdk.PerColor[int]
	newest       int64 // revision
	stage        sdk.PerColor[sdk.Stage]
	writes       map[string]int // boot id and revision
	reports      map[string]int
	said         map[string]string // what they were
	last         map[string]sdk.Report
	active       atomic.Bool
	allowEmpty   bool // instances of a colour die: it may be left
	allowCross   bool // the step was forced
}

// violation is an invariant that did not hold.
type violation struct {
	rule string // I1, I2, …
	text string
}

func newChecker(w *world) *checker {
	return &checker{
		w: w, requests: map[string]int{}, crossings: map[string]int{}, shares: map[int64]sdk.PerColor[int]{},
		roots: map[int64]*sdk.PerColor[int]{}, writes: map[string]int{}, reports: map[string]int{}, said: map[string]string{}, last: map[string]sdk.Report{},
	}
}

func (c *checker) violate(rule, format string, args ...any) {
	text := fmt.Sprintf("%7.1f ", c.w.now()) + fmt.Sprintf(format, args...)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.violations = append(c.violations, violation{rule, text})
}

func (c *checker) locked(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f()
}

func (c *checker) begun(rq *request) { c.locked(func() { c.requests[rq.kind]++ }) }

func (c *checker) crossed(rq *request) {
	c.locked(func() {
		if rq.id <= c.from {
			return
		}
		c.crossings[rq.kind]++
		c.crossers = append(c.crossers, rq)
	})
}

// free reports whether requests of a kind may cross: they have a hop or a root
// without the SDK, and are only counted.
func free(kind string) bool { return kind == "hop" || kind == "plain" }

func (c *checker) failed(rq *request, err error) {
	c.locked(func() { c.failures++ })
	c.violate("I6", "request %d (%s) fails: %v\n        %s", rq.id, rq.kind, err, rq.trace())
}

// picked sees every decision of a caller with the SDK.
func (c *checker) picked(rq *request, p *process, service string, d sdk.Decision, to []instance) {
	if d.Refused {
		c.violate("I6", "%s refuses a call to %s", p.id.Boot, service)
	}
	if d.Reason == sdk.Corrected || d.Reason == sdk.Empty {
		rq.mu.Lock()
		rq.empty = true
		rq.mu.Unlock()
		return
	}
	if !inChannel(p.id.Service) || !inChannel(service) || len(to) == 0 || to[0].color == p.id.Color || c.w.cfg.idle && !c.active.Load() {
		return
	}
	c.locked(func() { c.edges++ })
	c.violate("edge", "request %d (%s): %s calls %s/%s (%s)", rq.id, rq.kind, p.id.Boot, service, to[0].color, d.Reason)
}

// decided sees what roots outside the channel decide.
func (c *checker) decided(rq *request, ds []sdk.Decision) {
	d, ok := sdk.Find(ds, channelName)
	if !ok && c.w.cfg.idle && !c.active.Load() {
		return
	}
	if !ok {
		c.violate("I1", "request %d (%s) has no decision", rq.id, rq.kind)
		return
	}
	c.locked(func() {
		n := c.roots[d.Revision]
		if n == nil {
			n = &sdk.PerColor[int]{}
			c.roots[d.Revision] = n
		}
		*n = n.With(d.Color, n.Of(d.Color)+1)
	})
}

func (c *checker) published(ch *sdk.Channel) {
	if ch.Name != channelName {
		return
	}
	c.locked(func() {
		c.shares[ch.Revision], c.stage, c.newest = ch.Share, ch.Stage, ch.Revision
		for _, color := range sdk.Colors {
			if ch.StageOf(color) >= sdk.Registered {
				c.certified = c.certified.With(color, nil)
			}
		}
	})
}

// countFromNow forgets requests that have begun.
func (c *checker) countFromNow() {
	c.w.mu.Lock()
	from := c.w.cfg.seed<<24 + c.w.requests
	c.w.mu.Unlock()
	c.active.Store(true)
	c.locked(func() { c.from, c.crossings, c.crossers = from, map[string]int{}, nil })
}

func (c *checker) event(e store.Event) {
	if e, ok := e.(store.Certified); ok && e.Certificate.Drained {
		c.locked(func() {
			if e.Certificate.Revision != c.newest {
				return // somebody else has published meanwhile: it holds no more
			}
			c.certified = c.certified.With(e.Certificate.Color, e.Certificate)
			c.certificates++
		})
	}
}

func (c *checker) isCertified(color sdk.Color) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.certified.Of(color) != nil
}

func (c *checker) stageOf(color sdk.Color) sdk.Stage {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.stage.Of(color)
}

// started sees what begins on a process of the channel.
func (c *checker) started(rq *request, p *process) {
	if !c.isCertified(p.id.Color) {
		return
	}
	c.locked(func() { c.after = c.after.With(p.id.Color, c.after.Of(p.id.Color)+1) })
	c.violate("I3", "request %d (%s) reaches %s after the certificate\n        %s", rq.id, rq.kind, p.id.Boot, rq.trace())
}

// written sees every write of a record.
func (c *checker) written(p *process, before, now vo.RegisterInstanceParam, was bool, left int) {
	c.w.note("%s writes enabled=%t weight=%g", p.id.Boot, now.Enable, now.Weight)
	if now.Enable && inChannel(p.id.Service) && c.isCertified(p.id.Color) {
		c.violate("I3", "%s is visible after the certificate", p.id.Boot)
	}
	if was && before.Enable && !now.Enable && left == 0 {
		c.violate("I6", "%s was the last instance of %s, and disables itself", p.id.Boot, p.id.Service)
	}
	if p.client == nil {
		return
	}
	if was && before.Enable == now.Enable && before.Weight == now.Weight && before.Metadata["weight"] == now.Metadata["weight"] {
		c.violate("I7", "%s writes what is there already", p.id.Boot)
	}
	key := fmt.Sprintf("%s at revision %d", p.id.Boot, revision(p.client.Rules()))
	c.mu.Lock()
	c.writes[key]++
	n := c.writes[key]
	c.mu.Unlock()
	if n > 1 {
		c.violate("I7", "write %d of %s", n, key)
	}
}

func revision(r *sdk.Rules) int64 {
	if ch := r.Channel(channelName); ch != nil {
		return ch.Revision
	}
	return 0
}

// maxReports is how many reports a process may send in a revision, the goodbye
// not counted. Two come on top that the SDK sends and I7 does not name: what the process is blind to (at
// most one a minute), and that it has a newer index (after a push that came in
// between the channel's and the index's).
const maxReports = 3

func (c *checker) reported(p *process, r sdk.Report) {
	ch, _ := r.Of(channelName)
	key := fmt.Sprintf("%s at revision %d", p.id.Boot, ch.Revision)
	c.mu.Lock()
	before := c.last[p.id.Boot]
	was, _ := before.Of(channelName)
	c.last[p.id.Boot] = r
	if len(ch.Blind) == 0 && !r.Leaving && (was.Revision != ch.Revision || before.Index == r.Index || was.Converged != ch.Converged) {
		c.reports[key]++
	}
	n := c.reports[key]
	c.said[key] += fmt.Sprintf("\n        %7.1f %+v index %d %v", c.w.now(), ch, r.Index, r.Problems)
	said := c.said[key]
	c.mu.Unlock()
	c.w.note("%s reports %d: revision %d converged %d blind %v in flight %v starts %v index %d", p.id.Boot, r.Seq, ch.Revision, ch.Converged, ch.Blind, ch.InFlight, ch.Starts, r.Index)
	if n > maxReports {
		c.violate("I7", "report %d of %s:%s", n, key, said)
	}
}

// falseAlarm is the probability below which a split is no chance.
const falseAlarm = 1e-9

// end judges what only the whole run shows.
func (c *checker) end() {
	c.mu.Lock()
	crossers := c.crossers
	c.mu.Unlock()
	for _, rq := range crossers {
		if allowed := free(rq.kind) || c.allowCross || c.allowEmpty && rq.empty; !allowed {
			c.violate("I1", "request %d (%s) crosses:\n        %s", rq.id, rq.kind, rq.trace())
		}
	}
	for rev, n := range c.roots {
		if p := chance(n.Blue, n.Blue+n.Green, c.shares[rev]); p < falseAlarm {
			c.violate("I2", "revision %d: %d blue and %d green of share %v (p < %.1g)", rev, n.Blue, n.Green, c.shares[rev], p)
		}
	}
}

// chance bounds the probability that k or something as far off of n roots are
// blue under a share: Chernoff's bound, which holds for every n.
func chance(k, n int, share sdk.PerColor[int]) float64 {
	if n == 0 {
		return 1
	}
	p, q := float64(share.Blue)/float64(share.Blue+share.Green), float64(k)/float64(n)
	term := func(q, p float64) float64 {
		switch {
		case q == 0:
			return 0
		case p == 0:
			return math.Inf(1)
		}
		return q * math.Log(q/p)
	}
	return min(1, 2*math.Exp(-float64(n)*(term(q, p)+term(1-q, 1-p))))
}

// broke returns the violations of a rule; of all, if rule is "".
func (c *checker) broke(rule string) (list []violation) {
	for _, v := range c.violations {
		if rule == "" || v.rule == rule {
			list = append(list, v)
		}
	}
	return list
}

// maxShown is how many violations of a run are printed.
const maxShown = 3

// mustHold fails the test if an invariant was broken.
func (c *checker) mustHold(t *testing.T) {
	t.Helper()
	if len(c.violations) == 0 && *flagSeed == 0 {
		return
	}
	for i, v := range c.violations {
		if i == maxShown {
			t.Errorf("  and %d more", len(c.violations)-i)
			break
		}
		t.Errorf("%s: %s", v.rule, v.text)
	}
	if len(c.violations) > 0 {
		t.Errorf("replay with: go test ./internal/sim -run '^%s$' -sim.seed=%d", t.Name(), c.w.cfg.seed)
	}
	if *flagSeed != 0 {
		t.Logf("journal of seed %d:\n%s\nrequests %v, crossed %v", c.w.cfg.seed, strings.Join(c.w.journal, "\n"), c.requests, c.crossings)
	}
}

func writeOldFile(t *testing.T, path string) {
	t.Helper()
	old := "index: |\n  apiVersion: bluegreen/v1\n  revision: 1\n  channels: {}\n  owners: {}\nchannels: {}\n"
	if err := os.WriteFile(path, []byte(old), 0o600); err != nil {
		t.Fatal(err)
	}
}
