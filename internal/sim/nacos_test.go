package sim

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/bluegreen-go/bluegreen/control/store"
	"github.com/bluegreen-go/bluegreen/sdk"
)

var errCut = errors.New("no connection")

// configServer is the model of the configuration server and of the list of
// agents: documents with compare-and-swap, pushes that come late or never.
type configServer struct {
	w        *world
	mu       sync.Mutex
	docs     map[string]string
	agents   map[string]sdk.Report // by boot id
	reported map[string]int        // boot id and revision → reports
	watchers map[string]map[int]*watcher
	next     int
	frozen   map[string]sdk.Report // mutant: counters as of the first zero round
}

type watcher struct {
	p       *process
	changed func(string)
}

var _ store.Backend = (*configServer)(nil)

func newConfigServer(w *world) *configServer {
	return &configServer{
		w: w, docs: map[string]string{}, agents: map[string]sdk.Report{}, reported: map[string]int{},
		watchers: map[string]map[int]*watcher{},
	}
}

// Load implements store.Backend.
func (s *configServer) Load(_ context.Context, dataID string) (string, error) {
	time.Sleep(s.w.delay(2))
	return s.get(dataID), nil
}

func (s *configServer) get(dataID string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.docs[dataID]
}

// Publish implements store.Backend.
func (s *configServer) Publish(_ context.Context, dataID, content, old string) error {
	time.Sleep(s.w.delay(2))
	if err := s.swap(dataID, content, old); err != nil {
		return err
	}
	time.Sleep(s.w.delay(2))
	return nil
}

func (s *configServer) swap(dataID, content, old string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.docs[dataID] != old {
		return fmt.Errorf("%s: %w", dataID, sdk.ErrConflict)
	}
	s.docs[dataID] = content
	if ch, err := sdk.ParseChannel(content); err == nil {
		s.w.check.published(ch)
		if s.w.cfg.without.secondZero {
			s.freeze(ch.Publish.Note)
		}
	}
	for _, n := range slices.Sorted(maps.Keys(s.watchers[dataID])) {
		s.push(s.watchers[dataID][n], dataID, content)
	}
	return nil
}

func (s *configServer) push(to *watcher, dataID, content string) {
	if to.p.random("lost rules", 20) == 0 && s.w.cfg.lossy {
		return
	}
	time.AfterFunc(to.p.rulesDelay(), func() {
		if !to.p.cut.Load() {
			to.changed(content)
		}
	})
}

// put writes a document whatever was there, before anybody watches it.
func (s *configServer) put(dataID, content string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.docs[dataID] = content
}

// Agents implements store.Backend.
func (s *configServer) Agents(context.Context) ([]sdk.Report, error) {
	time.Sleep(s.w.delay(2))
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []sdk.Report
	for _, boot := range slices.Sorted(maps.Keys(s.agents)) {
		list = append(list, s.seen(s.agents[boot]))
	}
	return list, nil
}

// seen is a report as control sees it: mutants make it see less.
func (s *configServer) seen(r sdk.Report) sdk.Report {
	without := s.w.cfg.without
	if frozen, ok := s.frozen[r.Identity.Boot]; ok {
		return withCounters(r, func(c *sdk.ChannelReport) {
			was, _ := frozen.Of(c.Channel)
			c.InFlight, c.Starts = sdk.PerColor[int64]{}, was.Starts
		})
	}
	if without.zeroAtCallers {
		return withCounters(r, func(c *sdk.ChannelReport) {
			for _, color := range sdk.Colors {
				if r.Identity.Color != color {
					c.InFlight, c.Starts = c.InFlight.With(color, 0), c.Starts.With(color, 0)
				}
			}
		})
	}
	return r
}

func withCounters(r sdk.Report, change func(*sdk.ChannelReport)) sdk.Report {
	r.Channels = slices.Clone(r.Channels)
	for i := range r.Channels {
		change(&r.Channels[i])
	}
	return r
}

// freeze makes the second zero round repeat what the first one has said.
func (s *configServer) freeze(note string) {
	switch {
	case strings.Contains(note, "second zero round"):
		s.frozen = maps.Clone(s.agents)
	case !strings.Contains(note, "probe"):
		s.frozen = nil
	}
}

// drop forgets a process some time after its connection is gone.
func (s *configServer) drop(boot string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.agents, boot)
}

// source is the server as one process sees it.
type source struct{ p *process }

// Load implements sdk.Source.
func (s source) Load(_ context.Context, dataID string) (string, error) {
	if s.p.joined && time.Since(s.p.id.Start) < 40*tick {
		return "", errCut // the server is slow to let it in
	}
	time.Sleep(s.p.delay("load", s.p.w.cfg.limits.rules))
	if s.p.cut.Load() {
		return "", errCut
	}
	return s.p.w.config.get(dataID), nil
}

// Watch implements sdk.Source.
func (s source) Watch(dataID string, changed func(string)) (func(), error) {
	if s.p.cut.Load() {
		return nil, errCut
	}
	c := s.p.w.config
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.watchers[dataID] == nil {
		c.watchers[dataID] = map[int]*watcher{}
	}
	id := c.next
	c.next++
	c.watchers[dataID][id] = &watcher{s.p, changed}
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.watchers[dataID], id)
	}, nil
}

// reporter takes the reports of one process.
type reporter struct{ p *process }

// Report implements sdk.Reporter.
func (r reporter) Report(_ context.Context, report sdk.Report) error {
	time.Sleep(r.p.delay("report", 20))
	if r.p.cut.Load() || r.p.w.cfg.lossy && r.p.random("lost report", 20) == 0 {
		return errCut
	}
	s := r.p.w.config
	s.mu.Lock()
	defer s.mu.Unlock()
	s.agents[report.Identity.Boot] = report
	r.p.w.check.reported(r.p, report)
	return nil
}

// Close implements sdk.Reporter.
func (r reporter) Close(context.Context) error {
	if !r.p.cut.Load() {
		r.p.w.config.drop(r.p.id.Boot)
	}
	return nil
}
