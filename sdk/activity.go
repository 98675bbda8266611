package sdk

import (
	"maps"
	"sync"
	"sync/atomic"
)

// Activity counts the requests that are under way in this process, by channel
// and colour, so that control can tell when a colour has gone silent. A request
// counts from where its decisions are known until it is over, also in a process
// that is not of the channel. All methods may be called concurrently.
type Activity struct {
	others   Counter    // of channels beyond maxCounted
	mu       sync.Mutex // guards replacing counters
	counters atomic.Pointer[map[string]*Counter]
	onEdge   func(channel string, color Color) // inflight went 0→1 or 1→0
}

// maxCounted bounds how many channels are counted by themselves: their names
// come from other processes.
const maxCounted = 4096

// Counter counts one channel.
type Counter struct {
	channel string
	edge    func(channel string, color Color)
	colors  [3]struct{ inFlight, starts atomic.Int64 }
}

// Begin counts a request of the colour as started and under way.
func (c *Counter) Begin(color Color) {
	// In flight before started, and read the other way round (Client.State): who
	// sees nothing in flight and no further start has missed no request.
	first := c.colors[color].inFlight.Add(1) == 1
	c.colors[color].starts.Add(1)
	if first && c.edge != nil {
		c.edge(c.channel, color)
	}
}

// End takes a request of the colour off what is under way.
func (c *Counter) End(color Color) {
	if c.colors[color].inFlight.Add(-1) == 0 && c.edge != nil {
		c.edge(c.channel, color)
	}
}

// InFlight returns how many requests are under way.
func (c *Counter) InFlight(color Color) int64 { return c.colors[color].inFlight.Load() }

// Starts returns how many requests were started in the life of this process.
func (c *Counter) Starts(color Color) int64 { return c.colors[color].starts.Load() }

// Counter returns the counter of a channel, made at first use. It does not
// allocate for a channel that was asked for before.
func (a *Activity) Counter(channel string) *Counter {
	if m := a.counters.Load(); m != nil {
		if c := (*m)[channel]; c != nil {
			return c
		}
	}
	return a.add(channel)
}

func (a *Activity) add(channel string) *Counter {
	a.mu.Lock()
	defer a.mu.Unlock()
	next := map[string]*Counter{}
	if m := a.counters.Load(); m != nil {
		if c := (*m)[channel]; c != nil {
			return c
		}
		if len(*m) >= maxCounted {
			return &a.others
		}
		next = maps.Clone(*m)
	}
	c := &Counter{channel: channel, edge: a.onEdge}
	next[channel] = c
	a.counters.Store(&next)
	return c
}
