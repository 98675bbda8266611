package nacos

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bluegreen-go/bluegreen/devstack"
	"github.com/bluegreen-go/bluegreen/sdk"
)

const patience = 20 * time.Second

// within polls until ok holds.
func within(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-deadline.C:
			t.Fatalf("not within %v: %s", patience, what)
		case <-tick.C:
		}
	}
}

func testContext(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

func testConfig(t testing.TB, srv *devstack.Server) Config {
	return Config{Address: srv.Addr(), CacheDir: t.TempDir(), Timeout: 2 * time.Second, Logger: slog.New(slog.DiscardHandler)}
}

// open returns a Nacos that is closed when the test ends.
func open(t testing.TB, cfg Config) *Nacos {
	t.Helper()
	n, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := n.Close(ctx); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return n
}

// seen collects what a watcher was told.
type seen struct {
	mu  sync.Mutex
	all []string
}

func (s *seen) add(content string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = append(s.all, content)
}

func (s *seen) has(content string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Contains(s.all, content)
}

func TestPublishLoadWatch(t *testing.T) {
	srv := devstack.RunT(t)
	n, ctx := open(t, testConfig(t, srv)), testContext(t)
	var first, second seen
	stop, err := n.Watch("doc", first.add)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := n.Watch("doc", second.add); err != nil {
		t.Fatal(err)
	}
	if got, err := n.Load(ctx, "doc"); got != "" || err != nil {
		t.Fatalf("Load of a missing document = %q, %v", got, err)
	}
	if err := n.Publish(ctx, "doc", "one", ""); err != nil {
		t.Fatal(err)
	}
	within(t, "both watchers see one", func() bool { return first.has("one") && second.has("one") })
	if got, err := n.Load(ctx, "doc"); got != "one" || err != nil {
		t.Fatalf("Load = %q, %v, want one", got, err)
	}
	stop()
	if err := n.Publish(ctx, "doc", "two", "one"); err != nil {
		t.Fatal(err)
	}
	within(t, "the second watcher sees two", func() bool { return second.has("two") })
	if first.has("two") {
		t.Error("a stopped watcher was called")
	}
	if _, err := n.Watch("doc", first.add); err != nil {
		t.Fatal(err)
	}
	srv.RemoveConfig(sdk.Group, "doc")
	within(t, "a watcher that came back sees the deletion", func() bool { return first.has("") })
}

func TestPublishConflicts(t *testing.T) {
	srv := devstack.RunT(t)
	n := open(t, testConfig(t, srv))
	tests := []struct {
		name          string
		there         string
		content, old  string
		want          error
		wantDocuments string
	}{
		{name: "create", content: "new", wantDocuments: "new"},
		{name: "create over another", there: "x", content: "new", want: ErrConflict, wantDocuments: "x"},
		{name: "create again", there: "new", content: "new", wantDocuments: "new"},
		{name: "replace", there: "x", content: "new", old: "x", wantDocuments: "new"},
		{name: "replace another", there: "y", content: "new", old: "x", want: ErrConflict, wantDocuments: "y"},
		{name: "replace again", there: "new", content: "new", old: "x", wantDocuments: "new"},
		{name: "replace a deleted one", content: "new", old: "x", want: ErrConflict},
	}
	for i, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ctx, doc := testContext(t), fmt.Sprintf("doc-%d", i)
			if tt.there != "" {
				if err := srv.Publish(sdk.Group, doc, tt.there); err != nil {
					t.Fatal(err)
				}
			}
			if err := n.Publish(ctx, doc, tt.content, tt.old); !errors.Is(err, tt.want) {
				t.Errorf("Publish = %v, want %v", err, tt.want)
			}
			if got, _ := srv.Config(sdk.Group, doc); got != tt.wantDocuments {
				t.Errorf("document = %q, want %q", got, tt.wantDocuments)
			}
		})
	}
}

func TestTwoOperators(t *testing.T) {
	srv := devstack.RunT(t)
	ctx := testContext(t)
	operators := []*Nacos{open(t, testConfig(t, srv)), open(t, testConfig(t, srv))}
	old := ""
	for round := range 6 {
		var wins, losses atomic.Int32
		var wg sync.WaitGroup
		for i, n := range operators {
			wg.Go(func() {
				err := n.Publish(ctx, "doc", fmt.Sprintf("round %d by %d", round, i), old)
				switch {
				case err == nil:
					wins.Add(1)
				case errors.Is(err, ErrConflict):
					losses.Add(1)
				default:
					t.Errorf("round %d: %v", round, err)
				}
			})
		}
		wg.Wait()
		if wins.Load() != 1 || losses.Load() != 1 {
			t.Fatalf("round %d: %d wins, %d conflicts, want 1 and 1", round, wins.Load(), losses.Load())
		}
		old, _ = srv.Config(sdk.Group, "doc")
	}
}

func TestReportAndAgents(t *testing.T) {
	srv := devstack.RunT(t)
	n, control, ctx := open(t, testConfig(t, srv)), open(t, testConfig(t, srv)), testContext(t)
	report := sdk.Report{Identity: sdk.Identity{Service: "order", Color: sdk.Green, Boot: "b1", PID: 7}, Seq: 1, Caps: []string{"rpc"}}
	for report.Seq = range int64(3) {
		if err := n.Report(ctx, report); err != nil {
			t.Fatal(err)
		}
		got, err := control.Agents(ctx)
		if err != nil || len(got) != 1 || got[0].Seq != report.Seq || got[0].Identity != report.Identity {
			t.Fatalf("Agents = %+v, %v, want the report %d at once", got, err, report.Seq)
		}
	}
	if err := n.Close(ctx); err != nil {
		t.Fatal(err)
	}
	within(t, "the agent is gone", func() bool {
		got, err := control.Agents(ctx)
		return err == nil && len(got) == 0
	})
}
