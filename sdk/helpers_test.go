package sdk

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// channel returns a valid active channel "shop" of order and payment, changed by edit.
func channel(edit ...func(*Channel)) *Channel {
	ch := &Channel{
		APIVersion: APIVersion, Name: "shop", Revision: 1, State: Active,
		Services: []string{"order", "payment"},
		Share:    PerColor[int]{1, 1}, Stage: Both(Full), WhenEmpty: UseOther,
	}
	for _, e := range edit {
		e(ch)
	}
	return ch
}

func named(name string, services ...string) func(*Channel) {
	return func(c *Channel) { c.Name, c.Services = name, services }
}
func revision(r int64) func(*Channel) { return func(c *Channel) { c.Revision = r } }
func idle(c *Channel)                 { c.State = Idle }
func failing(c *Channel)              { c.WhenEmpty = Fail }
func share(blue, green int) func(*Channel) {
	return func(c *Channel) { c.Share = PerColor[int]{blue, green} }
}
func stage(blue, green Stage) func(*Channel) {
	return func(c *Channel) { c.Stage = PerColor[Stage]{blue, green} }
}

func rulesOf(channels ...*Channel) *Rules { return NewRules(FromSource, Index{}, channels) }

func document(t testing.TB, v interface{ Document() (string, error) }) string {
	t.Helper()
	doc, err := v.Document()
	if err != nil {
		t.Fatalf("Document: %v", err)
	}
	return doc
}

func indexOf(rev int64, channels map[string]int64) *Index {
	return &Index{APIVersion: APIVersion, Revision: rev, Channels: channels}
}

// world is a client on a memory source, inside a synctest bubble.
type world struct {
	t      *testing.T
	source *countingSource
	client *Client
	log    *syncBuffer
	index  *Index
}

// countingSource counts loads, can lose pushes and refuse single documents.
type countingSource struct {
	*MemorySource
	mu    sync.Mutex
	loads map[string]int
	deaf  bool
	blind bool // Watch fails
	fail  map[string]bool
}

func (s *countingSource) Load(ctx context.Context, dataID string) (string, error) {
	s.mu.Lock()
	s.loads[dataID]++
	fail := s.fail[dataID]
	s.mu.Unlock()
	if fail {
		return "", fmt.Errorf("%s: refused", dataID)
	}
	return s.MemorySource.Load(ctx, dataID)
}

func (s *countingSource) Watch(dataID string, changed func(string)) (func(), error) {
	s.mu.Lock()
	blind := s.blind
	s.mu.Unlock()
	if blind {
		return nil, fmt.Errorf("%s: cannot be watched", dataID)
	}
	return s.MemorySource.Watch(dataID, func(content string) {
		s.mu.Lock()
		deaf := s.deaf
		s.mu.Unlock()
		if !deaf {
			changed(content)
		}
	})
}

func (s *countingSource) set(f func()) { s.mu.Lock(); defer s.mu.Unlock(); f() }

func (s *countingSource) loaded(dataID string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.loads[dataID]
}

func (s *countingSource) total() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range s.loads {
		n += k
	}
	return n
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *syncBuffer) count(sub string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return strings.Count(b.b.String(), sub)
}

var blueOrder = Identity{Service: "order", Color: Blue}

// newWorld prepares a source with the channels; start starts the client.
func newWorld(t *testing.T, channels ...*Channel) *world {
	t.Helper()
	memory, err := NewMemorySource(channels...)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, log: &syncBuffer{}, index: indexOf(1, map[string]int64{})}
	w.source = &countingSource{MemorySource: memory, loads: map[string]int{}, fail: map[string]bool{}}
	for _, ch := range channels {
		w.index.Channels[ch.Name] = ch.Revision
	}
	return w
}

func (w *world) start(opts ...Option) *Client {
	w.t.Helper()
	opts = append([]Option{
		WithLogger(slog.New(slog.NewTextHandler(w.log, nil))), WithLastGoodFile(""),
		WithJitter(func(time.Duration) time.Duration { return 0 }),
	}, opts...)
	c, err := NewClient(blueOrder, w.source, opts...)
	if err != nil {
		w.t.Fatal(err)
	}
	w.client = c
	return c
}

// loaded waits, outside a bubble, until rules are there.
func (w *world) loaded() {
	w.t.Helper()
	select {
	case <-w.client.loaded:
	case <-time.After(time.Minute):
		w.t.Fatal("no rules after a minute")
	}
}

func (w *world) stop() {
	w.t.Helper()
	if err := w.client.Shutdown(w.t.Context()); err != nil {
		w.t.Errorf("Shutdown: %v", err)
	}
}

// publish puts the channel's document and then the index, as control does.
func (w *world) publish(ch *Channel) {
	w.t.Helper()
	w.put(ch)
	w.index.Channels[ch.Name] = ch.Revision
	w.putIndex()
}

func (w *world) put(ch *Channel) { w.source.Put(ChannelDataID(ch.Name), document(w.t, ch)) }

func (w *world) putIndex() {
	w.index.Revision++
	w.source.Put(IndexDataID, document(w.t, w.index))
}

// following checks the revision of channel shop that the client follows; 0: none.
func (w *world) following(want int64) {
	w.t.Helper()
	synctest.Wait()
	got := int64(0)
	if ch := w.client.Rules().Channel("shop"); ch != nil {
		got = ch.Revision
	}
	if got != want {
		w.t.Errorf("following revision %d, want %d (problems %v)", got, want, w.client.Rules().Problems())
	}
}

// problem checks that the one problem of the rules mentions want; "" wants none.
func (w *world) problem(want string) {
	w.t.Helper()
	synctest.Wait()
	problems := w.client.Rules().Problems()
	if want == "" {
		if len(problems) != 0 {
			w.t.Errorf("problems %v, want none", problems)
		}
		return
	}
	if len(problems) != 1 || !strings.Contains(problems[0].String(), want) {
		w.t.Errorf("problems %v, want one with %q", problems, want)
	}
}
