package tracing

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/bluegreen-go/bluegreen/sdk"
)

// maxSeries bounds how many series are counted: channel names come from peers.
// What goes beyond is counted under the channel [Others].
const maxSeries = 1024

// Others stands for the channels that a process has no counter of their own for.
const Others = "(others)"

// Counters counts what happens to the decisions of one [Tracer]. All methods may
// be called concurrently; counting allocates only when a series is new.
type Counters struct {
	decisions, crossings, carrierErrors table
	conflicts                           atomic.Int64
}

func newCounters() *Counters { return &Counters{} }

// series identifies one count; which fields are used depends on the table.
type series struct {
	channel string
	color   sdk.Color
	reason  string
}

// table is a map of counters that is replaced when one is added.
type table struct {
	mu sync.Mutex // taken to add a counter
	m  atomic.Pointer[map[series]*atomic.Int64]
}

func (t *table) count(s series) {
	if m := t.m.Load(); m != nil {
		if n := (*m)[s]; n != nil {
			n.Add(1)
			return
		}
	}
	t.add(s).Add(1)
}

func (t *table) add(s series) *atomic.Int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := map[series]*atomic.Int64{}
	if m := t.m.Load(); m != nil {
		if len(*m) >= maxSeries {
			s.channel = Others
		}
		if n := (*m)[s]; n != nil {
			return n
		}
		now = maps.Clone(*m)
	}
	n := new(atomic.Int64)
	now[s] = n
	t.m.Store(&now)
	return n
}

// each calls f for all counts, in the order of their series.
func (t *table) each(f func(s series, n int64)) {
	m := t.m.Load()
	if m == nil {
		return
	}
	for _, s := range slices.SortedFunc(maps.Keys(*m), series.compare) {
		f(s, (*m)[s].Load())
	}
}

func (s series) compare(o series) int {
	return cmp.Or(strings.Compare(s.channel, o.channel), cmp.Compare(s.color, o.color), strings.Compare(s.reason, o.reason))
}

// Decision counts a decision that a request was given in this process. [Tracer]
// and [Trail.Pin] do so by themselves.
func (c *Counters) Decision(channel string, color sdk.Color, reason sdk.Reason) {
	if c != nil {
		c.decisions.count(series{channel, color, string(reason)})
	}
}

// Crossing counts a call that left its decided colour. Adapters call it.
func (c *Counters) Crossing(channel string, reason sdk.Reason) {
	if c != nil {
		c.crossings.count(series{channel: channel, reason: string(reason)})
	}
}

func (c *Counters) carrierError(carrier string, err error) {
	c.carrierErrors.count(series{channel: carrier, reason: errorReason(err)})
}

// Snapshot is what a [Counters] had counted at one moment, in a fixed order.
type Snapshot struct {
	Decisions     []DecisionCount
	Crossings     []CrossingCount
	CarrierErrors []CarrierErrorCount
	Conflicts     int64 // requests whose baggage said something else than their own key
}

// DecisionCount says how often requests were given a decision, or brought it along.
type DecisionCount struct {
	Channel string
	Color   sdk.Color
	Reason  sdk.Reason
	Count   int64
}

// CrossingCount says how often calls left their decided colour.
type CrossingCount struct {
	Channel string
	Reason  sdk.Reason
	Count   int64
}

// CarrierErrorCount says how often a text could not be read.
type CarrierErrorCount struct {
	Carrier string // own, legacy or baggage
	Reason  string // syntax, too_long, order, color, version or doubled
	Count   int64
}

// Snapshot returns the counts so far.
func (c *Counters) Snapshot() Snapshot {
	if c == nil {
		return Snapshot{}
	}
	var s Snapshot
	c.decisions.each(func(k series, n int64) {
		s.Decisions = append(s.Decisions, DecisionCount{k.channel, k.color, sdk.Reason(k.reason), n})
	})
	c.crossings.each(func(k series, n int64) {
		s.Crossings = append(s.Crossings, CrossingCount{k.channel, sdk.Reason(k.reason), n})
	})
	c.carrierErrors.each(func(k series, n int64) {
		s.CarrierErrors = append(s.CarrierErrors, CarrierErrorCount{k.channel, k.reason, n})
	})
	s.Conflicts = c.conflicts.Load()
	return s
}
