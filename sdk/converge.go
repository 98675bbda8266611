package sdk

import (
	"context"
	"slices"
	"time"
)

// recheck asks every part whether it follows the rules and keeps the answer.
// It runs on the run loop only.
func (c *Client) recheck() {
	rules := c.Rules()
	c.mu.Lock()
	parts := slices.Clone(c.parts)
	before := c.progress
	c.mu.Unlock()
	now := make(map[string]ChannelReport, len(before))
	changed := false
	var reached []*Channel
	for _, ch := range rules.Channels() {
		was, known := before[ch.Name]
		if known && was.Revision == ch.Revision && was.Converged == ch.Revision && !ch.IsActive() {
			now[ch.Name] = was
			continue
		}
		is := ChannelReport{Channel: ch.Name, Revision: ch.Revision}
		if h := c.state.channels[ch.Name]; h != nil {
			is.Hash = h.hash
		}
		is.Blind = c.behind(parts, ch)
		if len(is.Blind) == 0 && rules.Origin() == FromSource {
			is.Converged = ch.Revision
		}
		if is.Converged == ch.Revision {
			reached = append(reached, ch)
		}
		now[ch.Name] = is
		changed = changed || len(is.Blind) > 0 || was.Converged != is.Converged || was.Revision != is.Revision || !slices.Equal(was.Blind, is.Blind)
	}
	c.mu.Lock()
	c.progress = now
	for _, ch := range reached {
		c.reached[ch.Name] = ch.Revision
	}
	c.mu.Unlock()
	if changed || len(now) != len(before) {
		poke(c.report)
	}
}

func (c *Client) behind(parts []namedPart, ch *Channel) (blind []string) {
	for _, p := range parts {
		answered := false
		c.guard("part "+p.name, func() {
			blind = append(blind, p.part.Behind(ch)...)
			answered = true
		})
		if !answered {
			blind = append(blind, p.name+": panicked")
		}
	}
	slices.Sort(blind)
	return slices.Compact(blind)
}

// Converged reports whether everything in this process follows and sees the
// channel at the revision of the present rules.
func (c *Client) Converged(channel string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	p, ok := c.progress[channel]
	return ok && p.Converged == p.Revision
}

// HasConverged reports whether the process was converged with the channel at the
// revision of the present rules at any time. What it sees no more went away
// since then; it is not on its way here.
func (c *Client) HasConverged(channel string) bool {
	ch := c.Rules().Channel(channel)
	c.mu.Lock()
	defer c.mu.Unlock()
	revision, ok := c.reached[channel]
	return ok && ch != nil && revision == ch.Revision
}

// maxRecent is how many idle channels that changed lately a report names.
const maxRecent = 4

// State returns what the next report would say.
func (c *Client) State() Report {
	rules := c.Rules()
	r := Report{Identity: c.id, At: time.Now(), Origin: rules.Origin(), Index: rules.Index().Revision}
	for _, p := range rules.Problems() {
		r.Problems = append(r.Problems, p.String())
	}
	for name, rev := range rules.Index().Channels {
		if ch := rules.Channel(name); ch == nil || ch.Revision < rev {
			r.Index = 0
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	r.Leaving = c.closing
	for _, p := range c.parts {
		r.Caps = append(r.Caps, p.name)
	}
	recent := 0
	for _, ch := range rules.Channels() {
		p := c.progress[ch.Name]
		if p.Converged != ch.Revision {
			r.Index = 0
		}
		if !ch.IsActive() && !ch.Has(c.id.Service) {
			if recent >= maxRecent {
				continue
			}
			recent++
		}
		p.Channel, p.Revision = ch.Name, ch.Revision
		count := c.activity.Counter(ch.Name)
		for _, color := range Colors {
			p.Starts = p.Starts.With(color, count.Starts(color))
			p.InFlight = p.InFlight.With(color, count.InFlight(color))
		}
		r.Channels = append(r.Channels, p)
	}
	return r
}

// reportLoop sends reports: after a random delay, coalesced, and only when
// something that control waits for has changed.
func (c *Client) reportLoop(ctx context.Context) {
	var sent Report
	seq, owed := int64(0), false // owed: worth sending, but the reporter failed
	spent := map[string]spending{}
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.report:
		}
		if c.Rules().Origin() == NotLoaded {
			continue // the first rules ask again, and only they know the delay
		}
		if !c.spread(ctx) {
			return
		}
		now := c.State()
		if seq > 0 && !owed && !worthSending(&sent, &now, spent, c.Rules()) {
			continue
		}
		owed = true
		now.Seq = seq + 1
		if err := c.cfg.reporter.Report(ctx, now); err != nil {
			c.stats.reportErrors.Add(1)
			c.cfg.logger.Warn("bluegreen: agent report failed", "error", err)
			if !pause(ctx, time.Second) {
				return
			}
			poke(c.report)
			continue
		}
		seq, sent, owed = now.Seq, now, false
		c.stats.reports.Add(1)
		if now.Leaving {
			close(c.goodbye)
			return
		}
	}
}

// spread waits the random delay before a report, or until Shutdown begins. It
// reports whether the context still stands.
func (c *Client) spread(ctx context.Context) bool {
	t := time.NewTimer(c.cfg.jitter(c.Rules().Settings().Jitter()))
	defer t.Stop()
	select {
	case <-t.C:
	case <-c.leaving:
	case <-ctx.Done():
	}
	return ctx.Err() == nil
}

// edgeBudget is how many reports per revision tell that a closing colour went
// silent or started again; blindEvery is the least time between two reports that
// say only that the process is blind to something else now.
const (
	edgeBudget = 2
	blindEvery = time.Minute
)

// spending is what was reported of a channel beyond its convergence.
type spending struct {
	revision int64
	edges    int
	blindAt  time.Time
}

// worthSending reports whether now says something that control waits for and
// sent did not say.
func worthSending(sent, now *Report, spent map[string]spending, rules *Rules) bool {
	worth := sent.Origin != now.Origin || sent.Leaving != now.Leaving || now.Index != 0 && sent.Index != now.Index ||
		!slices.Equal(sent.Problems, now.Problems) || !slices.Equal(sent.Caps, now.Caps)
	for _, is := range now.Channels {
		was, _ := sent.Of(is.Channel)
		s := spent[is.Channel]
		if s.revision != is.Revision {
			s = spending{revision: is.Revision}
		}
		converged := is.Converged == is.Revision
		switch {
		case converged != (was.Converged == is.Revision):
			worth = true
		case !converged && !slices.Equal(was.Blind, is.Blind) && (s.blindAt.IsZero() || now.At.Sub(s.blindAt) >= blindEvery):
			s.blindAt = now.At
			worth = true
		case edge(rules.Channel(is.Channel), was, is) && s.edges < edgeBudget:
			s.edges++
			worth = true
		}
		spent[is.Channel] = s
	}
	return worth
}

// edge reports whether a closing colour went silent since, or is busy again.
func edge(ch *Channel, was, is ChannelReport) bool {
	for _, color := range Colors {
		if ch == nil || !ch.Closing(color) {
			continue
		}
		silent := was.InFlight.Of(color) == 0
		if silent && was.Starts.Of(color) != is.Starts.Of(color) || !silent && is.InFlight.Of(color) == 0 {
			return true
		}
	}
	return false
}

// pause waits, and reports whether the context still stands.
func pause(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
