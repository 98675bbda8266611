package converge

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bluegreen-go/bluegreen/internal/dubbotest"
	"github.com/bluegreen-go/bluegreen/sdk"
)

// Target says what to measure.
type Target struct {
	Addr    string // host:port of the server
	Readers int    // processes that link the SDK only
	Callers int    // dubbo-go callers, beside one provider of each colour
	Flips   int    // times that the share goes from all to none
}

// Flip is what one publish took, each duration from the moment before it began.
type Flip struct {
	Publish time.Duration   // until the publisher was told
	Readers []time.Duration // until each reader had applied it, ascending
	Callers []time.Duration // until each caller began the first call since which all replies are of the new colour, ascending
}

// All returns when the last process followed.
func (f Flip) All() time.Duration {
	return max(f.Readers[len(f.Readers)-1], f.Callers[len(f.Callers)-1])
}

// Result is one Flip after the other.
type Result []Flip

// Best returns the shortest time over the flips until the last process followed:
// whatever else a machine does can only make a flip longer.
func (r Result) Best() time.Duration {
	best := r[0].All()
	for _, f := range r[1:] {
		best = min(best, f.All())
	}
	return best
}

// String renders a line per flip.
func (r Result) String() string {
	var b strings.Builder
	for i, f := range r {
		ms := func(d time.Duration) int64 { return d.Milliseconds() }
		fmt.Fprintf(&b, "flip %d: published in %d ms; %d readers: median %d ms, last %d ms; %d callers: median %d ms, last %d ms\n",
			i+1, ms(f.Publish), len(f.Readers), ms(f.Readers[len(f.Readers)/2]), ms(f.Readers[len(f.Readers)-1]),
			len(f.Callers), ms(f.Callers[len(f.Callers)/2]), ms(f.Callers[len(f.Callers)-1]))
	}
	return b.String()
}

// streak is how many replies in a row must be of the new colour. Before a flip
// none is.
const streak = 20

// Run starts everything and measures. The test's binary must call dubbotest.Main
// first. It fails the test only if something does not work at all; limits are the
// caller's to check.
func Run(t testing.TB, target Target) Result {
	t.Helper()
	r := newRules(t, target.Addr)
	colors := []sdk.Color{sdk.Blue, sdk.Green}
	r.send(all(colors[0]))
	readers := startReaders(t, target.Addr, target.Readers)
	node := func(cfg dubbotest.Config) *dubbotest.Node {
		cfg.Registry, cfg.RulesGroup, cfg.Version, cfg.Quick = target.Addr, group, "v1", true
		return dubbotest.Spawn(t, cfg)
	}
	var nodes []*dubbotest.Node
	for _, c := range colors {
		nodes = append(nodes, node(dubbotest.Config{App: service, Color: c.String(), Provide: []string{iface}}))
	}
	for range target.Callers {
		nodes = append(nodes, node(dubbotest.Config{App: "converge-gateway", Consume: []string{iface}}))
	}
	for _, n := range nodes {
		n.Ready()
	}
	callers := nodes[len(colors):]
	readers.wait(r.revision)
	settle(t, callers, colors[0])
	var result Result
	for i := range target.Flips {
		result = append(result, flip(r, readers, callers, colors[(i+1)%2]))
	}
	return result
}

func all(c sdk.Color) (share sdk.PerColor[int]) {
	if c == sdk.Blue {
		share.Blue = 100
	} else {
		share.Green = 100
	}
	return share
}

// settle waits until every caller sees both colours and calls the first.
func settle(t testing.TB, callers []*dubbotest.Node, color sdk.Color) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for _, n := range callers {
		for {
			if s := n.State().Channels; len(s) == 1 && s[0].Converged == 1 && len(n.Call(iface, "", 1, 1).Errors) == 0 {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("a caller has not converged: %+v", n.State())
			}
			<-time.After(20 * time.Millisecond)
		}
		n.Follow(iface, color.String(), streak)()
	}
}

// flip gives everything to one colour. The callers are calling when it is published.
func flip(r *rules, readers *readers, callers []*dubbotest.Node, color sdk.Color) (f Flip) {
	var waits []func() time.Time
	for _, n := range callers {
		waits = append(waits, n.Follow(iface, color.String(), streak))
	}
	began, took := r.send(all(color))
	f.Publish = took
	for _, at := range readers.wait(r.revision) {
		f.Readers = append(f.Readers, at.Sub(began))
	}
	for _, wait := range waits {
		f.Callers = append(f.Callers, wait().Sub(began))
	}
	slices.Sort(f.Readers)
	slices.Sort(f.Callers)
	return f
}
