package sim

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/bluegreen-go/bluegreen/control/store"
	"github.com/bluegreen-go/bluegreen/internal/route"
	"github.com/bluegreen-go/bluegreen/sdk"
)

// The tests of this file are the traces by which weaker forms of the protocol
// were once refuted, as schedules: each holds with everything in place and
// breaks without the one thing that it is about.

// steady are limits under which nothing is late by chance.
var steady = limits{rules: 3, view: 3, jitter: 1, lost: 1 << 20}

// directed takes the chance out of a config.
func directed(c config) config {
	c.limits, c.lossy = steady, false
	return c
}

// tries is how many seeds a schedule with a part of chance gets to break.
const tries = 12

// holdsAndBreaks runs the schedule as it is, and without something.
func holdsAndBreaks(t *testing.T, rule string, without mutant, with func(seed uint64) config) {
	t.Helper()
	for seed := range uint64(tries) {
		c := with(seed + 1)
		if seed < 2 {
			run(t, c).mustHold(t)
		}
		c.without = without
		if len(run(t, c).broke(rule)) > 0 {
			return
		}
	}
	t.Errorf("%+v does not break %s", without, rule)
}

// Agents say that they are registered; a caller's list is older.
func TestHole01RegisteredIsNotSeen(t *testing.T) {
	holdsAndBreaks(t, "I1", mutant{views: true}, func(seed uint64) config {
		c := directed(opening(seed, (*world).open))
		c.viewDelay = map[string]time.Duration{"A-blue>B": 400 * tick}
		return c
	})
}

// Consumers and jobs begin on a colour that is only half there.
func TestHole02StartersFollowTheRegistration(t *testing.T) {
	holdsAndBreaks(t, "I1", mutant{starting: true}, func(seed uint64) config {
		c := directed(opening(seed, (*world).open))
		c.viewDelay = map[string]time.Duration{"C-blue>B": 100 * tick}
		return c
	})
}

// The last blue request is held by a service outside the channel.
func TestHole03ZeroAtTheColourIsNotZero(t *testing.T) {
	holdsAndBreaks(t, "I1", mutant{zeroAtCallers: true}, func(seed uint64) config {
		c := directed(closing(seed, (*world).close))
		c.starters, c.slow, c.kinds = false, 600, []string{"gw"}
		return c
	})
}

// Work moves from a process that is not asked yet to one that was asked: only
// a second round, with start counters, sees it.
func TestHole04OneRoundOfZeros(t *testing.T) {
	script := func(w *world) {
		x := w.find("X-1.")[0].client.Activity().Counter(channelName)
		began := false
		s := w.store.With(store.WithObserver(func(e store.Event) {
			switch e := e.(type) {
			case store.Settling:
				if !began {
					began = true
					x.Begin(sdk.Blue)
					time.AfterFunc(500*tick, func() { x.End(sdk.Blue) })
				}
			case store.Published:
				if e.Stage.Blue == sdk.Out && x.InFlight(sdk.Blue) > 0 {
					w.check.violate("I1", "blue leaves while X works for it")
				}
			}
		}))
		_, err := s.Close(w.ctx, channelName, sdk.Blue)
		w.must(err)
	}
	holdsAndBreaks(t, "I1", mutant{secondZero: true}, func(seed uint64) config { return silent(directed(closing(seed, script))) })
}

// silent leaves the requests out.
func silent(c config) config {
	c.starters, c.silent = false, true
	return c
}

// Two services outside the channel learn of a share at different times, and
// decide differently for siblings.
func TestHole05NobodyDecidedAtTheRoot(t *testing.T) {
	holdsAndBreaks(t, "I1", mutant{rootDecision: true}, func(seed uint64) config {
		c := directed(gray(seed, func(w *world) {
			_, err := w.store.Share(w.ctx, channelName, sdk.PerColor[int]{Blue: 9, Green: 1})
			w.must(err)
		}))
		c.starters, c.kinds = false, []string{"fan"}
		c.rulesDelay = map[string]time.Duration{"Y-2": 200 * tick}
		return c
	})
}

// A caller that lost Nacos goes on with its last rules and lists. It holds the
// release; who declares it dead wrongly has the quiet time left, which sees a
// caller whose pauses are shorter.
func TestHole06CallerCutOff(t *testing.T) {
	t.Run("held", func(t *testing.T) {
		run(t, directed(closing(1, (*world).closeCutOff))).mustHold(t)
	})
	script := func(w *world) {
		gateway := w.find("gateway-1.")[0]
		gateway.cutOff()
		w.wait(50)
		calling := false
		s := w.store.With(store.WithTimeout(1000*tick), store.WithDead(gateway.id.Boot), store.WithObserver(func(e store.Event) {
			if e, ok := e.(store.Published); ok && e.Stage.Blue == sdk.Out && !calling {
				calling = true
				w.background.Go(func() {
					for range 20 {
						gateway.begin(w.request("gw", graph("gw", w.random)))
						w.wait(100)
					}
				})
			}
		}))
		_, err := s.Close(w.ctx, channelName, sdk.Blue)
		w.note("close ends with %v", err)
		w.wait(300)
	}
	overruled := func(without mutant) config {
		c := silent(directed(closing(1, script)))
		c.without = without
		return c
	}
	t.Run("overruled", func(t *testing.T) {
		if got := run(t, overruled(mutant{})); len(got.broke("I3")) > 0 || len(got.broke("I1")) == 0 {
			t.Errorf("violations %v, want crossings and no start after a certificate", got.violations)
		}
	})
	t.Run("overruled without a quiet time", func(t *testing.T) {
		if got := run(t, overruled(mutant{quiet: true})); len(got.broke("I3")) == 0 {
			t.Error("no start after the certificate")
		}
	})
}

// A process that was away for long believes that no release runs.
func TestHole07OldLastGoodFile(t *testing.T) {
	holdsAndBreaks(t, "I3", mutant{freshStart: true}, func(seed uint64) config { return directed(closing(seed, (*world).closeAndJoin)) })
}

// A service has no process of the colour, and nobody calls it who would miss it.
func TestHole08NobodyToWaitFor(t *testing.T) {
	script := func(w *world) {
		_, err := w.store.With(store.WithTimeout(300*tick)).Open(w.ctx, channelName, sdk.Blue)
		var wait *store.WaitError
		held := errors.As(err, &wait) && slices.ContainsFunc(wait.Holds, func(h store.Hold) bool { return h.Kind == store.Short && h.Service == "C" })
		if !held {
			w.check.violate("I1", "blue is open without C (%v)", err)
		}
	}
	holdsAndBreaks(t, "I1", mutant{minimum: true}, func(seed uint64) config {
		c := silent(directed(opening(seed, script)))
		c.skip, c.unseen = noBlueC, "C"
		return c
	})
}

// Behind a hop without the SDK the carried colour and the process's own differ.
func TestHole09CarriedAgainstOwnSide(t *testing.T) {
	holdsAndBreaks(t, "edge", mutant{ownColor: true}, func(seed uint64) config {
		c := directed(gray(seed, (*world).ramp))
		c.kinds = []string{"hop"}
		return c
	})
}

// Callers without the SDK come in by weight while the share is 0.
func TestHole10LeastWeight(t *testing.T) {
	const picks, most = 20_000, 20
	script := func(w *world) {
		_, err := w.store.Open(w.ctx, channelName, sdk.Blue)
		w.must(err)
		caller, blue := w.find("caller")[0], 0
		sub := caller.subs["A"]
		for range picks {
			if caller.byWeight(sub, sub.list.All())[0].color == sdk.Blue {
				blue++
			}
		}
		if blue > most {
			w.check.violate("I2", "%d of %d picks by weight go to blue, whose share is 0", blue, picks)
		}
	}
	holdsAndBreaks(t, "I2", mutant{fineWeight: true}, func(seed uint64) config { return silent(directed(opening(seed, script))) })
}

// A correction holds for its call only: siblings that can stay, stay.
func TestHole11CorrectionKeepsTheTrail(t *testing.T) {
	run(t, silent(directed(closing(1, func(w *world) {
		gateway := w.find("gateway-1.")[0]
		ctx, trail := gateway.tracer.Start(withTrace(w.ctx, 1), nil)
		d, _ := sdk.Find(trail.Decisions(), channelName)
		pick := func(service string, without sdk.Color) sdk.Color {
			left := slices.DeleteFunc(slices.Clone(gateway.subs[service].list.All()), func(i instance) bool { return i.color == without })
			c := gateway.calls.Start(ctx, gateway.tracer, trail)
			defer c.End()
			return route.Pick(c, gateway.subs[service].list.Among(left, classify)).Instances[0].color
		}
		if got := pick("B", d.Color); got != d.Color.Other() {
			w.check.violate("I6", "a call to B without %s goes to %s", d.Color, got)
		}
		if got := pick("C", sdk.Neutral); got != d.Color {
			w.check.violate("I1", "the next call goes to %s, decided was %s", got, d.Color)
		}
	})))).mustHold(t)
}

// Aborting in one publish breaks what is under way; in two, nothing.
func TestHole12AbortInOnePublish(t *testing.T) {
	crossed := sdk.PerColor[int]{} // soft, hard
	for seed := range uint64(4) {
		c := directed(gray(seed+1, func(w *world) { w.abort(false) }))
		run(t, c).mustHold(t)
		c.script = func(w *world) { w.abort(true) }
		hard := run(t, c)
		hard.mustHold(t)
		for _, rq := range hard.crossers {
			if !free(rq.kind) {
				crossed.Green++
			}
		}
	}
	if crossed.Green == 0 {
		t.Error("a hard abort crosses nothing: the schedule does not show what it is about")
	}
}

// Both colours leave: each sees the other one still there while it decides.
func TestHole13BothColoursLeave(t *testing.T) {
	c := silent(directed(closing(1, func(w *world) {
		w.force(func(ch *sdk.Channel) { ch.Stage.Blue, ch.Share = sdk.Out, sdk.PerColor[int]{Green: 1} })
		w.wait(12)
		w.force(func(ch *sdk.Channel) {
			ch.Stage, ch.Share = sdk.PerColor[sdk.Stage]{Blue: sdk.Full, Green: sdk.Out}, sdk.PerColor[int]{Blue: 1}
		})
		w.wait(300)
	})))
	c.limits.jitter, c.lookDelay = 0, 5*tick
	c.rulesDelay = map[string]time.Duration{"A-blue": 40 * tick, "A-green": 29 * tick}
	if got := run(t, c).broke("I6"); len(got) == 0 {
		t.Error("published past the rules, a swap leaves A with an instance: the schedule does not show what it is about")
	}
	c.script = func(w *world) {
		w.check.allowCross = true
		_, err := w.store.With(store.WithTimeout(tick)).Abort(w.ctx, channelName, sdk.Blue, true)
		w.note("%v", err)
		w.wait(12)
		_, err = w.operator("bob").Abort(w.ctx, channelName, sdk.Green, true)
		var rule *store.RuleError
		if !errors.As(err, &rule) || rule.Rule != store.S2 {
			w.check.violate("model", "the second abort gets %v, want a refusal by rule S2", err)
		}
		w.wait(300)
	}
	run(t, c).mustHold(t)
}

// force publishes past the rules, as an edit at the console does.
func (w *world) force(edit func(*sdk.Channel)) {
	old := w.config.get(sdk.ChannelDataID(channelName))
	ch, err := sdk.ParseChannel(old)
	if err != nil {
		w.fatal(err)
		return
	}
	ch.Revision++
	edit(ch)
	doc, err := ch.Document()
	if err == nil {
		err = w.config.swap(sdk.ChannelDataID(channelName), doc, old)
	}
	if err != nil {
		w.fatal(err)
	}
}

// Two channels that share a service become active at once: compare-and-swap per
// channel lets both through, the claim in the index only one.
func TestHole14TwoChannelsOneService(t *testing.T) {
	const second = "stock"
	for _, claims := range []bool{true, false} {
		both := 0
		for seed := range uint64(20) {
			c := silent(directed(closing(seed+1, func(w *world) {
				s := w.operator("ann", store.WithReplicas(map[string]int{"A": 0, "B": 0, "C": 0, "D": 0}))
				if _, err := s.Create(w.ctx, second, []string{"C", "D"}); err != nil {
					w.fatal(err)
				}
				activate := func(channel string) {
					if !claims {
						w.activateUnclaimed(channel)
						return
					}
					_, err := s.Activate(w.ctx, channel, sdk.Release{ID: "r1"})
					w.mayLose(err)
				}
				w.beside(5, func() { activate(second) }, func(w *world) {
					time.Sleep(w.delay(5))
					activate(channelName)
				})
				rules, err := s.Rules(w.ctx)
				w.must(err)
				if rules.Channel(second).IsActive() && rules.Channel(channelName).IsActive() {
					both++
				}
			})))
			c.idle, c.empty = true, true
			run(t, c).mustHold(t)
		}
		if claims && both > 0 || !claims && both == 0 {
			t.Errorf("with claims %t, both were active in %d of 20 runs", claims, both)
		}
	}
}

// activateUnclaimed is an activation that checks, but does not claim.
func (w *world) activateUnclaimed(channel string) {
	old := w.config.get(sdk.ChannelDataID(channel))
	ch, err := sdk.ParseChannel(old)
	if err != nil {
		w.fatal(err)
		return
	}
	time.Sleep(w.delay(3)) // other channels are looked at
	next, err := store.Activate(ch, sdk.Release{ID: "r1"})
	w.must(err)
	doc, err := next.Document()
	if err == nil {
		err = w.config.swap(sdk.ChannelDataID(channel), doc, old)
	}
	w.must(err)
}
