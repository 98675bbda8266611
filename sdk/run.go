package sdk

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"
)

const (
	retryFirst = 200 * time.Millisecond // first pause after a failed load
	retryMax   = 5 * time.Second
	loadLimit  = 10 * time.Second
	loaders    = 8 // documents that are loaded at the same time
)

// run is the one goroutine that judges documents and publishes snapshots.
func (c *Client) run(ctx context.Context) {
	next := time.NewTimer(0)
	defer next.Stop()
	deadline := time.NewTimer(c.cfg.startTimeout)
	defer deadline.Stop()
	retry, poll := retryFirst, true
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
		c.judgeInbox()
		ok := !poll || c.pollIndex(ctx)
		if ok = c.loadBehind(ctx) && ok; !ok {
			c.stats.loadErrors.Add(1)
			next.Reset(retry)
			retry = min(2*retry, retryMax)
		} else if poll {
			retry = retryFirst
			next.Reset(c.cfg.pollMin + RandomDelay(c.cfg.pollMin))
		}
		poll = false
		if c.state.indexRead && (ok || c.Rules().Origin() != NotLoaded) {
			c.publish()
		}
		c.recheck()
	}
}

// judgeInbox applies what has been pushed.
func (c *Client) judgeInbox() {
	c.mu.Lock()
	inbox := c.inbox
	c.inbox = map[string]string{}
	c.mu.Unlock()
	if text, ok := inbox[IndexDataID]; ok {
		c.state.setIndex(text)
	}
	for _, dataID := range slices.Sorted(maps.Keys(inbox)) {
		if dataID == IndexDataID {
			continue
		}
		c.state.setChannel(dataID[len(ChannelPrefix):], inbox[dataID])
	}
}

// watch starts watching a document, once.
func (c *Client) watch(dataID string) {
	if c.watching[dataID] != nil {
		return
	}
	stop, err := c.source.Watch(dataID, func(content string) {
		c.mu.Lock()
		c.inbox[dataID] = content
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

// loadBehind reads the channels that are older than the index or a hint says. It
// reports whether all of them could be read.
func (c *Client) loadBehind(ctx context.Context) bool {
	names := c.state.behind()
	c.mu.Lock()
	for name := range c.refresh {
		if !slices.Contains(names, name) && channelName.MatchString(name) {
			names = append(names, name)
		}
	}
	c.refresh = map[string]bool{}
	c.mu.Unlock()
	if len(names) == 0 {
		return true
	}
	for _, name := range names {
		if _, listed := c.state.index.good.Channels[name]; listed {
			c.watch(ChannelDataID(name))
		}
	}
	return c.loadChannels(ctx, names)
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
			continue
		}
		_, listed := c.state.index.good.Channels[name]
		if texts[i] == "" && !listed {
			continue // a hint about a channel that does not exist here
		}
		c.state.setChannel(name, texts[i])
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
		if dataID != IndexDataID && c.state.channels[dataID[len(ChannelPrefix):]] == nil {
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
	c.rules.Store(r)
	if before.Origin() == NotLoaded && r.Origin() != NotLoaded {
		close(c.loaded)
	}
	c.stats.applied.Add(1)
	c.logChange(before, r)
	if r.Origin() == FromSource {
		if err := c.state.file().write(c.cfg.lastGood); err != nil {
			c.cfg.logger.Warn("bluegreen: last-good rules cannot be written", "file", c.cfg.lastGood, "error", err)
		}
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
