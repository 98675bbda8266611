package sim

import (
	"maps"
	"slices"
	"testing"

	"github.com/bluegreen-go/bluegreen/sdk"
)

// quickRuns is how often each scenario runs without the flag.
const quickRuns = 12

// TestInvariants runs every scenario with random delays, requests and losses.
func TestInvariants(t *testing.T) {
	runs := quickRuns
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
			var sum total
			for seed := range uint64(runs) {
				c := run(t, s.make(seed+1))
				c.mustHold(t)
				if t.Failed() {
					return
				}
				sum.add(c)
			}
			sum.judge(t)
		})
	}
}

// total is what all runs of a scenario have shown together.
type total struct {
	requests, crossings map[string]int
	roots               map[sdk.PerColor[int]]sdk.PerColor[int] // by share
	after, certificates int
}

func (s *total) add(c *checker) {
	if s.requests == nil {
		s.requests, s.crossings, s.roots = map[string]int{}, map[string]int{}, map[sdk.PerColor[int]]sdk.PerColor[int]{}
	}
	for kind, n := range c.requests {
		s.requests[kind] += n
		s.crossings[kind] += c.crossings[kind]
	}
	for rev, n := range c.roots {
		sum := s.roots[c.shares[rev]]
		s.roots[c.shares[rev]] = sdk.PerColor[int]{Blue: sum.Blue + n.Blue, Green: sum.Green + n.Green}
	}
	s.after += c.after.Blue + c.after.Green
	s.certificates += c.certificates
}

// judge holds the shares against all roots, and logs what there was.
func (s *total) judge(t *testing.T) {
	t.Helper()
	for share, n := range s.roots {
		if p := chance(n.Blue, n.Blue+n.Green, share); p < falseAlarm {
			t.Errorf("I2: %d blue and %d green roots of share %v (p < %.1g)", n.Blue, n.Green, share, p)
		}
	}
	for _, kind := range slices.Sorted(maps.Keys(s.requests)) {
		t.Logf("%6d requests %-6s %d crossed", s.requests[kind], kind, s.crossings[kind])
	}
	t.Logf("%d certificates, %d starts after one", s.certificates, s.after)
}
