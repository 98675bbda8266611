package sim

import (
	"testing"

	"github.com/bluegreen-go/bluegreen/sdk"
)

// TestChance holds the bound that I2 rests on against binomial tails.
func TestChance(t *testing.T) {
	for _, c := range []struct {
		name  string
		k, n  int
		share sdk.PerColor[int]
		alarm bool
	}{
		{"nothing", 0, 0, sdk.Both(1), false},
		{"as wanted", 500, 1000, sdk.Both(1), false},
		{"four standard deviations off", 437, 1000, sdk.Both(1), false},
		{"eight standard deviations off", 374, 1000, sdk.Both(1), true},
		{"one against a share of 0", 1, 1000, sdk.PerColor[int]{Green: 1}, true},
		{"none of a share of 0", 0, 1000, sdk.PerColor[int]{Green: 1}, false},
		{"one percent instead of half", 10, 1000, sdk.Both(1), true},
		{"the shares swapped", 750, 1000, sdk.PerColor[int]{Blue: 1, Green: 3}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			if p := chance(c.k, c.n, c.share); (p < falseAlarm) != c.alarm {
				t.Errorf("chance(%d, %d, %v) is %.3g, alarm wanted: %t", c.k, c.n, c.share, p, c.alarm)
			}
		})
	}
}

// TestShareIsOfRoots: many roots right after one another split as the share
// says, whatever the number of instances.
func TestShareIsOfRoots(t *testing.T) {
	const roots = 5000
	share := sdk.PerColor[int]{Blue: 1, Green: 9}
	c := silent(directed(gray(1, func(w *world) {
		_, err := w.store.Share(w.ctx, channelName, share)
		w.must(err)
		for _, p := range w.find("A-blue-1") {
			p.kill() // the share does not depend on it
		}
		w.check.allowEmpty = true
		gateway := w.find("gateway-1.")[0]
		for i := range uint64(roots) {
			_, trail := gateway.tracer.Start(withTrace(w.ctx, i), nil)
			w.check.decided(w.request("root", step("")), trail.Decisions())
		}
	})))
	got := run(t, c)
	got.mustHold(t)
	if n := got.roots[2]; n == nil || n.Blue+n.Green != roots {
		t.Fatalf("roots by revision %v, want %d at revision 2", got.roots, roots)
	}
	got.shares[2] = sdk.PerColor[int]{Blue: 1, Green: 6} // a little off
	got.end()
	if len(got.broke("I2")) == 0 {
		t.Error("a wrong split is not found")
	}
}
