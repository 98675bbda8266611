package tally

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/bluegreen-go/bluegreen/sdk"
)

// AbortWindow is how long after an abort crossings are counted but forgiven.
const AbortWindow = 3 * time.Second

// maxErrors bounds how many failures are kept in words.
const maxErrors = 5

// Collector counts while the release runs. Its methods may be called concurrently.
type Collector struct {
	mu       sync.Mutex
	channels Channels
	price    int
	current  map[string]*Sample
	drained  drains
	aborts   []Span
	watched  map[string]bool   // channels in which a request must keep to one colour now
	recent   map[string][]bool // by channel: whether the last requests went to blue
	changes  []time.Time
	v        Verdict
}

// NewCollector returns a collector for a shop whose orders should cost price cents.
func NewCollector(channels Channels, price int) *Collector {
	return &Collector{
		channels: channels, price: price, watched: map[string]bool{}, current: map[string]*Sample{}, drained: drains{}, recent: map[string][]bool{},
		v: Verdict{Wrong: map[string]int{}, Reasons: map[string]int64{}},
	}
}

// Request is one request on its way, from Begin to End.
type Request struct {
	start time.Time
	plain bool
	steps []*Sample
	rules map[string]bool // the channels that were watched when it began
}

// Begin notes that a request starts. A plain one comes from the caller that does not use the SDK; it makes no decision,
// so it is no root.
func (c *Collector) Begin(plain bool) *Request {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := &Request{start: time.Now(), plain: plain, rules: maps.Clone(c.watched)}
	if plain {
		c.v.PlainCalls++
		return r
	}
	c.v.Roots++
	for _, s := range c.current {
		s.open++
		r.steps = append(r.steps, s)
	}
	return r
}

// End notes how the request ended. A request that failed counts for no share.
func (c *Collector) End(r *Request, tree *Node, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range r.steps {
		s.open--
	}
	if err != nil {
		c.v.Failed++
		if len(c.v.Errors) < maxErrors {
			c.v.Errors = append(c.v.Errors, r.start.Format("15:04:05.000 ")+err.Error())
		}
		return
	}
	if tree.Total != c.price {
		c.v.Wrong[tree.Version]++
		if n := len(c.aborts); n > 0 && !r.plain && c.aborts[n-1].Before(r.start) {
			c.v.WrongLate++
		}
	}
	for channel, colors := range c.channels.Colors(tree) {
		if r.rules[channel] && c.watched[channel] {
			c.judge(r, tree, channel, colors)
		}
	}
}

// Watch says whether requests must keep to one colour in a channel from now on. What begins or ends while they need not
// is not judged.
func (c *Collector) Watch(channel string, on bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.watched[channel] = on
}

// judge looks at the part of a request that is in one channel.
func (c *Collector) judge(r *Request, tree *Node, channel string, colors sdk.Live) {
	if Crossed(colors) {
		c.crossed(r, tree, channel)
		return
	}
	if r.plain {
		return
	}
	blue := colors.Has(sdk.Blue)
	c.recent[channel] = append(c.recent[channel], blue)
	if n := len(c.recent[channel]); n > recentRoots {
		c.recent[channel] = c.recent[channel][n-recentRoots:]
	}
	for _, s := range r.steps {
		if s.Channel == channel {
			s.Roots++
			if blue {
				s.Blue++
			}
		}
	}
}

func (c *Collector) crossed(r *Request, tree *Node, channel string) {
	switch {
	case r.plain:
		c.v.Crossings.Plain++
	case c.inAbort(Span{r.start, time.Now()}):
		c.v.Crossings.Abort++
	default:
		c.v.Crossings.Outside++
		if text, err := tree.Encode(); err == nil && len(c.v.Errors) < maxErrors {
			c.v.Errors = append(c.v.Errors, fmt.Sprintf("%s crossing in %s: %s", r.start.Format("15:04:05.000"), channel, text))
		}
	}
}

// inAbort reports whether any of the span is within an abort window.
func (c *Collector) inAbort(s Span) bool {
	return slices.ContainsFunc(c.aborts, func(a Span) bool { return !a.Before(s.Begin) && s.End.After(a.Begin) })
}

// OpenStep begins the sample of a step in a channel: requests that begin from now on count for it.
func (c *Collector) OpenStep(step, channel string, want sdk.PerColor[int]) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := &Sample{Step: step, Channel: channel, Want: want}
	c.current[channel] = s
	c.v.Samples = append(c.v.Samples, s)
}

// CloseStep ends the sample of a channel: requests that begin from now on do not count for it. The share may be changed
// once Idle says that those which do are over.
func (c *Collector) CloseStep(channel string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.current, channel)
}

// Idle reports whether no request of a closed sample is under way.
func (c *Collector) Idle() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.v.Samples {
		if s.open > 0 && c.current[s.Channel] != s {
			return false
		}
	}
	return true
}

// Sampling reports whether a channel has an open sample.
func (c *Collector) Sampling(channel string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.current[channel] != nil
}

// Roots returns how many roots the open sample of a channel has.
func (c *Collector) Roots(channel string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s := c.current[channel]; s != nil {
		return s.Roots
	}
	return 0
}

// Aborting notes that an abort begins.
func (c *Collector) Aborting(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.aborts = append(c.aborts, Span{Begin: t})
	c.v.Aborts++
}

// Aborted notes that the abort was published: its window ends soon. Later calls change nothing.
func (c *Collector) Aborted(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if n := len(c.aborts); n > 0 && c.aborts[n-1].End.IsZero() {
		c.aborts[n-1].End = t.Add(AbortWindow)
	}
}

// Certified notes that a colour is drained, from now until Reopened.
func (c *Collector) Certified(channel string, color sdk.Color, t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.drained.begin(side{channel, color}, t)
	c.v.Certificates++
}

// Reopened notes that a drained colour may be called again.
func (c *Collector) Reopened(channel string, color sdk.Color, t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.drained.end(side{channel, color}, t)
}

// Received notes when a process of the service received calls.
func (c *Collector) Received(service string, color sdk.Color, times []time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.v.Calls += len(times)
	channel, ok := c.channels[service]
	if !ok {
		return
	}
	for _, t := range times {
		if c.drained.holds(side{channel, color}, t) {
			c.v.OnDrained++
		}
	}
}

// Published notes that a rule document was published.
func (c *Collector) Published(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.changes = append(c.changes, t)
}

// Reasons sets how often the SDK says that a call crossed, by reason.
func (c *Collector) Reasons(byReason map[string]int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.v.Reasons = maps.Clone(byReason)
}

// Wrong returns how many orders of a version had the wrong total so far.
func (c *Collector) Wrong(version string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.v.Wrong[version]
}
