package main

import (
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/bluegreen-go/bluegreen/examples/shop/internal/tally"
)

// counts keeps what the SDK counts in the children, also in those that have ended. The zero value is ready; its methods
// may be called concurrently.
type counts struct {
	mu        sync.Mutex
	crossings map[*process]map[string]int64
	writes    []tally.Write
}

// add takes in an event; it reports whether the crossings have changed.
func (c *counts) add(p *process, e event) bool {
	if e.Crossings == nil && e.Writes == nil {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, t := range e.Writes {
		c.writes = append(c.writes, tally.Write{At: time.UnixMicro(t), Record: p.name()})
	}
	if e.Crossings == nil {
		return false
	}
	if c.crossings == nil {
		c.crossings = map[*process]map[string]int64{}
	}
	c.crossings[p] = e.Crossings
	return true
}

// reasons sums the crossings by reason.
func (c *counts) reasons() map[string]int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	sum := map[string]int64{}
	for byReason := range maps.Values(c.crossings) {
		for reason, n := range byReason {
			sum[reason] += n
		}
	}
	return sum
}

func (c *counts) registryWrites() []tally.Write {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.writes)
}
