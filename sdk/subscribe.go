package sdk

import (
	"runtime/debug"
	"sync"
)

// subscription delivers snapshots to one subscriber: the newest wins.
type subscription struct {
	mu     sync.Mutex
	newest *Rules
	signal chan struct{}
	stop   chan struct{}
	done   chan struct{}
}

// Subscribe calls f with the present snapshot and with each later one. The calls
// to one f come one at a time and in order; a slow f skips snapshots and gets
// the newest, a panicking one is logged and called again next time. cancel ends
// the calls and waits for one that runs; it must not be called from within f.
func (c *Client) Subscribe(f func(*Rules)) (cancel func()) {
	s := &subscription{
		newest: c.Rules(), signal: make(chan struct{}, 1), stop: make(chan struct{}), done: make(chan struct{}),
	}
	c.mu.Lock()
	if c.closing {
		c.mu.Unlock()
		return func() {}
	}
	id := c.nextSub
	c.nextSub++
	c.subs[id] = s
	s.newest = c.Rules()
	c.mu.Unlock()
	poke(s.signal)
	go c.deliver(s, f)
	return func() {
		c.mu.Lock()
		_, there := c.subs[id]
		delete(c.subs, id)
		c.mu.Unlock()
		if there {
			close(s.stop)
		}
		<-s.done
	}
}

func (c *Client) deliver(s *subscription, f func(*Rules)) {
	defer close(s.done)
	var told *Rules // announced while subscribing, a snapshot comes twice
	for {
		select {
		case <-s.stop:
			return
		case <-s.signal:
		}
		s.mu.Lock()
		r := s.newest
		s.mu.Unlock()
		if r != told {
			told = r
			c.guard("subscriber", func() { f(r) })
		}
	}
}

// guard runs f and turns a panic into a log line and a count.
func (c *Client) guard(what string, f func()) {
	defer func() {
		if p := recover(); p != nil {
			c.stats.panics.Add(1)
			c.cfg.logger.Error("bluegreen: panic in "+what, "panic", p, "stack", string(debug.Stack()))
		}
	}()
	f()
}

// announce hands a new snapshot to all subscribers.
func (c *Client) announce(r *Rules) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.subs {
		s.mu.Lock()
		s.newest = r
		s.mu.Unlock()
		poke(s.signal)
	}
}

func (c *Client) endSubscriptions() {
	c.mu.Lock()
	subs := c.subs
	c.subs = map[int]*subscription{}
	c.mu.Unlock()
	for _, s := range subs {
		close(s.stop)
		<-s.done
	}
}
