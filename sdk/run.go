package sdk

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	retryFirst = 200 * time.Millisecond // first pause after a failed load
	retryMax   = 5 * time.Second
	loadLimit  = 10 * time.Second
	maxInbox   = 16 // pushes of one document that wait to be judged
	loaders    = 8  // documents that are loaded at the same time
)

// run is the one goroutine that judges documents and publishes snapshots.
func (c *Client) run(ctx context.Context) {
	next := time.NewTimer(0)
	defer next.Stop()
	deadline := time.NewTimer(c.cfg.startTimeout)
	defer deadline.Stop()
	retry, poll, failing := retryFirst, true, false
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.wake:
		case <-next.C:
			poll = true
		case <-deadline.C:
			c.giveUpWaiting()
			continue
		}
		poll = c.judgeInbox() || poll
		ok := !poll || c.pollIndex(ctx)
		if poll || !failing { // while the source fails, only the timer asks it again
			ok = c.loadBehind(ctx, poll) && ok
			failing = !ok
		}
		if !ok {
			c.stats.loadErrors.Add(1)
			next.Reset(retry)
			retry = min(2*retry, retryMax)
		} else if poll {
			retry = retryFirst
			next.Reset(c.cfg.pollMin + c.cfg.jitter(c.cfg.pollMin))
		}
		poll = false
		if c.state.indexRead && (!failing || c.Rules().Origin() != NotLoaded) {
			c.publish()
		}
		c.recheck()
	}
}

// judgeInbox applies what has been pushed. Pushes come late and out of order:
// one that cannot be followed says only that the document must be read again. It
// reports whether this is true of the index.
func (c *Client) judgeInbox() (readIndex bool) {
	c.mu.Lock()
	inbox := c.inbox
	c.inbox = map[string][]string{}
	c.mu.Unlock()
	for _, text := range inbox[IndexDataID] {
		c.state.setIndex(text)
		readIndex = c.state.index.problem != nil
	}
	for _, dataID := range slices.Sorted(maps.Keys(inbox)) {
		name, ok := strings.CutPrefix(dataID, ChannelPrefix)
		for _, text := range inbox[dataID] {
			if ok && c.state.known(name) {
				c.state.setChannel(name, text)
			}
		}
		if h := c.state.channels[name]; h != nil && h.problem != nil {
			c.mu.Lock()
			c.refresh[name] = true
			c.mu.Unlock()
		}
	}
	return readIndex
}

// watch starts watching a document, once.
func (c *Client) watch(dataID string) {
	if c.watching[dataID] != nil {
		return
	}
	stop, err := c.source.Watch(dataID, func(content string) {
		c.mu.Lock()
		waiting := c.inbox[dataID]
		c.inbox[dataID] = append(waiting[max(0, len(waiting)-maxInbox+1):], content)
		c.mu.Unlock()
		poke(c.wake)
	})
	if err != nil {
		c.cfg.logger.Warn("bluegreen: cannot watch", "document", dataID, "error", err)
		return
	}
	c.watching[dataID] = stop
}

// pollIndex watches and reads the index.
func (c *Client) pollIndex(ctx context.Context) bool {
	c.watch(IndexDataID)
	text, err := c.load(ctx, IndexDataID)
	if err != nil {
		return false
	}
	c.state.setIndex(text)
	return true
}

func (c *Client) load(ctx context.Context, dataID string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, loadLimit)
	defer cancel()
	return c.source.Load(ctx, dataID)
}

// loadBehind watches all channels that the index names, and reads those that
// are older than the index or a hint says. It reports whether all of them could
// be read.
func (c *Client) loadBehind(ctx context.Context, poll bool) bool {
	for name := range c.state.index.good.Channels {
		c.watch(ChannelDataID(name))
	}
	names := c.state.behind(poll)
	c.mu.Lock()
	for name := range c.refresh {
		if !slices.Contains(names, name) && channelName.MatchString(name) {
			names = append(names, name)
		}
	}
	c.refresh = map[string]bool{}
	c.mu.Unlock()
	return len(names) == 0 || c.loadChannels(ctx, names)
}

func (c *Client) loadChannels(ctx context.Context, names []string) bool {
	texts, errs := make([]string, len(names)), make([]error, len(names))
	slots := make(chan struct{}, loaders)
	var wg sync.WaitGroup
	for i, name := range names {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			texts[i], errs[i] = c.load(ctx, ChannelDataID(name))
		})
	}
	wg.Wait()
	all := true
	for i, name := range names {
		if errs[i] != nil {
			all = false
			c.mu.Lock()
			c.refresh[name] = true
			c.mu.Unlock()
			continue
		}
		if texts[i] == "" && !c.state.known(name) {
			continue // a hint about a channel that does not exist here
		}
		c.state.setLoaded(name, texts[i])
	}
	return all
}

// publish makes a new snapshot if anything changed and tells subscribers.
func (c *Client) publish() {
	if c.published == c.state.version && c.Rules().Origin() == FromSource {
		return
	}
	c.published = c.state.version
	c.install(c.state.rules(FromSource))
	for dataID, stop := range c.watching {
		if dataID != IndexDataID && !c.state.known(dataID[len(ChannelPrefix):]) {
			stop()
			delete(c.watching, dataID)
		}
	}
}

// install publishes a snapshot unless it says the same as the present one.
func (c *Client) install(r *Rules) {
	before := c.Rules()
	if same(before, r) {
		return
	}
	c.stats.applied.Add(1) // before anybody can see the snapshot
	c.rules.Store(r)
	next := make(chan struct{})
	close(*c.changed.Swap(&next))
	if before.Origin() == NotLoaded && r.Origin() != NotLoaded {
		close(c.loaded)
	}
	c.logChange(before, r)
	if r.Origin() == FromSource {
		err := c.state.file().write(c.cfg.lastGood)
		if err != nil && !c.unwritable {
			c.cfg.logger.Warn("bluegreen: last-good rules cannot be written", "file", c.cfg.lastGood, "error", err)
		}
		c.unwritable = err != nil
	}
	c.announce(r)
	poke(c.report)
}

func same(a, b *Rules) bool {
	if a.origin != b.origin || len(a.channels) != len(b.channels) || len(a.problems) != len(b.problems) || a.index.Revision != b.index.Revision {
		return false
	}
	for i := range a.channels {
		if a.channels[i] != b.channels[i] {
			return false
		}
	}
	for i := range a.problems {
		if a.problems[i].String() != b.problems[i].String() {
			return false
		}
	}
	return true
}

func (c *Client) logChange(before, now *Rules) {
	for _, ch := range now.channels {
		if before.Channel(ch.Name) != ch {
			c.cfg.logger.Info("bluegreen: rules", "channel", ch.Name, "revision", ch.Revision, "state", ch.State,
				"share", fmt.Sprintf("%d:%d", ch.Share.Blue, ch.Share.Green),
				"stage", ch.Stage.Blue.String()+":"+ch.Stage.Green.String(), "origin", now.origin)
		}
	}
	old := map[string]bool{}
	for _, p := range before.problems {
		old[p.String()] = true
	}
	for _, p := range now.problems {
		if !old[p.String()] {
			c.stats.refused.Add(1)
			c.cfg.logger.Warn("bluegreen: rules are not followed", "problem", p.String())
		}
	}
}

// giveUpWaiting falls back to the last good file once the start has taken too long.
func (c *Client) giveUpWaiting() {
	if c.Rules().Origin() != NotLoaded {
		return
	}
	if f := c.state.fallback; f != nil {
		if err := c.state.load(f); err == nil {
			c.cfg.logger.Warn("bluegreen: no answer from the rules' source; following the last good ones", "file", c.cfg.lastGood)
			c.install(c.state.rules(FromFile))
			c.recheck()
			return
		}
	}
	c.cfg.logger.Error("bluegreen: no answer from the rules' source and no last good rules; no channel is assumed active")
	c.install(c.state.rules(Assumed))
	c.recheck()
}
