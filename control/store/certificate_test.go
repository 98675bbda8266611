package store

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/bluegreen-go/bluegreen/sdk"
)

// A start on a drained colour revokes its certificate, for good.
func TestRevocation(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.active()
		if _, err := w.store.Close(w.ctx, "checkout", sdk.Blue); err != nil {
			t.Fatal(err)
		}
		watched := make(chan error)
		go func() { watched <- w.store.Watch(w.ctx, "checkout", sdk.Blue) }()
		<-time.After(time.Minute)
		for boot, c := range w.clients {
			if id := c.Identity(); id.Service == "payment" && id.Color == sdk.Blue {
				w.counter(boot).Begin(sdk.Blue)
				w.counter(boot).End(sdk.Blue)
			}
		}
		if err := <-watched; !errors.Is(err, ErrRevoked) || !strings.Contains(err.Error(), "payment/blue") {
			t.Errorf("got %v, want a revocation that names payment/blue", err)
		}
		if !w.said("ALARM", "payment/blue") {
			t.Errorf("no alarm:\n%s", w.log())
		}
		st, err := w.store.Status(w.ctx, "checkout")
		if err != nil || len(st.Certificates) != 1 || st.Certificates[0].Revoked == nil || st.Certificates[0].Drained {
			t.Errorf("got status %+v, %v, want a revoked certificate", st, err)
		}
		found, err := w.store.Lint(w.ctx)
		if err != nil || !strings.Contains(fmt.Sprint(found), "has started work") {
			t.Errorf("lint: %v, %v", found, err)
		}
		// Measured again, it is drained again.
		if cert, err := w.store.Certify(w.ctx, "checkout", sdk.Blue); err != nil || !cert.Drained {
			t.Errorf("got %+v, %v", cert, err)
		}
		if cert, err := w.store.Certificate(w.ctx, "checkout", sdk.Blue); err != nil || cert == nil {
			t.Errorf("got %+v, %v", cert, err)
		}
		if _, err := w.store.Open(w.ctx, "checkout", sdk.Blue); err != nil {
			t.Fatal(err)
		}
		if cert, err := w.store.Certificate(w.ctx, "checkout", sdk.Blue); err != nil || cert != nil {
			t.Errorf("got %+v, %v for a colour that is in", cert, err)
		}
	})
}

func TestRepair(t *testing.T) {
	tests := []struct {
		name  string
		spoil func(w *world)
	}{
		{"document deleted", func(w *world) { w.memory.Put(sdk.ChannelDataID("checkout"), "") }},
		{"document broken", func(w *world) { w.memory.Put(sdk.ChannelDataID("checkout"), "share: [") }},
		{"edited at the console", func(w *world) {
			w.memory.Put(sdk.ChannelDataID("checkout"), strings.Replace(w.doc().Text, "green: 9", "green: 8", 1))
		}},
		{"restored with index and history", func(w *world) {
			entries, _ := w.store.History(w.ctx, "checkout")
			w.memory.Put(sdk.ChannelDataID("checkout"), entries[1].Document)
			w.memory.Put(HistoryPrefix+"checkout", "")
			w.memory.Put(sdk.IndexDataID, "apiVersion: bluegreen/v1\nrevision: 3\nchannels: {checkout: 2}\nowners: {order: checkout, payment: checkout}\n")
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				w.active()
				if _, err := w.store.Share(w.ctx, "checkout", share(1, 9)); err != nil {
					t.Fatal(err)
				}
				before := w.doc().Revision
				tt.spoil(w)
				<-time.After(10 * time.Second)
				doc, err := w.store.Repair(w.ctx, "checkout")
				if err != nil {
					t.Fatal(err)
				}
				if doc.Revision <= before {
					t.Errorf("got revision %d, want more than %d", doc.Revision, before)
				}
				if _, err := w.store.WaitConverged(w.ctx, "checkout", time.Minute); err != nil {
					t.Errorf("after the repair: %v", err)
				}
			})
		})
	}
}

func TestJudge(t *testing.T) {
	ch := channel(share(0, 1), stages(sdk.Out, sdk.Full))
	cert := &Certificate{Channel: "checkout", Color: sdk.Blue, Roster: []Evidence{{Boot: "a", Starts: 5}}}
	count := func(boot string, color sdk.Color, starts, inFlight int64) sdk.Report {
		return report(boot, "order", color, 1, sdk.ChannelReport{
			Starts: sdk.PerColor[int64]{Blue: starts}, InFlight: sdk.PerColor[int64]{Blue: inFlight},
		})
	}
	unnamed := count("a", sdk.Blue, 0, 0)
	unnamed.Channels = nil
	tests := []struct {
		name string
		rep  sdk.Report
		want HoldKind // "": it holds
	}{
		{"as it was", count("a", sdk.Blue, 5, 0), ""},
		{"one start", count("a", sdk.Blue, 6, 0), Started},
		{"in flight", count("a", sdk.Blue, 5, 1), Busy},
		{"restarted and silent", count("b", sdk.Blue, 0, 0), ""},
		{"restarted and not silent", count("b", sdk.Blue, 1, 0), Started},
		{"the other colour", count("g", sdk.Green, 9, 9), ""},
		{"does not name the channel", unnamed, ""},
	}
	for _, tt := range tests {
		var got HoldKind
		if why := Judge(cert, ch, []sdk.Report{tt.rep}); len(why) > 0 {
			got = why[0].Kind
		}
		if got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}
