package shop_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/bluegreen-go/bluegreen/control/store"
	"github.com/bluegreen-go/bluegreen/integration/internal/proc"
	"github.com/bluegreen-go/bluegreen/integration/javacaller"
	"github.com/bluegreen-go/bluegreen/sdk"
	rules "github.com/bluegreen-go/bluegreen/sdk/nacos"
)

// lookEvery is how often a condition is looked at.
const lookEvery = 100 * time.Millisecond

// releaseLog is what Nacos held of the release: the shop removes it at its end.
// Each history has the whole of the one before, so that it may come late.
type releaseLog struct {
	mu      sync.Mutex
	history map[int64]*sdk.Channel       // by revision
	drained map[sdk.Color]map[int64]bool // the certificates' times in milliseconds
}

// watchRelease reads the release's documents until the test ends.
func watchRelease(t *testing.T, addr string) *releaseLog {
	t.Helper()
	n, err := rules.Open(rules.Config{Address: addr, Group: rulesGroup, CacheDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	l := &releaseLog{history: map[int64]*sdk.Channel{}, drained: map[sdk.Color]map[int64]bool{sdk.Blue: {}, sdk.Green: {}}}
	watch := func(dataID string, changed func(string)) {
		if _, err := n.Watch(dataID, changed); err != nil {
			t.Fatal(err)
		}
	}
	watch(store.HistoryPrefix+channel, l.published)
	for _, color := range sdk.Colors {
		watch(store.CertificatePrefix+channel+"."+color.String(), func(text string) { l.certified(color, text) })
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = n.Close(ctx)
	})
	return l
}

// published takes the channel's history.
func (l *releaseLog) published(text string) {
	var history struct {
		Entries []store.Entry `yaml:"entries"`
	}
	if err := yaml.Unmarshal([]byte(text), &history); err != nil {
		return // judge finds too few
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range history.Entries {
		if ch, err := e.Channel(); err == nil {
			l.history[e.Revision] = ch
		}
	}
}

// certified takes a certificate.
func (l *releaseLog) certified(color sdk.Color, text string) {
	var c store.Certificate
	if err := json.Unmarshal([]byte(text), &c); err != nil || !c.Drained {
		return // judge finds too few
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.drained[color][c.At.UnixMilli()] = true
}

// revisions are the channel's documents in order.
func (l *releaseLog) revisions() []*sdk.Channel {
	l.mu.Lock()
	defer l.mu.Unlock()
	var all []*sdk.Channel
	for _, ch := range l.history {
		all = append(all, ch)
	}
	slices.SortFunc(all, func(a, b *sdk.Channel) int { return int(a.Revision - b.Revision) })
	return all
}

// finished reports whether the channel is idle again.
func (l *releaseLog) finished() bool {
	all := l.revisions()
	was := slices.ContainsFunc(all, (*sdk.Channel).IsActive)
	return was && !all[len(all)-1].IsActive()
}

// await waits for the condition while the shop runs.
func (l *releaseLog) await(t *testing.T, shop *proc.Process, limit time.Duration, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(limit)
	for !ok() {
		select {
		case <-shop.Done():
			t.Fatalf("the shop has ended (%v) before %s", shop.Err(), what)
		case <-time.After(lookEvery):
		}
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", limit, what)
		}
	}
}

// span is a stretch of time.
type span struct{ begin, end time.Time }

// meets reports whether a stretch of time has anything in common with the span.
func (s span) meets(from, to time.Time) bool { return !to.Before(s.begin) && !from.After(s.end) }

// drains are the spans in which each colour was certified as drained: until the
// first document after the certificate that has the colour in again.
func (l *releaseLog) drains() map[sdk.Color][]span {
	all := l.revisions()
	l.mu.Lock()
	defer l.mu.Unlock()
	spans := map[sdk.Color][]span{}
	for color, seen := range l.drained {
		for ms := range seen {
			s := span{begin: time.UnixMilli(ms)}
			for _, ch := range all {
				if s.end.IsZero() && ch.Publish.At.After(s.begin) && ch.Stage.Of(color) != sdk.Out {
					s.end = ch.Publish.At
				}
			}
			spans[color] = append(spans[color], s)
		}
	}
	return spans
}

// aborts are the windows in which requests may cross: the shop has one abort,
// which is the step that takes a colour's share and its consumers in one publish.
func (l *releaseLog) aborts() (spans []span) {
	all := l.revisions()
	for i := 1; i < len(all); i++ {
		for _, color := range sdk.Colors {
			if all[i-1].Share.Of(color) > 0 && all[i].Share.Of(color) == 0 && all[i].Stage.Of(color) < sdk.Consuming && all[i].IsActive() {
				at := all[i].Publish.At // whole seconds
				spans = append(spans, span{at, at.Add(time.Second + abortWindow)})
			}
		}
	}
	return spans
}

// active is the time in which requests keep to a colour.
func (l *releaseLog) active() (s span) {
	for _, ch := range l.revisions() {
		switch {
		case ch.IsActive() && s.begin.IsZero():
			s.begin = ch.Publish.At
		case !ch.IsActive():
			s.end = ch.Publish.At
		}
	}
	return s
}

// node is one process in the tree of calls that a reply describes.
type node struct {
	Service string    `json:"s"`
	Color   sdk.Color `json:"c"`
	Version string    `json:"v"`
	PID     int       `json:"p"`
	Calls   []*node   `json:"k"`
}

// colors are the channel's colours in the tree.
func (n *node) colors(seen map[sdk.Color]bool) {
	if n.Service != "ledger" && n.Color != sdk.Neutral { // ledger is in the other channel
		seen[n.Color] = true
	}
	for _, c := range n.Calls {
		c.colors(seen)
	}
}

// judge looks at what the Java caller got. A reply names the processes behind it
// by their ids, and each of those lives on one side of a drain only: so no drain
// lies between the first and the last time that a reply came.
func (l *releaseLog) judge(t *testing.T, loaded time.Time, load javacaller.Tally) {
	t.Helper()
	drains, active, aborts := l.drains(), l.active(), l.aborts()
	if n := len(drains[sdk.Blue]) + len(drains[sdk.Green]); n != certificates || len(aborts) != 1 {
		t.Errorf("drained: %v, aborted: %v, want %d drains and 1 abort", drains, aborts, certificates)
	}
	if loaded.After(active.begin.Add(time.Second)) {
		t.Errorf("the load began %v after the release, want before it", loaded.Sub(active.begin))
	}
	if load.Failed() != 0 || load.Total() < leastCalls {
		t.Errorf("%d of %d Java calls failed, want none of at least %d: %v", load.Failed(), load.Total(), leastCalls, load.Errors)
	}
	crossed, inAbort := 0, 0
	for text, c := range load.Replies {
		var tree node
		if err := json.Unmarshal([]byte(text), &tree); err != nil || tree.Service != "order" {
			t.Fatalf("reply %q: %v", text, err)
		}
		seen := map[sdk.Color]bool{}
		tree.colors(seen)
		for color := range seen {
			for _, s := range drains[color] {
				if s.meets(c.First, c.Last) {
					t.Errorf("%d Java calls at %s reached %s, which was drained from %s: %s", c.N, at(c.First), color, at(s.begin), text)
				}
			}
		}
		if len(seen) < 2 {
			continue
		}
		switch {
		case slices.ContainsFunc(aborts, func(s span) bool { return s.meets(c.First, c.Last) }):
			inAbort += c.N
		case c.First.After(active.begin.Add(settled)) && c.Last.Before(active.end):
			crossed += c.N
			t.Errorf("%d Java calls at %s were served by both colours: %s", c.N, at(c.First), text)
		}
	}
	t.Logf("Java caller: %d calls, %d failed, %d crossed (%d in the abort window); drained: %s", load.Total(), load.Failed(), crossed, inAbort, describe(drains))
}

// settled is how long after the first active document requests may still mix: it
// is read, and requests from before it end.
const settled = 5 * time.Second

func at(t time.Time) string { return t.Format("15:04:05.000") }

func describe(drains map[sdk.Color][]span) (text string) {
	for _, color := range sdk.Colors {
		for _, s := range drains[color] {
			text += fmt.Sprintf("%s for %.0f s; ", color, s.end.Sub(s.begin).Seconds())
		}
	}
	return text
}
