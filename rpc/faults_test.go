package rpc_test

import (
	"slices"
	"testing"
	"time"

	"github.com/bluegreen-go/bluegreen/devstack"
	"github.com/bluegreen-go/bluegreen/internal/dubbotest"
	"github.com/bluegreen-go/bluegreen/sdk"
)

// Processes start while Nacos is down, without last good rules: they come up, and
// once they see each other all is as the rules say.
func TestNacosDownAtStart(t *testing.T) {
	t.Parallel()
	w := newWorld(t, active("checkout", 1, 1, 1, "order"))
	w.dev.Refuse(true)
	began := time.Now()
	blue := dubbotest.Spawn(t, w.config("order", "blue"))
	green := dubbotest.Spawn(t, w.config("order", "green"))
	gateway := dubbotest.Spawn(t, w.config("gateway", "", "x.order"))
	for _, n := range []*dubbotest.Node{blue, green, gateway} {
		n.Ready()
	}
	t.Logf("ready after %v", time.Since(began))
	w.dev.Refuse(false)
	w.converged(1, blue, green, gateway)
	for _, i := range w.dev.Visible("DEFAULT_GROUP", serviceOf(blue)) {
		for _, x := range i.Instances {
			if x.Metadata["bg.color"] == "" {
				t.Errorf("shown without a colour: %+v", x)
			}
		}
	}
	got := gateway.Call("x.order", "", 200, 4)
	wantSticky(t, got)
	if c := colors(got); c.Blue < 60 || c.Green < 60 {
		t.Errorf("split %+v of 200, want about half", c)
	}
}

// Nacos goes away under load and comes back, then crashes and loses what was
// registered. No call fails, and while Nacos is away none leaves its colour; while
// registrations come back one by one, a colour may be missing for a moment.
func TestNacosLost(t *testing.T) {
	t.Parallel()
	w := newWorld(t, active("checkout", 1, 1, 1, "order", "payment"))
	w.pair("payment")
	blue, green := w.pair("order", "x.payment")
	gateway := w.gateway(1, "x.order")
	w.converged(1, blue, green)
	gateway.Stream("x.order", "x.payment", 4)
	w.dev.Refuse(true)
	lasts(10 * time.Second)
	wantSticky(t, gateway.Streamed())
	w.dev.Refuse(false)
	back := func() {
		t.Helper()
		for _, n := range []*dubbotest.Node{blue, green} {
			eventually(t, "the record is back", func() bool { weight, ok := w.shown(n); return ok && weight == 100 })
		}
	}
	back()
	if err := w.dev.Restart(time.Second); err != nil {
		t.Fatal(err)
	}
	w.publish(staged(2, 0, 1, sdk.Registered, sdk.Full))
	w.converged(2, blue, green, gateway)
	eventually(t, "blue's weight is lowered", func() bool { weight, ok := w.shown(blue); return ok && weight == 1 })
	onlyTo(t, gateway, sdk.Green)
	if got := gateway.StopStream(); len(got.Errors) > 0 {
		t.Errorf("failed calls: %v", got.Errors)
	}
}

// Pushes are lost: the poll finds the new rules.
func TestPushesLost(t *testing.T) {
	t.Parallel()
	w := newWorld(t, active("checkout", 1, 1, 1, "order"))
	w.pair("order")
	cfg := w.config("gateway", "", "x.order")
	cfg.PollMs = 500
	gateway := dubbotest.Start(t, cfg)
	w.converged(1, gateway)
	w.dev.LosePushes(-1)
	w.publish(active("checkout", 2, 0, 1, "order"))
	eventually(t, "the poll finds the rules", func() bool { return gateway.State().Channels[0].Revision == 2 })
	got := gateway.Call("x.order", "", 50, 2)
	wantSticky(t, got)
	if c := colors(got); c.Blue != 0 {
		t.Errorf("%d calls to blue, want none", c.Blue)
	}
}

// A write that Nacos confirmed and lost is found by comparing.
func TestLostRecordIsWrittenAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, active("checkout", 1, 1, 1, "order"))
	cfg := w.config("order", "blue")
	cfg.ReconcileS = 1
	blue, green := dubbotest.Start(t, cfg), w.start("order", "green")
	w.converged(1, blue, green)
	w.dev.Control("InstanceRequest", func(devstack.Request) (bool, error) { return true, nil })
	w.publish(active("checkout", 2, 1, 4, "order"))
	eventually(t, "the write was confirmed", func() bool {
		s := blue.Naming()
		return s.Records[0].Confirmed && s.Records[0].Sent.Weight == 25
	})
	if weight, _ := w.shown(blue); weight != 100 {
		t.Fatalf("weight %v: the write was not lost", weight)
	}
	w.dev.Control("InstanceRequest", nil)
	eventually(t, "the record is written again", func() bool { weight, ok := w.shown(blue); return ok && weight == 25 })
	eventually(t, "no drift is left", func() bool { return blue.Naming().Records[0].Drift == "" })
}

// The connection is cut while a change is being written.
func TestCutDuringUpdate(t *testing.T) {
	for _, c := range []struct {
		name  string
		fault func(dev *devstack.Server) (end func())
	}{
		{"the answer is lost", func(dev *devstack.Server) func() {
			dev.Stall("InstanceRequest", time.Minute)
			return func() { dev.Stall("InstanceRequest", 0) }
		}},
		{"the request is lost", func(dev *devstack.Server) func() {
			cut := make(chan struct{})
			dev.Control("InstanceRequest", func(devstack.Request) (bool, error) { <-cut; return true, nil })
			return func() { close(cut); dev.Control("InstanceRequest", nil) }
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, active("checkout", 1, 1, 1, "order"))
			blue, green := w.pair("order")
			gateway := w.gateway(1, "x.order")
			w.converged(1, blue, green)
			gateway.Stream("x.order", "", 2)
			end := c.fault(w.dev)
			w.publish(staged(2, 0, 1, sdk.Out, sdk.Full))
			eventually(t, "the write is under way", func() bool {
				s := blue.Naming()
				return !s.Records[0].Wanted.Enabled
			})
			onlyTo(t, gateway, sdk.Green)
			w.dev.DropConnections()
			end()
			eventually(t, "blue is hidden", func() bool { i, ok := w.record(blue); return ok && !i.Enable })
			w.converged(2, blue, green, gateway)
			wantSticky(t, gateway.StopStream())
		})
	}
}

// Somebody edits a weight at the console.
func TestConsoleOverride(t *testing.T) {
	t.Parallel()
	w := newWorld(t, active("checkout", 1, 1, 1, "order"))
	cfg := w.config("order", "blue")
	cfg.ReconcileS = 1
	blue := dubbotest.Start(t, cfg)
	w.start("order", "green")
	gateway := w.gateway(1, "x.order")
	w.converged(1, blue)
	weight := 7.0
	if err := w.dev.UpdateInstance("DEFAULT_GROUP", serviceOf(blue), "127.0.0.1", uint64(blue.Cfg.Port), devstack.Overlay{Weight: &weight}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the override is reported", func() bool {
		return slices.Contains(blue.State().Channels[0].Blind, "registry: overridden")
	})
	if got, want := blue.Naming().Records[0].Drift, "weight is 7, not 100"; got != want {
		t.Errorf("drift %q, want %q", got, want)
	}
	got := gateway.Call("x.order", "", 400, 4)
	wantSticky(t, got)
	if c := colors(got); c.Blue < 156 || c.Blue > 244 { // 200 ± 4.4 standard deviations
		t.Errorf("%d of 400 calls were blue, want about 200", c.Blue)
	}
	writes := blue.Naming().Writes
	if writes > 3 {
		t.Errorf("%d writes against an override, want at most one besides registration and rules", writes)
	}
}
