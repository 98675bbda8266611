package tally

import (
	"time"

	"github.com/bluegreen-go/bluegreen/sdk"
)

// recentRoots is how many requests the live share looks back.
const recentRoots = 500

// Live is a moment of a run, for the view.
type Live struct {
	Roots, Plain, Calls, Failed int
	Crossings                   Crossings
	Reasons                     map[string]int64
	OnDrained                   int
	Wrong                       int
	Drained                     map[string]sdk.Live // by channel: the colours that are certified as drained
	Blue                        map[string]float64  // by channel: blue's part of the last roots
	Step                        map[string]StepLive
}

// StepLive is how far the open sample of a channel is.
type StepLive struct {
	Step  string
	Want  sdk.PerColor[int]
	Roots int
	Blue  float64
}

// Live returns the present moment.
func (c *Collector) Live() Live {
	c.mu.Lock()
	defer c.mu.Unlock()
	l := Live{
		Roots: c.v.Roots, Plain: c.v.PlainCalls, Calls: c.v.Calls, Failed: c.v.Failed, Crossings: c.v.Crossings,
		Reasons: c.v.Reasons, OnDrained: c.v.OnDrained, Drained: c.drained.at(time.Now()), Blue: map[string]float64{}, Step: map[string]StepLive{},
	}
	for _, n := range c.v.Wrong {
		l.Wrong += n
	}
	for channel, recent := range c.recent {
		blue := 0
		for _, b := range recent {
			if b {
				blue++
			}
		}
		l.Blue[channel] = float64(blue) / float64(max(1, len(recent)))
	}
	for channel, s := range c.current {
		l.Step[channel] = StepLive{s.Step, s.Want, s.Roots, s.PartBlue()}
	}
	return l
}
