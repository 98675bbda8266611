package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bluegreen-go/bluegreen/sdk"
)

// world is an estate in one process, on a fake clock: real clients over a
// backend in memory.
type world struct {
	t       *testing.T
	ctx     context.Context
	memory  *Memory
	store   *Store
	events  []Event
	clients map[string]*sdk.Client // by boot
	boots   int
	cut     map[string]*atomic.Bool // by boot: the connection to the backend is gone
}

// inWorld runs f in a synctest bubble.
func inWorld(t *testing.T, f func(t *testing.T, w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, ctx: t.Context(), memory: NewMemory(), clients: map[string]*sdk.Client{}, cut: map[string]*atomic.Bool{}}
		w.store = New(w.memory, WithAuthor("ann@desk"), WithObserver(func(e Event) { w.events = append(w.events, e) }))
		defer func() {
			for boot := range w.clients {
				w.stop(boot)
			}
		}()
		f(t, w)
	})
}

// start runs a process and returns its boot id.
func (w *world) start(service string, color sdk.Color, version string) string {
	w.t.Helper()
	boot := fmt.Sprintf("%s-%s-%d", service, color, w.boots+1)
	w.run(sdk.Identity{Service: service, Color: color, Version: version, Host: "h-" + boot, Boot: boot})
	return boot
}

// restart starts a process again where it was.
func (w *world) restart(boot string) {
	w.t.Helper()
	id := w.clients[boot].Identity()
	w.stop(boot)
	<-time.After(time.Second)
	w.run(sdk.Identity{Service: id.Service, Color: id.Color, Version: id.Version, Host: id.Host, Boot: boot + "-again"})
}

func (w *world) run(id sdk.Identity) {
	w.t.Helper()
	w.boots++
	id.PID = w.boots
	w.cut[id.Boot] = &atomic.Bool{}
	c, err := sdk.NewClient(id, w.memory, sdk.WithLogger(slog.New(slog.DiscardHandler)), sdk.WithLastGoodFile(""),
		sdk.WithReporter(cuttable{w.memory.Reporter(), w.cut[id.Boot]}))
	if err != nil {
		w.t.Fatal(err)
	}
	w.clients[id.Boot] = c
}

// cuttable is a reporter whose reports get lost once it is cut.
type cuttable struct {
	sdk.Reporter
	cut *atomic.Bool
}

func (c cuttable) Report(ctx context.Context, r sdk.Report) error {
	if c.cut.Load() {
		return errors.New("no connection")
	}
	return c.Reporter.Report(ctx, r)
}

// lose cuts a process that lives on.
func (w *world) lose(boot string) {
	w.cut[boot].Store(true)
	w.memory.RemoveAgent(boot)
}

func (w *world) stop(boot string) {
	w.t.Helper()
	if err := w.clients[boot].Shutdown(context.Background()); err != nil {
		w.t.Error(err)
	}
	delete(w.clients, boot)
}

// shop starts two services with one process per colour and a gateway.
func (w *world) shop() (gateway string) {
	w.t.Helper()
	for _, svc := range []string{"order", "payment"} {
		for _, c := range sdk.Colors {
			w.start(svc, c, "v1")
		}
	}
	gateway = w.start("gateway", sdk.Neutral, "v1")
	if _, err := w.store.Create(w.ctx, "checkout", []string{"order", "payment"}); err != nil {
		w.t.Fatal(err)
	}
	<-time.After(time.Minute) // all have reported
	return gateway
}

// active is shop with a release begun.
func (w *world) active() (gateway string) {
	w.t.Helper()
	gateway = w.shop()
	if _, err := w.store.Activate(w.ctx, "checkout", sdk.Release{ID: "r1", Stable: sdk.Green}); err != nil {
		w.t.Fatal(err)
	}
	return gateway
}

func (w *world) doc() Doc {
	w.t.Helper()
	doc, err := w.store.Document(w.ctx, "checkout")
	if err != nil {
		w.t.Fatal(err)
	}
	return doc
}

// said reports whether an event's text contains all of the words.
func (w *world) said(words ...string) bool {
	for _, e := range w.events {
		all := true
		for _, word := range words {
			all = all && strings.Contains(e.String(), word)
		}
		if all {
			return true
		}
	}
	return false
}

// log is all events, one a line.
func (w *world) log() string {
	var b strings.Builder
	for _, e := range w.events {
		b.WriteString(e.String() + "\n")
	}
	return b.String()
}

func (w *world) counter(boot string) *sdk.Counter {
	return w.clients[boot].Activity().Counter("checkout")
}

// later runs f after a while.
func (w *world) later(d time.Duration, f func()) {
	go func() {
		<-time.After(d)
		f()
	}()
}

func mustFail[T error](t *testing.T, err error, words ...string) T {
	t.Helper()
	var zero T
	got, ok := asType[T](err)
	if !ok {
		t.Fatalf("got error %v, want a %T", err, zero)
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("got error %q, want %q in it", err, word)
		}
	}
	return got
}
