package traces

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bluegreen-go/bluegreen/control/store"
	"github.com/bluegreen-go/bluegreen/devstack"
	"github.com/bluegreen-go/bluegreen/sdk"
)

// Registered is not seen: b-blue is in the registry, but a-blue's list is older.
// Opening waits for a-blue's view and names it; no request crosses.
func TestRegisteredIsNotSeen(t *testing.T) {
	w := newWorld(t)
	f := w.fleet()
	w.blueOut()
	w.dev.HoldPushes(w.naming(f.blue["a"].Cfg.Port))
	opened := background(func() error { _, err := w.store.Open(w.ctx, channel, sdk.Blue); return err })
	w.eventually("control waits for a's view of b/blue", func() bool { return w.waitedFor(store.Blind, "a", "b/blue") })
	w.eventually("b-blue is in the registry", func() bool { return enabled(w, "b", f.blue["b"].Cfg.Port) })
	w.pending("open", opened)
	w.oneColour(f.gateway.Call("x.a", "x.b(x.c);x.c;x.x(x.b)", 100, 4))
	w.dev.HoldPushes(nil)
	w.done("open", opened)
	w.must(w.store.Share(w.ctx, channel, sdk.Both(1)))
	if blue := w.oneColour(f.gateway.Call("x.a", "x.b(x.c);x.c;x.x(x.b)", 300, 4)); blue == 0 {
		t.Error("no request was blue at 1:1")
	}
}

func enabled(w *world, service string, port int) bool {
	for _, i := range w.dev.Instances("DEFAULT_GROUP", "providers:x."+service+"::") {
		if i.Port == uint64(port) {
			return i.Enable
		}
	}
	return false
}

// Zero in flight at the colour is not zero: a request of blue sits in x, outside
// the channel, while every blue process is idle. Closing waits for it.
func TestRequestOutsideTheChannelHoldsTheClose(t *testing.T) {
	w := newWorld(t)
	f := w.fleet()
	w.must(w.store.Activate(w.ctx, channel, sdk.Release{}))
	w.must(w.store.Share(w.ctx, channel, sdk.PerColor[int]{Blue: 1}))
	slow := background(func() error {
		if blue := w.oneColour(f.gateway.Call("x.x", "@gate;x.b(x.c)", 1, 1)); blue == 0 {
			return errors.New("the slow request was not blue")
		}
		return nil
	})
	w.eventually("the request is in x", func() bool {
		s := f.x.State()
		c, _ := s.Of(channel)
		return c.InFlight.Blue == 1
	})
	closed := background(func() error { _, err := w.store.Close(w.ctx, channel, sdk.Blue); return err })
	w.eventually("control waits for x", func() bool { return w.waitedFor(store.Busy, "x", "") })
	if got := stage(w, sdk.Blue); got != sdk.Registered {
		t.Errorf("blue is %s while a request of it is under way, want registered", got)
	}
	w.pending("close", closed)
	w.pending("slow request", slow)
	f.x.Release()
	w.done("slow request", slow)
	w.done("close", closed)
}

func stage(w *world, c sdk.Color) sdk.Stage {
	doc, err := w.store.Document(w.ctx, channel)
	if err != nil {
		return sdk.Out
	}
	return doc.Stage.Of(c)
}

// A caller that Nacos lost, but that lives: it goes on with old rules. Closing
// holds and names it; it never certifies.
func TestLostCallerHoldsTheClose(t *testing.T) {
	w := newWorld(t)
	f := w.fleet()
	w.must(w.store.Activate(w.ctx, channel, sdk.Release{}))
	before := len(w.dev.Clients())
	w.dev.ExcludeClient(func(c devstack.Conn) bool { return hasSubscribed(c, "x.a") || c.Publishes("agent.gateway") })
	if len(w.dev.Clients()) >= before {
		t.Fatal("nobody was excluded")
	}
	closed := background(func() error { _, err := w.store.Close(w.ctx, channel, sdk.Blue); return err })
	w.eventually("control names the gateway", func() bool { return w.waitedFor(store.Missing, "gateway", "") })
	w.pending("close", closed)
	w.oneColour(f.gateway.Call("x.a", "x.b;x.c", 50, 4))
	w.dev.Readmit()
	w.done("close", closed)
	w.oneColour(f.gateway.Call("x.a", "x.b;x.c", 50, 4))
}

func hasSubscribed(c devstack.Conn, iface string) bool {
	for _, s := range c.Subscribed {
		if strings.Contains(s.Name, iface) {
			return true
		}
	}
	return false
}

// A new process with an old last-good file, in which no release runs: it is born
// drained all the same.
func TestOldLastGoodFileIsNotFollowed(t *testing.T) {
	w := newWorld(t)
	f := w.fleet()
	w.blueOut()
	f.blue["b"].Stop()
	cfg := w.config("b", "blue", "c")
	cfg.Dir = t.TempDir()
	old := "index: |\n  apiVersion: bluegreen/v1\n  revision: 1\n  channels: {}\n  owners: {}\nchannels: {}\n"
	if err := os.WriteFile(filepath.Join(cfg.Dir, "last-good.yaml"), []byte(old), 0o600); err != nil {
		t.Fatal(err)
	}
	w.dev.Stall("ConfigQueryRequest", 2*time.Second) // it starts before it can read the rules
	seen := len(w.dev.Visible("DEFAULT_GROUP", "providers:x.b::"))
	b := w.start(cfg)
	w.dev.Stall("ConfigQueryRequest", 0)
	w.eventually("it has read the rules", func() bool { c := b.State(); r, ok := c.Of(channel); return ok && r.Converged > 0 })
	for _, v := range w.dev.Visible("DEFAULT_GROUP", "providers:x.b::")[seen:] {
		for _, i := range v.Instances {
			if i.Port == uint64(b.Cfg.Port) {
				t.Fatalf("shown at %v", v.Time)
			}
		}
	}
	w.oneColour(f.gateway.Call("x.a", "x.b;x.c", 50, 4))
}

// The barrier is true of nobody: no blue process of c is there. Opening holds
// and says so.
func TestOpeningWaitsForEveryService(t *testing.T) {
	w := newWorld(t)
	f := w.fleet()
	w.blueOut()
	f.blue["c"].Stop()
	_, err := w.store.With(store.WithTimeout(2*time.Second)).Open(w.ctx, channel, sdk.Blue)
	if wait, ok := isWait(err); !ok || !strings.Contains(wait.Error(), "c/blue") {
		t.Fatalf("got %v, want a wait that names c/blue", err)
	}
	w.node("c", "blue")
	w.must(w.store.Open(w.ctx, channel, sdk.Blue))
	w.must(w.store.Share(w.ctx, channel, sdk.Both(1)))
	w.oneColour(f.gateway.Call("x.a", "x.b(x.c);x.c", 200, 4))
}

// Carried against own side: a hop without the SDK forwards the text but picks
// any instance. Behind that hop, new code never goes back to old code.
func TestPlainHopCrossesOnceOnly(t *testing.T) {
	w := newWorld(t)
	w.fleet()
	cfg := w.config("z", "", "b")
	cfg.Plain = true
	w.start(cfg)
	gateway := w.node("gateway", "", "z", "a")
	w.must(w.store.Activate(w.ctx, channel, sdk.Release{}))
	r := gateway.Call("x.z", "x.b(x.c;x.c)", 200, 4)
	for err, n := range r.Errors {
		t.Errorf("%d failed: %s", n, err)
	}
	for tree, n := range r.Replies {
		if strings.Contains(tree, "/blue/") && strings.Contains(tree, "/green/") {
			t.Errorf("%d requests went on to the other colour: %s", n, tree)
		}
	}
}

// A correction holds for one call, not for the request: c has no blue instance,
// the request's other calls stay on blue.
func TestCorrectionIsForTheCallOnly(t *testing.T) {
	w := newWorld(t)
	f := w.fleet()
	w.must(w.store.Activate(w.ctx, channel, sdk.Release{}))
	w.must(w.store.Share(w.ctx, channel, sdk.PerColor[int]{Blue: 1}))
	f.blue["c"].Kill()
	w.eventually("a-blue sees no blue c", func() bool {
		for tree := range f.gateway.Call("x.a", "x.c", 1, 1).Replies {
			if strings.Contains(tree, "c/green") {
				return true
			}
		}
		return false
	})
	r := f.gateway.Call("x.a", "x.c;x.b;x.x(x.b)", 50, 4)
	for err, n := range r.Errors {
		t.Errorf("%d failed: %s", n, err)
	}
	for tree, n := range r.Replies {
		if !strings.Contains(tree, "a/blue") || !strings.Contains(tree, "c/green") || strings.Contains(tree, "b/green") {
			t.Errorf("%d requests went %s, want c on green and all else on blue", n, tree)
		}
	}
}

// Abort takes the share at once and the registration later: what is under way on
// blue ends there.
func TestAbortLetsRequestsEnd(t *testing.T) {
	w := newWorld(t)
	f := w.fleet()
	w.must(w.store.Activate(w.ctx, channel, sdk.Release{}))
	w.must(w.store.Share(w.ctx, channel, sdk.PerColor[int]{Blue: 1}))
	under := background(func() error {
		if blue := w.oneColour(f.gateway.Call("x.x", "@gate;x.b(x.c)", 1, 1)); blue == 0 {
			return errors.New("the request under way left blue")
		}
		return nil
	})
	w.eventually("the request is in x", func() bool {
		s := f.x.State()
		c, _ := s.Of(channel)
		return c.InFlight.Blue == 1
	})
	aborted := background(func() error { _, err := w.store.Abort(w.ctx, channel, sdk.Blue, false); return err })
	w.eventually("new requests are green", func() bool {
		return len(f.gateway.Call("x.a", "", 1, 1).Replies) == 1 && w.oneColour(f.gateway.Call("x.a", "x.b", 20, 4)) == 0
	})
	w.pending("abort", aborted)
	f.x.Release()
	w.done("request under way", under)
	w.done("abort", aborted)
}

// Both colours leave: control does not let one go before the other is there.
func TestNoSwapOfColours(t *testing.T) {
	w := newWorld(t)
	w.fleet()
	w.blueOut()
	_, err := w.store.Close(w.ctx, channel, sdk.Green)
	if rule, ok := errors.AsType[*store.RuleError](err); !ok {
		t.Errorf("closing green while blue is out: got %v, want a rule", err)
	} else {
		t.Log(rule)
	}
}

// Two channels, one service: the claim decides, before anything is published.
func TestOneActiveChannelPerService(t *testing.T) {
	w := newWorld(t)
	w.fleet()
	w.must(w.store.Create(w.ctx, "other", []string{"c", "d"}))
	w.must(w.store.Activate(w.ctx, channel, sdk.Release{}))
	if _, err := w.store.With(store.WithTimeout(time.Second)).Activate(w.ctx, "other", sdk.Release{}); err == nil || !strings.Contains(err.Error(), "c") {
		t.Errorf("got %v, want a refusal that names c", err)
	}
}
