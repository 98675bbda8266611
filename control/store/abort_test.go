package store

import (
	"strings"
	"testing"
	"time"

	"github.com/bluegreen-go/bluegreen/sdk"
)

func TestAbort(t *testing.T) {
	tests := []struct {
		name   string
		busy   bool
		hard   bool
		within time.Duration
	}{
		{"silent", false, false, 30 * time.Second},
		{"busy goes out at the limit", true, false, 36 * time.Second},
		{"hard", true, true, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				gateway := w.active()
				if tt.busy {
					w.counter(gateway).Begin(sdk.Blue)
					w.later(60*time.Second, func() { w.counter(gateway).End(sdk.Blue) })
				}
				w.events = nil
				began := time.Now()
				var firstAt, outAt time.Duration
				steps := 0
				store := w.store.With(WithObserver(func(e Event) {
					p, ok := e.(Published)
					if !ok || outAt > 0 {
						return
					}
					steps++
					if steps == 1 {
						firstAt = time.Since(began)
					}
					if p.Stage.Blue == sdk.Out {
						outAt = max(1, time.Since(began))
					}
				}))
				cert, err := store.Abort(w.ctx, "checkout", sdk.Blue, tt.hard)
				if err != nil {
					t.Fatalf("%v\n%s", err, w.log())
				}
				if firstAt != 0 || outAt > max(1, tt.within) {
					t.Errorf("first publish after %s, out after %s, want 0 and at most %s", firstAt, outAt, tt.within)
				}
				if !cert.Drained || w.doc().Stage.Green != sdk.Full {
					t.Errorf("got %+v", cert)
				}
			})
		})
	}
}

// An abort takes effect even if everything but the channel's document is broken.
func TestAbortOfLastResort(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.active()
		w.memory.Put(sdk.IndexDataID, "broken: [")
		w.memory.Put(HistoryPrefix+"checkout", "broken: [")
		w.store.backend = brokenAgents{w.memory}
		_, err := w.store.Abort(w.ctx, "checkout", sdk.Blue, false)
		if err == nil || !strings.Contains(err.Error(), "is published, but not in the index") {
			t.Errorf("got %v, want an error that says what happened", err)
		}
		if doc := w.doc(); doc.Share != share(0, 1) || doc.Stage.Blue != sdk.Registered {
			t.Errorf("got %+v, want no share for blue", doc.Channel)
		}
	})
}

// Colours never swap: the one that is left alone cannot be aborted.
func TestAbortNeedsTheOther(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.active()
		if _, err := w.store.Close(w.ctx, "checkout", sdk.Green); err != nil {
			t.Fatal(err)
		}
		for _, hard := range []bool{false, true} {
			_, err := w.store.Abort(w.ctx, "checkout", sdk.Blue, hard)
			if e := mustFail[*RuleError](t, err, "green is out"); e.Rule != S2 {
				t.Errorf("got rule %s, want S2", e.Rule)
			}
		}
	})
}

// A hard abort has no wait, so it must know already that the other colour is in.
func TestAbortHardWithoutProof(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.active()
		w.store = New(w.memory, WithAuthor("bob@desk")) // has seen nothing yet
		for boot, c := range w.clients {
			if c.Identity().Color == sdk.Green {
				w.memory.RemoveAgent(boot)
			}
		}
		_, err := w.store.Abort(w.ctx, "checkout", sdk.Blue, true)
		if e := mustFail[*RuleError](t, err, "not every process of green"); e.Rule != S2 {
			t.Errorf("got rule %s, want S2", e.Rule)
		}
	})
}
