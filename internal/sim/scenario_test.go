package sim

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/bluegreen-go/bluegreen/control/store"
	"github.com/bluegreen-go/bluegreen/sdk"
)

// scenario is a kind of run: how it begins, and what the operator does.
type scenario struct {
	name string
	make func(seed uint64) config
}

// scenarios are all kinds of runs. In none of them a request whose path runs
// through processes with the SDK may cross, except where the config says so.
var scenarios = []scenario{
	{"open", func(seed uint64) config { return opening(seed, (*world).open) }},
	{"open, a process restarts", func(seed uint64) config { return opening(seed, withRestart((*world).open)) }},
	{"open, a process joins with an old file", func(seed uint64) config { return opening(seed, withJoin((*world).open)) }},
	{"open, C-blue starts late", late},
	{"close", func(seed uint64) config { return closing(seed, (*world).close) }},
	{"close, a process restarts", func(seed uint64) config { return closing(seed, withRestart((*world).close)) }},
	{"close, a process joins with an old file", func(seed uint64) config { return closing(seed, withJoin((*world).close)) }},
	{"close, a drained process restarts", func(seed uint64) config { return closing(seed, (*world).closeAndRestart) }},
	{"close, a gateway is cut off", func(seed uint64) config { return closing(seed, (*world).closeCutOff) }},
	{"abort", func(seed uint64) config { return gray(seed, func(w *world) { w.abort(false) }) }},
	{"abort, hard", func(seed uint64) config { return gray(seed, func(w *world) { w.abort(true) }) }},
	{"ramp, all of a colour killed", func(seed uint64) config { return gray(seed, (*world).rampAndKill) }},
	{"shares", func(seed uint64) config { return gray(seed, (*world).ramp) }},
	{"two operators", func(seed uint64) config { return closing(seed, (*world).twoOperators) }},
	{"swap in a hurry", func(seed uint64) config { return closing(seed, (*world).swap) }},
	{"activate", activating},
}

// opening begins with blue out.
func opening(seed uint64, script func(*world)) config {
	c := closing(seed, script)
	c.blue, c.share = sdk.Out, sdk.PerColor[int]{Green: 1}
	return c
}

// closing begins with both colours full.
func closing(seed uint64, script func(*world)) config {
	return config{
		seed: seed, blue: sdk.Full, share: sdk.Both(1), starters: true,
		lossy: seed%2 == 0, slow: 150 * int(seed%4/2), script: script,
	}
}

// gray begins with a little of the traffic on blue.
func gray(seed uint64, script func(*world)) config {
	c := closing(seed, script)
	c.blue, c.share = sdk.Consuming, sdk.PerColor[int]{Blue: 1, Green: 3}
	return c
}

// wait lets ticks pass.
func (w *world) wait(ticks int) { time.Sleep(time.Duration(ticks) * tick) }

// must notes an operation that ended otherwise than it should.
func (w *world) must(err error) {
	if err != nil {
		w.check.violate("model", "the operator is stopped: %v", err)
	}
}

func (w *world) open() {
	_, err := w.store.Open(w.ctx, channelName, sdk.Blue)
	if err == nil {
		_, err = w.store.Share(w.ctx, channelName, sdk.PerColor[int]{Blue: 1 + w.random(9), Green: 1 + w.random(9)})
	}
	if err == nil {
		_, err = w.store.Promote(w.ctx, channelName, sdk.Blue)
	}
	w.must(err)
}

func (w *world) close() {
	_, err := w.store.Close(w.ctx, channelName, sdk.Blue)
	w.must(err)
	time.Sleep(100 * tick) // a certificate holds, too
}

func (w *world) abort(hard bool) {
	w.check.allowCross = hard
	_, err := w.store.Abort(w.ctx, channelName, sdk.Blue, hard)
	w.must(err)
	time.Sleep(100 * tick)
}

// beside runs f while the operator works, beginning at some time within limit
// ticks, and waits for both.
func (w *world) beside(limit int, f func(), work func(*world)) {
	var both sync.WaitGroup
	both.Go(func() {
		time.Sleep(w.delay(limit))
		f()
	})
	work(w)
	both.Wait()
}

// withRestart restarts some process with the SDK while the operator works.
func withRestart(work func(*world)) func(*world) {
	return func(w *world) {
		all := slices.DeleteFunc(estate(), func(s spec) bool { return s.plain })
		s := all[w.random(len(all))]
		w.beside(600, func() { w.restart(s) }, work)
	}
}

// withJoin adds a process that was away for long.
func withJoin(work func(*world)) func(*world) {
	return func(w *world) {
		s := spec{service: []string{"A", "B", "C"}[w.random(3)], color: sdk.Colors[w.random(2)], n: 3, lastGood: w.oldFile()}
		w.beside(600, func() { w.start(s) }, work)
	}
}

// late opens blue before C has a blue process.
func late(seed uint64) config {
	c := opening(seed, func(w *world) {
		w.beside(400, func() {
			time.Sleep(200 * tick)
			for _, s := range w.cfg.skip {
				w.start(s)
			}
		}, (*world).open)
	})
	c.skip = noBlueC
	return c
}

var noBlueC = []spec{{service: "C", color: sdk.Blue, n: 1}, {service: "C", color: sdk.Blue, n: 2}}

// closeAndRestart closes blue and restarts half of it: nobody may ever see it.
func (w *world) closeAndRestart() {
	w.close()
	var all sync.WaitGroup
	for _, s := range estate() {
		if s.color == sdk.Blue && w.random(2) == 0 {
			all.Go(func() { w.restart(s) })
		}
	}
	all.Wait()
	time.Sleep(200 * tick)
}

// closeCutOff loses a gateway before blue is closed or early while it is.
// Nothing may be certified as long as it may be calling.
func (w *world) closeCutOff() {
	gateway := w.find("gateway-1.")[0]
	w.beside(100, gateway.cutOff, func(w *world) {
		time.Sleep(w.delay(120))
		w.closeHeld(gateway)
	})
}

func (w *world) closeHeld(gone *process) {
	s := w.store.With(store.WithTimeout(500 * tick))
	if w.cfg.without.missing {
		_, err := s.With(store.WithTimeout(5000*tick), store.WithDead(gone.id.Boot)).Close(w.ctx, channelName, sdk.Blue)
		w.must(err)
		w.wait(100)
		return
	}
	c, err := s.Close(w.ctx, channelName, sdk.Blue)
	var wait *store.WaitError
	switch {
	case err == nil:
		w.check.violate("I3", "certified although a gateway is cut off: %v", c.Roster)
	case !errors.As(err, &wait) || !strings.Contains(err.Error(), "missing"):
		w.must(err)
	}
}

// ramp sets many shares, one right after the other.
func (w *world) ramp() {
	for range 3 + w.random(4) {
		share := sdk.PerColor[int]{Blue: 1 + w.random(20), Green: 1 + w.random(20)}
		if _, err := w.store.Share(w.ctx, channelName, share); err != nil {
			w.must(err)
		}
	}
}

// rampAndKill kills all blue processes in the middle of a ramp.
func (w *world) rampAndKill() {
	w.check.allowEmpty = true
	kill := func() {
		for _, p := range w.living() {
			if p.id.Color == sdk.Blue {
				p.kill()
			}
		}
	}
	w.beside(300, kill, func(w *world) {
		_, err := w.store.With(store.WithTimeout(300*tick)).Share(w.ctx, channelName, sdk.PerColor[int]{Blue: 3, Green: 1})
		var wait *store.WaitError
		if err != nil && !errors.As(err, &wait) {
			w.must(err)
		}
	})
	time.Sleep(200 * tick)
}

// twoOperators work at the same time and know nothing of each other.
func (w *world) twoOperators() {
	bob := w.operator("bob")
	w.beside(500, func() {
		for range 3 {
			w.mayLose(w.meddle(bob))
		}
	}, func(w *world) {
		for range 2 {
			_, err := w.store.Close(w.ctx, channelName, sdk.Blue)
			w.mayLose(err)
		}
	})
}

// meddle does something that an operator might.
func (w *world) meddle(s *store.Store) (err error) {
	switch w.random(4) {
	case 0:
		_, err = s.Share(w.ctx, channelName, sdk.PerColor[int]{Blue: 1 + w.random(5), Green: 1 + w.random(5)})
	case 1:
		_, err = s.Abort(w.ctx, channelName, sdk.Blue, false)
	case 2:
		_, err = s.Open(w.ctx, channelName, sdk.Blue)
	case 3:
		_, err = s.Close(w.ctx, channelName, sdk.Green)
	}
	return err
}

// mayLose takes what an operator gets who comes second.
func (w *world) mayLose(err error) {
	w.note("the operator gets: %v", err)
	var rule *store.RuleError
	if err != nil && !errors.Is(err, sdk.ErrConflict) && !errors.As(err, &rule) {
		w.must(err)
	}
}

// swap takes blue out at once, and changes its mind before that has arrived.
func (w *world) swap() {
	w.check.allowCross = true // hard
	bob := w.operator("bob")
	w.beside(40, func() {
		_, err := bob.Abort(w.ctx, channelName, sdk.Green, true)
		w.mayLose(err)
		_, err = bob.Open(w.ctx, channelName, sdk.Blue)
		w.mayLose(err)
		_, err = bob.Abort(w.ctx, channelName, sdk.Green, true)
		w.mayLose(err)
	}, func(w *world) {
		_, err := w.store.Abort(w.ctx, channelName, sdk.Blue, true)
		w.mayLose(err)
	})
}

// activating begins without a release. What crosses before the activation is
// over does not count: nothing is decided yet.
func activating(seed uint64) config {
	c := closing(seed, func(w *world) {
		_, err := w.store.Activate(w.ctx, channelName, sdk.Release{ID: "r1", Stable: sdk.Green})
		w.must(err)
		w.check.countFromNow()
		time.Sleep(200 * tick)
	})
	c.idle = true
	return c
}
