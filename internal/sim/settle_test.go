package sim

import (
	"slices"
	"testing"
	"time"

	"github.com/bluegreen-go/bluegreen/control/store"
	"github.com/bluegreen-go/bluegreen/sdk"
)

// Without a settle time the second zero round comes before a packet that is in
// the network: no process counts it.
func TestSettleTime(t *testing.T) {
	for _, settle := range []time.Duration{80 * tick, 0} {
		script := func(w *world) {
			x := w.find("X-1.")[0].client.Activity().Counter(channelName)
			sent := false
			s := w.store.With(store.WithSettle(settle), store.WithObserver(func(e store.Event) {
				if e, ok := e.(store.Passed); !ok || e.What != "blue silent" || sent {
					return
				}
				sent = true
				time.AfterFunc(60*tick, func() { // it arrives
					if w.check.stageOf(sdk.Blue) == sdk.Out {
						w.check.violate("I1", "blue has left before the packet arrives")
					}
					x.Begin(sdk.Blue)
					time.AfterFunc(100*tick, func() { x.End(sdk.Blue) })
				})
			}))
			_, err := s.Close(w.ctx, channelName, sdk.Blue)
			w.must(err)
		}
		c := silent(directed(closing(1, script)))
		got := len(run(t, c).broke("I1")) > 0
		if want := settle == 0; got != want {
			t.Errorf("settle time %s: blue left too early is %t, want %t", settle, got, want)
		}
	}
}

// A certificate waits for lists in which the colour is still to be seen.
func TestViewsInAClose(t *testing.T) {
	holdsAndBreaks(t, "I3", mutant{views: true}, func(seed uint64) config {
		c := silent(directed(closing(seed, func(w *world) {
			gateway := w.find("gateway-1.")[0]
			s := w.store.With(store.WithObserver(func(e store.Event) {
				if _, ok := e.(store.Certified); !ok {
					return
				}
				if slices.ContainsFunc(gateway.subs["A"].list.All(), func(i instance) bool { return i.color == sdk.Blue }) {
					w.check.violate("I3", "blue is certified while a gateway still lists it")
				}
			}))
			_, err := s.Close(w.ctx, channelName, sdk.Blue)
			w.must(err)
		})))
		c.viewDelay = map[string]time.Duration{"gateway-1>A": 900 * tick}
		return c
	})
}
