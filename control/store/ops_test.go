package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bluegreen-go/bluegreen/sdk"
)

func asType[T error](err error) (T, bool) { return errors.AsType[T](err) }

func share(blue, green int) sdk.PerColor[int] { return sdk.PerColor[int]{Blue: blue, Green: green} }

func TestWholeRelease(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.active()
		for round, color := range []sdk.Color{sdk.Blue, sdk.Green} {
			cert, err := w.store.Close(w.ctx, "checkout", color)
			if err != nil {
				t.Fatalf("close %s: %v\n%s", color, err, w.log())
			}
			if !cert.Drained || cert.Color != color || len(cert.Roster) != 5 {
				t.Fatalf("got certificate %+v, want drained %s with 5 processes", cert, color)
			}
			// Deploy: all processes of the colour are replaced, on other hosts.
			for boot := range w.clients {
				if id := w.clients[boot].Identity(); id.Color == color {
					w.stop(boot)
					w.start(id.Service, color, "v2")
				}
			}
			if _, err := w.store.WaitConverged(w.ctx, "checkout", 20*time.Second); err != nil {
				t.Errorf("a deployed process is missed: %v", err)
			}
			if _, err := w.store.Certificate(w.ctx, "checkout", color); err != nil {
				t.Errorf("after the restart: %v", err)
			}
			if _, err := w.store.Open(w.ctx, "checkout", color); err != nil {
				t.Fatalf("open %s: %v\n%s", color, err, w.log())
			}
			for _, n := range []int{1, 50, 100} {
				split := share(100, 100).With(color, n)
				if _, err := w.store.Share(w.ctx, "checkout", split); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := w.store.Promote(w.ctx, "checkout", color); err != nil {
				t.Fatal(err)
			}
			if round == 0 {
				_, err := w.store.Finish(w.ctx, "checkout")
				_ = mustFail[*RuleError](t, err, "different versions", "order (v1, v2)")
			}
		}
		doc, err := w.store.Finish(w.ctx, "checkout")
		if err != nil {
			t.Fatal(err)
		}
		if doc.IsActive() || doc.Share != sdk.Both(1) || doc.Stage != sdk.Both(sdk.Full) {
			t.Errorf("got %+v, want idle, both full, 1:1", doc.Channel)
		}
		ix, err := w.store.Index(w.ctx)
		if err != nil || len(ix.Owners) != 0 || ix.Channels["checkout"] != doc.Revision {
			t.Errorf("got index %+v, %v, want no owners and revision %d", ix, err, doc.Revision)
		}
		w.checkHistory(doc)
		if found, err := w.store.Lint(w.ctx); err != nil || len(found) != 0 {
			t.Errorf("lint: %v, %v", found, err)
		}
	})
}

// checkHistory judges every step of the history again.
func (w *world) checkHistory(doc Doc) {
	w.t.Helper()
	entries, err := w.store.History(w.ctx, doc.Name)
	if err != nil || len(entries) != int(doc.Revision) {
		w.t.Fatalf("got %d entries of history, %v, want %d", len(entries), err, doc.Revision)
	}
	var prev *sdk.Channel
	for _, e := range entries {
		ch, err := sdk.ParseChannelStrict(e.Document)
		if err != nil {
			w.t.Fatal(err)
		}
		if e.By != "ann@desk" || e.At.IsZero() || e.Note == "" {
			w.t.Errorf("revision %d: by %q at %s: %q", e.Revision, e.By, e.At, e.Note)
		}
		if prev != nil {
			if err := Check(prev, ch, Proof{Serving: sdk.Both(prev.Revision), Claimed: true}); err != nil {
				w.t.Error(err)
			}
		}
		prev = ch
	}
}

// A close does each step only after the one before was seen by everybody.
func TestCloseSteps(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.active()
		w.events = nil
		if _, err := w.store.Close(w.ctx, "checkout", sdk.Blue); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, e := range w.events {
			switch e := e.(type) {
			case Published:
				got = append(got, fmt.Sprintf("%d:%d %s/%s", e.Share.Blue, e.Share.Green, e.Stage.Blue, e.Stage.Green))
			case Passed:
				got = append(got, e.What)
			case Settling:
				got = append(got, e.For.String())
			case Certified:
				got = append(got, "certified")
			}
		}
		want := []string{
			"converged", "0:1 full/full", "converged", "0:1 registered/full", "converged",
			"blue silent", "4s", "0:1 registered/full", "converged",
			"0:1 out/full", "converged", "10s", "0:1 out/full", "converged", "certified",
		}
		if !slices.Equal(got, want) {
			t.Errorf("got steps\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	})
}

// Work that is under way anywhere, also outside the channel, keeps a colour in.
func TestCloseWaitsForWork(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		gateway := w.active()
		w.counter(gateway).Begin(sdk.Blue)
		began, ended := time.Now(), time.Time{}
		w.later(75*time.Second, func() { ended = time.Now(); w.counter(gateway).End(sdk.Blue) })
		cert, err := w.store.Close(w.ctx, "checkout", sdk.Blue)
		if err != nil {
			t.Fatalf("%v\n%s", err, w.log())
		}
		if ended.IsZero() || !w.said("waiting for blue silent", "gateway", "busy") {
			t.Errorf("the close did not wait for the request:\n%s", w.log())
		}
		entries, _ := w.store.History(w.ctx, "checkout")
		for _, e := range entries {
			if ch, _ := e.Channel(); ch.Stage.Blue == sdk.Out && ch.IsActive() && e.At.Before(began.Add(75*time.Second).Truncate(time.Second)) {
				t.Errorf("out at %s, before the request ended", e.At)
			}
		}
		if !cert.Drained {
			t.Error("not drained")
		}
	})
}

// A chain that moves on between the rounds starts them again.
func TestZeroRoundsStartAgain(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		gateway := w.active()
		done := make(chan struct{})
		go func() { // short requests that no round can see under way, for a while
			defer close(done)
			for range 30 {
				<-time.After(time.Second)
				w.counter(gateway).Begin(sdk.Blue)
				w.counter(gateway).End(sdk.Blue)
			}
		}()
		if _, err := w.store.Close(w.ctx, "checkout", sdk.Blue); err != nil {
			t.Fatal(err)
		}
		select {
		case <-done:
		default:
			t.Error("closed while requests still came")
		}
		if !w.said("zero rounds of blue starts again", "gateway") {
			t.Errorf("no repeated round:\n%s", w.log())
		}
	})
}

// A process of the channel without a colour stops a release, unless allowed.
func TestNeutralProcess(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.active()
		w.start("order", sdk.Neutral, "v1")
		<-time.After(time.Minute)
		_, err := w.store.Close(w.ctx, "checkout", sdk.Blue)
		_ = mustFail[*RuleError](t, err, "without a colour", "order/neutral")
		if _, err := w.store.With(WithNeutral(true)).Close(w.ctx, "checkout", sdk.Blue); err != nil {
			t.Error(err)
		}
		if !w.said("warning", "order/neutral") {
			t.Error("no warning")
		}
		_, err = w.store.Open(w.ctx, "checkout", sdk.Blue)
		_ = mustFail[*RuleError](t, err, "order/neutral")
	})
}

func TestCloseIsHeld(t *testing.T) {
	tests := []struct {
		name  string
		upset func(w *world, gateway string)
		want  []string
	}{
		{"by who vanished", func(w *world, gateway string) {
			w.later(10*time.Second, func() { w.lose(gateway) })
		}, []string{"gateway/neutral", "missing"}},
		{"by who is blind", func(w *world, gateway string) {
			w.clients[gateway].AddPart("rpc", sdk.PartFunc(func(ch *sdk.Channel) []string {
				if ch.Share.Blue == 0 {
					return []string{"payment/blue"}
				}
				return nil
			}))
		}, []string{"gateway/neutral", "blind payment/blue"}},
		{"by who is busy", func(w *world, gateway string) {
			w.counter(gateway).Begin(sdk.Blue)
		}, []string{"gateway/neutral", "busy 1 blue requests in flight"}},
		{"by agents that cannot be read", func(w *world, _ string) {
			w.store.backend = brokenAgents{w.memory}
		}, []string{"unreadable", "half a report"}},
		{"by too few processes", func(w *world, _ string) {
			w.store = w.store.With(WithReplicas(map[string]int{"order": 2, "payment/green": 1}))
		}, []string{"order/blue short 1 of 2 processes", "order/green short"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				gateway := w.active()
				tt.upset(w, gateway)
				_, err := w.store.Close(w.ctx, "checkout", sdk.Blue)
				_ = mustFail[*WaitError](t, err, tt.want...)
				if w.doc().Stage.Blue == sdk.Out {
					t.Error("blue is out all the same")
				}
				cert, err := w.store.With(WithForce(true)).Close(w.ctx, "checkout", sdk.Blue)
				if err != nil {
					t.Fatalf("forced: %v", err)
				}
				if cert.Drained || len(cert.Forced) == 0 || !strings.Contains(fmt.Sprint(cert.Forced), tt.want[0]) {
					t.Errorf("got certificate %+v, want one that says who was overruled", cert)
				}
			})
		})
	}
}

// brokenAgents cannot read one of the reports.
type brokenAgents struct{ *Memory }

func (b brokenAgents) Agents(ctx context.Context) ([]sdk.Report, error) {
	all, err := b.Memory.Agents(ctx)
	return all, errors.Join(err, errors.New("half a report"))
}

func TestVanishedProcess(t *testing.T) {
	tests := []struct {
		name  string
		after func(w *world, boot string)
		opts  []Option
		held  bool
	}{
		{"holds", (*world).lose, nil, true},
		{"declared dead", (*world).lose, []Option{WithDead("gateway-neutral-5")}, false},
		{"replaced on its host", (*world).restart, nil, false},
		{"another process elsewhere is no successor", func(w *world, gateway string) {
			w.lose(gateway)
			w.start("gateway", sdk.Neutral, "v1")
		}, nil, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				gateway := w.active()
				tt.after(w, gateway)
				_, err := w.store.With(append(tt.opts, WithTimeout(30*time.Second))...).Close(w.ctx, "checkout", sdk.Blue)
				if held := err != nil; held != tt.held {
					t.Errorf("got error %v, want held = %t", err, tt.held)
				}
			})
		})
	}
}

// A wait that was about another operator's document proves nothing: the one who
// waited gets a conflict, calls again, and goes on from what is there.
func TestTwoOperators(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.active()
		second := New(w.memory, WithAuthor("bob@desk"))
		once := true
		first := w.store.With(WithObserver(func(e Event) {
			if p, ok := e.(Published); !ok || !once || !strings.Contains(p.Step, "no new decisions") {
				return
			}
			once = false
			if _, err := second.Share(w.ctx, "checkout", share(1, 9)); err != nil {
				t.Errorf("second operator: %v", err)
			}
		}))
		_, err := first.Close(w.ctx, "checkout", sdk.Blue)
		if !errors.Is(err, sdk.ErrConflict) {
			t.Errorf("got %v, want a conflict", err)
		}
		if doc := w.doc(); doc.Share != share(1, 9) || doc.Stage.Blue != sdk.Full {
			t.Errorf("got %+v, want the second operator's document", doc.Channel)
		}
		if _, err := first.Close(w.ctx, "checkout", sdk.Blue); err != nil {
			t.Errorf("called again: %v", err)
		}
	})
}

// One who waits finds out at once that the document was replaced, and by whom.
func TestWaitForReplacedDocument(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		gateway := w.active()
		w.counter(gateway).Begin(sdk.Blue)
		w.later(40*time.Second, func() {
			if _, err := New(w.memory, WithAuthor("bob@desk")).Share(w.ctx, "checkout", share(0, 2)); err != nil {
				t.Errorf("second operator: %v", err)
			}
		})
		began := time.Now()
		_, err := w.store.Close(w.ctx, "checkout", sdk.Blue)
		e := mustFail[*WaitError](t, err, "replaced by bob@desk")
		if !errors.Is(e, sdk.ErrConflict) || time.Since(began) > 42*time.Second {
			t.Errorf("got %v after %s, want a conflict at once", e, time.Since(began))
		}
		w.counter(gateway).End(sdk.Blue)
		<-time.After(time.Minute)
	})
}

// Two channels that share a service: one claim wins, whatever the order.
func TestClaims(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.shop()
		if _, err := w.store.Create(w.ctx, "billing", []string{"payment"}); err != nil {
			t.Fatal(err)
		}
		errs := make(chan error, 2)
		for _, name := range []string{"billing", "checkout"} {
			store := w.store.With(func() Option { return optionFunc(func(c *config) { c.observers = nil }) }())
			go func() {
				_, err := store.Activate(w.ctx, name, sdk.Release{})
				errs <- err
			}()
		}
		a, b := <-errs, <-errs
		if (a == nil) == (b == nil) {
			t.Fatalf("got %v and %v, want exactly one to win", a, b)
		}
		if e := mustFail[*RuleError](t, errors.Join(a, b), "payment is claimed by"); e.Rule != S3 {
			t.Errorf("got rule %s, want S3", e.Rule)
		}
	})
}
