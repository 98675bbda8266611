package traces

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/bluegreen-go/bluegreen/control/store"
	"github.com/bluegreen-go/bluegreen/devstack"
	"github.com/bluegreen-go/bluegreen/internal/dubbotest"
	"github.com/bluegreen-go/bluegreen/sdk"
	"github.com/bluegreen-go/bluegreen/sdk/nacos"
)

func TestMain(m *testing.M) {
	dubbotest.Main()
	goleak.VerifyTestMain(m,
		goleak.IgnoreCurrent(), // what packages of dubbo-go start when they are linked
		// nacos-sdk-go never closes the socket of its old UDP pushes.
		goleak.IgnoreAnyFunction("github.com/nacos-group/nacos-sdk-go/v2/clients/naming_client/naming_http.(*PushReceiver).handleClient"),
	)
}

const channel = "shop"

// world is a devstack with the services a, b and c of one channel, blue and
// green, one process each, and a control.
type world struct {
	t     *testing.T
	dev   *devstack.Server
	store *store.Store
	ctx   context.Context

	mu     sync.Mutex
	events []store.Event
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, dev: devstack.RunT(t)}
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	t.Cleanup(cancel)
	w.ctx = ctx
	n, err := nacos.Open(nacos.Config{Address: w.dev.Addr(), CacheDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = n.Close(ctx)
	})
	w.store = store.New(n, store.WithPoll(50*time.Millisecond), store.WithSettle(300*time.Millisecond),
		store.WithQuiet(300*time.Millisecond), store.WithTimeout(time.Minute), store.WithObserver(w.observe))
	w.must(w.store.Create(ctx, channel, []string{"a", "b", "c"}))
	if err := w.store.SetJitter(ctx, 100*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *world) must(_ any, err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) observe(e store.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.events = append(w.events, e)
}

// waitedFor reports whether control has said that a process of a service holds
// it up for a kind of reason, with what in the details.
func (w *world) waitedFor(kind store.HoldKind, service, what string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, e := range w.events {
		waiting, ok := e.(store.Waiting)
		if !ok {
			continue
		}
		for _, h := range waiting.Holds {
			if h.Kind == kind && h.Service == service && strings.Contains(h.Detail, what) {
				return true
			}
		}
	}
	return false
}

// node starts a process of a service that offers x.<service>, unless it is the
// gateway, and subscribes to what it will call.
func (w *world) node(service, color string, calls ...string) *dubbotest.Node {
	w.t.Helper()
	return dubbotest.Start(w.t, w.config(service, color, calls...))
}

func (w *world) start(cfg dubbotest.Config) *dubbotest.Node {
	w.t.Helper()
	return dubbotest.Start(w.t, cfg)
}

func (w *world) config(service, color string, calls ...string) dubbotest.Config {
	cfg := dubbotest.Config{App: service, Color: color, Version: "1", Registry: w.dev.Addr(), PollMs: 1000, Quick: true, Retries: 2}
	for _, c := range calls {
		cfg.Consume = append(cfg.Consume, "x."+c)
	}
	if service != "gateway" {
		cfg.Provide = []string{"x." + service}
	}
	return cfg
}

// fleet is the channel's processes: a calls b and c and x; x, outside, calls b.
type fleet struct {
	gateway, x *dubbotest.Node
	blue       map[string]*dubbotest.Node
	green      map[string]*dubbotest.Node
}

func (w *world) fleet() *fleet {
	w.t.Helper()
	f := &fleet{blue: map[string]*dubbotest.Node{}, green: map[string]*dubbotest.Node{}}
	for color, half := range map[string]map[string]*dubbotest.Node{"blue": f.blue, "green": f.green} {
		half["c"] = w.node("c", color)
		half["b"] = w.node("b", color, "c")
		half["a"] = w.node("a", color, "b", "c", "x")
	}
	f.x = w.node("x", "", "b")
	f.gateway = w.node("gateway", "", "a", "x", "b")
	return f
}

// background runs f, which a test unblocks later, and returns where its result comes.
func background(f func() error) <-chan error {
	done := make(chan error, 1)
	go func() { done <- f() }()
	return done
}

func (w *world) eventually(what string, ok func() bool) {
	w.t.Helper()
	deadline := time.Now().Add(40 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			w.t.Fatalf("not within 40 s: %s", what)
		}
		<-time.After(20 * time.Millisecond)
	}
}

// pending makes sure that an operation is still waiting.
func (w *world) pending(what string, done <-chan error) {
	w.t.Helper()
	select {
	case err := <-done:
		w.t.Fatalf("%s: went on, with %v", what, err)
	default:
	}
}

func (w *world) done(what string, done <-chan error) {
	w.t.Helper()
	select {
	case err := <-done:
		if err != nil {
			w.t.Fatalf("%s: %v", what, err)
		}
	case <-time.After(time.Minute):
		w.t.Fatalf("%s: still waiting", what)
	}
}

// oneColour fails the test for each request that was served by both colours of
// the channel, and returns how many were blue.
func (w *world) oneColour(r dubbotest.Result) (blue int) {
	w.t.Helper()
	for err, n := range r.Errors {
		w.t.Errorf("%d requests failed: %s", n, err)
	}
	for tree, n := range r.Replies {
		if strings.Contains(tree, "/blue/") && strings.Contains(tree, "/green/") {
			w.t.Errorf("%d requests crossed: %s", n, tree)
		}
		if strings.Contains(tree, "/blue/") {
			blue += n
		}
	}
	return blue
}

// blueOut starts a release and takes blue out.
func (w *world) blueOut() {
	w.t.Helper()
	w.must(w.store.Activate(w.ctx, channel, sdk.Release{ID: "r"}))
	w.must(w.store.Close(w.ctx, channel, sdk.Blue))
}

// naming matches the connection on which the process at a port registers.
func (w *world) naming(port int) func(devstack.Conn) bool {
	ids := map[string]bool{}
	for _, write := range w.dev.Writes() {
		if write.Port == uint64(port) {
			ids[write.Conn] = true
		}
	}
	return func(c devstack.Conn) bool { return ids[c.ID] }
}

func isWait(err error) (*store.WaitError, bool) { return errors.AsType[*store.WaitError](err) }
