package sim

import (
	"testing"

	"github.com/bluegreen-go/bluegreen/sdk"
)

// TestMutantsAreCaught switches off one thing after the other and wants the
// random runs to find the harm.
//
// Not here, because random runs show no difference without them, neither in
// this model nor in the one that the protocol was found with: the settle time
// between the zero rounds (TestSettleTime shows it by construction), the
// minimum of processes once views are asked (TestHole08), the second zero round
// and the quiet time while nobody is missing (TestHole04, TestHole06), and views
// in a close once a colour is silent.
func TestMutantsAreCaught(t *testing.T) {
	quiet := func(c config) config { c.starters = false; return c }
	for _, m := range []struct {
		name    string
		without mutant
		make    func(seed uint64) config
		rule    string
	}{
		{"C1: converged without views", mutant{views: true},
			func(seed uint64) config { return opening(seed, (*world).open) }, "I1"},
		{"C2: consumers start when registered", mutant{starting: true},
			func(seed uint64) config { return opening(seed, (*world).open) }, "I1"},
		{"C3: zero at the colour only", mutant{zeroAtCallers: true},
			func(seed uint64) config { c := quiet(closing(seed, (*world).close)); c.slow = 600; return c }, "I1"},
		{"C4: no decision at the root", mutant{rootDecision: true},
			func(seed uint64) config { return gray(seed, (*world).ramp) }, "I1"},
		{"C5: an old file is good enough", mutant{freshStart: true},
			func(seed uint64) config { return closing(seed, (*world).closeAndJoin) }, "I3"},
		{"C5: born enabled", mutant{closedStart: true},
			func(seed uint64) config { return closing(seed, (*world).closeAndRestart) }, "I3"},
		{"C6: no minimum of processes, nor views", mutant{minimum: true, views: true}, late, "I1"},
		{"C6: who vanished is counted out", mutant{missing: true},
			func(seed uint64) config { return closing(seed, (*world).closeCutOff) }, "I1"},
		{"C7: the carried colour wins", mutant{ownColor: true},
			func(seed uint64) config { return gray(seed, (*world).ramp) }, "edge"},
		{"the trail forgets", mutant{memory: true},
			func(seed uint64) config { return gray(seed, (*world).ramp) }, "I1"},
		{"C10: abort in one publish", mutant{},
			func(seed uint64) config {
				return gray(seed, func(w *world) { w.abort(true); w.check.allowCross = false })
			}, "I1"},
	} {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(patience) {
				c := m.make(seed + 1)
				c.without = m.without
				if found := run(t, c).broke(m.rule); len(found) > 0 {
					t.Logf("seed %d: %s: %s", seed+1, found[0].rule, found[0].text)
					return
				}
			}
			t.Errorf("%d runs did not break %s", patience, m.rule)
		})
	}
}

// patience is how many runs a mutant may survive.
const patience = 60

// closeAndJoin closes blue and starts a process that was away for long.
func (w *world) closeAndJoin() {
	w.close()
	w.start(spec{service: "B", color: sdk.Blue, n: 3, lastGood: w.oldFile()})
	w.wait(200)
}
