package sim

import (
	"testing"

	"github.com/bluegreen-go/bluegreen/control/store"
	"github.com/bluegreen-go/bluegreen/sdk"
)

// scenario is a kind of run: how it begins, what the operator does.
type scenario struct {
	name string
	make func(seed uint64) config
}

func opening(seed uint64) config {
	return config{
		seed: seed, blue: sdk.Out, share: sdk.PerColor[int]{Green: 1}, starters: true,
		lossy: seed%2 == 0, slow: seed%4 >= 2,
		script: func(w *world) { w.open() },
	}
}

func closing(seed uint64) config {
	return config{
		seed: seed, blue: sdk.Full, share: sdk.Both(1), starters: true,
		lossy: seed%2 == 0, slow: seed%4 >= 2,
		script: func(w *world) { w.close() },
	}
}

func (w *world) must(doc store.Doc, err error) {
	if err != nil {
		w.check.violate("model", "the operator is stopped: %v", err)
	}
}

func (w *world) open() {
	w.must(w.store.Open(w.ctx, channelName, sdk.Blue))
	w.must(w.store.Share(w.ctx, channelName, sdk.PerColor[int]{Blue: 1 + w.random(9), Green: 1 + w.random(9)}))
	w.must(w.store.Promote(w.ctx, channelName, sdk.Blue))
}

func (w *world) close() {
	if _, err := w.store.Close(w.ctx, channelName, sdk.Blue); err != nil {
		w.must(store.Doc{}, err)
	}
}

var scenarios = []scenario{
	{"open", opening},
	{"close", closing},
}

func TestInvariants(t *testing.T) {
	runs := 3
	if *flagRuns > 0 {
		runs = *flagRuns
	}
	for _, s := range scenarios {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			if *flagSeed != 0 {
				run(t, s.make(*flagSeed)).mustHold(t)
				return
			}
			for seed := range uint64(runs) {
				run(t, s.make(seed+1)).mustHold(t)
				if t.Failed() {
					return
				}
			}
		})
	}
}
