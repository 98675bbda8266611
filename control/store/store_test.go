package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bluegreen-go/bluegreen/sdk"
)

// flaky is a backend whose publishes go wrong in a certain way.
type flaky struct {
	*Memory
	before func(dataID string) error // an error: the publish does not happen
	after  func(dataID string) error // an error: it has happened
}

func (f *flaky) Publish(ctx context.Context, dataID, content, old string) error {
	if f.before != nil {
		if err := f.before(dataID); err != nil {
			return err
		}
	}
	err := f.Memory.Publish(ctx, dataID, content, old)
	if err == nil && f.after != nil {
		return f.after(dataID)
	}
	return err
}

// A publish whose answer is lost, or is called a conflict because the client has
// repeated it, has happened once.
func TestPublishLostAnswers(t *testing.T) {
	for _, answer := range []error{errors.New("timeout"), fmt.Errorf("md5: %w", sdk.ErrConflict)} {
		backend := &flaky{Memory: NewMemory(), after: func(string) error { return answer }}
		s := New(backend, WithAuthor("ann"))
		if _, err := s.Create(t.Context(), "checkout", []string{"order"}); err != nil {
			t.Errorf("%v: %v", answer, err)
		}
		if entries, err := s.History(t.Context(), "checkout"); err != nil || len(entries) != 1 {
			t.Errorf("%v: got %d entries, %v, want 1", answer, len(entries), err)
		}
	}
}

// A publish that failed once without happening is tried again.
func TestPublishTriedTwice(t *testing.T) {
	failed := map[string]bool{}
	backend := &flaky{Memory: NewMemory(), before: func(dataID string) error {
		if !failed[dataID] {
			failed[dataID] = true
			return errors.New("timeout")
		}
		return nil
	}}
	if _, err := New(backend).Create(t.Context(), "checkout", []string{"order"}); err != nil {
		t.Error(err)
	}
}

// Everybody writes the index and the history: all of it stays.
func TestIndexIsShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		memory := NewMemory()
		s := New(memory)
		errs := make(chan error)
		const n = 8
		for i := range n {
			go func() {
				_, err := s.Create(t.Context(), fmt.Sprintf("c%d", i), []string{fmt.Sprintf("s%d", i)})
				errs <- err
			}()
		}
		go func() { errs <- s.SetJitter(t.Context(), 2*time.Second) }()
		for range n + 1 {
			if err := <-errs; err != nil {
				t.Error(err)
			}
		}
		ix, err := s.Index(t.Context())
		if err != nil || len(ix.Channels) != n || ix.Settings.Jitter() != 2*time.Second || ix.Revision != n+1 {
			t.Errorf("got %+v, %v", ix, err)
		}
		if err := s.SetJitter(t.Context(), -1); err == nil {
			t.Error("a negative jitter was accepted")
		}
	})
}

func TestHistoryIsBounded(t *testing.T) {
	memory := NewMemory()
	s := New(memory, WithAuthor("ann"), WithNote(strings.Repeat("x", 6000)))
	if _, err := s.Create(t.Context(), "checkout", []string{"order"}); err != nil {
		t.Fatal(err)
	}
	r, err := s.begin(t.Context(), "checkout")
	if err != nil {
		t.Fatal(err)
	}
	for range MaxHistory + 5 {
		next, err := Probe(r.doc.Channel)
		if err := r.publish(t.Context(), next, err, "probe"); err != nil {
			t.Fatal(err)
		}
	}
	text, _ := memory.Load(t.Context(), HistoryPrefix+"checkout")
	entries, err := s.History(t.Context(), "checkout")
	if err != nil || len(text) > sdk.MaxDocument || len(entries) < 10 || len(entries) >= MaxHistory {
		t.Errorf("got %d entries, %d bytes, %v", len(entries), len(text), err)
	}
	if last := entries[len(entries)-1].Revision; last != r.doc.Revision {
		t.Errorf("got revision %d last, want %d", last, r.doc.Revision)
	}
}

// A channel of a deleted one's name goes on with its revisions.
func TestDeleteAndCreate(t *testing.T) {
	memory := NewMemory()
	s := New(memory)
	first, err := s.Create(t.Context(), "checkout", []string{"order"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Create(t.Context(), "checkout", []string{"order"}); !errors.Is(err, ErrExists) {
		t.Errorf("got %v, want ErrExists", err)
	}
	if err := s.Delete(t.Context(), "checkout"); err != nil {
		t.Fatal(err)
	}
	second, err := s.Create(t.Context(), "checkout", []string{"stock"})
	if err != nil || second.Revision <= first.Revision+1 {
		t.Errorf("got %+v, %v, want a revision above the tombstone", second.Channel, err)
	}
	for _, bad := range []string{"", "UPPER", "a b", strings.Repeat("x", 70)} {
		if _, err := s.Create(t.Context(), bad, []string{"order"}); err == nil {
			t.Errorf("created %q", bad)
		}
	}
}

func TestLint(t *testing.T) {
	ok := func(s *Store) {
		for _, name := range []string{"billing", "checkout"} {
			if _, err := s.Create(context.Background(), name, []string{name + "-svc", "payment"}); err != nil {
				t.Fatal(err)
			}
		}
	}
	replace := func(m *Memory, dataID, old, now string) {
		text, _ := m.Load(context.Background(), dataID)
		if !strings.Contains(text, old) {
			t.Fatalf("%s has no %q:\n%s", dataID, old, text)
		}
		m.Put(dataID, strings.ReplaceAll(text, old, now))
	}
	tests := []struct {
		name  string
		spoil func(m *Memory)
		want  string
	}{
		{"a service in two channels", func(*Memory) {}, "notice: payment: is listed by channels billing and checkout"},
		{"document gone", func(m *Memory) { m.Put(sdk.ChannelDataID("billing"), "") }, "bluegreen.channel.billing: the index names it, but it is gone"},
		{"unknown field", func(m *Memory) { replace(m, sdk.ChannelDataID("billing"), "state:", "colour: red\nstate:") }, "colour"},
		{"no YAML", func(m *Memory) { m.Put(sdk.ChannelDataID("billing"), "{") }, "problem: bluegreen.channel.billing"},
		{"two active channels", func(m *Memory) {
			replace(m, sdk.ChannelDataID("billing"), "state: idle", "state: active")
			replace(m, sdk.ChannelDataID("checkout"), "state: idle", "state: active")
		}, "problem: payment: is in active channels billing and checkout"},
		{"active without a claim", func(m *Memory) {
			replace(m, sdk.ChannelDataID("billing"), "state: idle", "state: active")
		}, "service payment is in active channel billing, which has not claimed it"},
		{"claim without a channel", func(m *Memory) {
			replace(m, sdk.IndexDataID, "owners: {}", "owners: {payment: stock}")
		}, "payment is claimed by channel stock, which is not active with it"},
		{"edited elsewhere", func(m *Memory) { replace(m, sdk.ChannelDataID("billing"), "blue: 1", "blue: 2") }, "edited elsewhere"},
		{"index behind", func(m *Memory) { replace(m, sdk.ChannelDataID("billing"), "revision: 1", "revision: 9") }, "is at revision 9, the index says 1"},
		{"broken index", func(m *Memory) { m.Put(sdk.IndexDataID, "x: y") }, "problem: bluegreen.index"},
		{"no index", func(m *Memory) { m.Put(sdk.IndexDataID, "") }, "there is no index"},
		{"agent from its file", func(m *Memory) {
			r := report("a", "order", sdk.Blue, 1, sdk.ChannelReport{})
			r.Origin, r.Problems = sdk.FromFile, []string{"channel x: gone"}
			m.PutAgent(r)
		}, "follows rules from file"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			memory := NewMemory()
			s := New(memory)
			ok(s)
			tt.spoil(memory)
			found, err := s.Lint(t.Context())
			if err != nil || !strings.Contains(fmt.Sprint(found), tt.want) {
				t.Errorf("got %v, %v, want %q", found, err, tt.want)
			}
		})
	}
	if found := LintDocument("nonsense: 1"); len(found) != 1 {
		t.Errorf("got %v", found)
	}
}

// A repair must not take out by surprise what the processes have in.
func TestRepairKeepsS2(t *testing.T) {
	memory := NewMemory()
	s := New(memory)
	old := channel(share(0, 1), stages(sdk.Out, sdk.Full))
	now := channel(share(1, 1), stages(sdk.Full, sdk.Full))
	now.Revision = 9
	for _, ch := range []*sdk.Channel{old, now} {
		text, _ := memory.Load(t.Context(), sdk.ChannelDataID("checkout"))
		if _, err := s.put(t.Context(), ch, text, "test"); err != nil {
			t.Fatal(err)
		}
	}
	text, _ := old.Document()
	memory.Put(sdk.ChannelDataID("checkout"), text) // restored
	_, err := s.Repair(t.Context(), "checkout")
	if e := mustFail[*RuleError](t, err, "has blue out, but revision 9"); e.Rule != S2 {
		t.Errorf("got rule %s, want S2", e.Rule)
	}
	doc, err := s.With(WithForce(true)).Repair(t.Context(), "checkout")
	if err != nil || doc.Revision != 10 || doc.Stage.Blue != sdk.Out {
		t.Errorf("got %+v, %v", doc.Channel, err)
	}
}
