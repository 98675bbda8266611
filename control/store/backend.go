package store

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/bluegreen-go/bluegreen/sdk"
)

// Backend is where documents are and where agents report. sdk/nacos has the one
// on Nacos, [Memory] is one for tests. Its methods may be called concurrently.
type Backend interface {
	// Load returns a document; "" if there is none.
	Load(ctx context.Context, dataID string) (string, error)
	// Publish replaces a document whose content is old, in one step; old "" means
	// that there must be none. An error that wraps sdk.ErrConflict says that the
	// content was another one.
	Publish(ctx context.Context, dataID, content, old string) error
	// Agents returns the newest report of every process that is there. With an
	// error it may still return the reports that could be read.
	Agents(ctx context.Context) ([]sdk.Report, error)
}

// Memory is a [Backend], an [sdk.Source] and the place for reports in one
// process, for tests and demonstrations. Create one with [NewMemory].
type Memory struct {
	mu       sync.Mutex
	docs     map[string]string
	agents   map[string]sdk.Report // by boot id
	watchers map[string]map[int]func(string)
	next     int
	err      error
}

// NewMemory returns an empty one.
func NewMemory() *Memory {
	return &Memory{docs: map[string]string{}, agents: map[string]sdk.Report{}, watchers: map[string]map[int]func(string){}}
}

// SetError makes every method fail until it is called with nil.
func (m *Memory) SetError(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.err = err
}

// Load implements [Backend] and [sdk.Source].
func (m *Memory) Load(_ context.Context, dataID string) (string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.docs[dataID], m.err
}

// Watch implements [sdk.Source].
func (m *Memory) Watch(dataID string, changed func(string)) (func(), error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.watchers[dataID] == nil {
		m.watchers[dataID] = map[int]func(string){}
	}
	id := m.next
	m.next++
	m.watchers[dataID][id] = changed
	return func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		delete(m.watchers[dataID], id)
	}, nil
}

// Publish implements [Backend].
func (m *Memory) Publish(_ context.Context, dataID, content, old string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err != nil {
		return m.err
	}
	if m.docs[dataID] != old {
		return fmt.Errorf("%s: %w", dataID, sdk.ErrConflict)
	}
	m.put(dataID, content)
	return nil
}

// Put writes a document whatever was there, as a console does; "" removes it.
func (m *Memory) Put(dataID, content string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.put(dataID, content)
}

func (m *Memory) put(dataID, content string) {
	m.docs[dataID] = content
	for _, w := range m.watchers[dataID] {
		w(content)
	}
}

// Agents implements [Backend].
func (m *Memory) Agents(context.Context) ([]sdk.Report, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err != nil {
		return nil, m.err
	}
	return slices.SortedFunc(maps.Values(m.agents), func(a, b sdk.Report) int {
		return strings.Compare(a.Identity.Boot, b.Identity.Boot)
	}), nil
}

// PutAgent stores a report as if the process had sent it.
func (m *Memory) PutAgent(r sdk.Report) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.agents[r.Identity.Boot] = r
}

// RemoveAgent forgets a process, as a server does whose client is gone.
func (m *Memory) RemoveAgent(boot string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.agents, boot)
}

// Reporter returns a reporter for one process.
func (m *Memory) Reporter() sdk.Reporter { return &memoryReporter{memory: m} }

type memoryReporter struct {
	memory *Memory
	boot   string
}

func (r *memoryReporter) Report(_ context.Context, report sdk.Report) error {
	r.memory.mu.Lock()
	defer r.memory.mu.Unlock()
	if r.memory.err != nil {
		return r.memory.err
	}
	r.boot = report.Identity.Boot
	r.memory.agents[r.boot] = report
	return nil
}

func (r *memoryReporter) Close(context.Context) error {
	r.memory.RemoveAgent(r.boot)
	return nil
}
