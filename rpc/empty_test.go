package rpc_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/bluegreen-go/bluegreen/devstack"
	"github.com/bluegreen-go/bluegreen/internal/dubbotest"
	"github.com/bluegreen-go/bluegreen/sdk"
)

// A colour without instances: calls go to the other one, and each is counted.
func TestColourWithoutInstances(t *testing.T) {
	t.Parallel()
	w := newWorld(t, active("checkout", 1, 1, 1, "order"))
	w.start("order", "green")
	gateway := w.start("gateway", "", "x.order")
	eventually(t, "the gateway sees green", func() bool { return len(gateway.Call("x.order", "", 1, 1).Replies) == 1 })
	got := gateway.Call("x.order", "", 200, 4)
	wantSticky(t, got)
	if c := colors(got); c.Green != 200 {
		t.Errorf("%d of 200 calls were green, want all", c.Green)
	}
	decided := int64(0)
	for _, d := range gateway.Counts().Decisions {
		if d.Color == sdk.Blue {
			decided += d.Count
		}
	}
	if crossed := gateway.Crossings("checkout", "corrected"); crossed != decided || crossed < 60 {
		t.Errorf("%d crossings for %d requests decided blue, want as many and about 100", crossed, decided)
	}
	if blind := gateway.State().Channels[0].Blind; len(blind) != 1 || blind[0] != "order/blue" {
		t.Errorf("blind to %v, want order/blue", blind)
	}
}

// With whenEmpty: fail, a caller that has seen the colour before refuses.
func TestEmptyColourRefused(t *testing.T) {
	t.Parallel()
	fail := active("checkout", 1, 1, 1, "order")
	fail.WhenEmpty = sdk.Fail
	w := newWorld(t, fail)
	blue, _ := w.pair("order")
	gateway := w.gateway(1, "x.order")
	blue.Kill()
	eventually(t, "the gateway sees nothing of blue", func() bool {
		blind := gateway.State().Channels[0].Blind
		return len(blind) == 1 && blind[0] == "order/blue"
	})
	got := gateway.Call("x.order", "", 100, 4)
	if c := colors(got); c.Blue != 0 || c.Green < 25 {
		t.Errorf("answers %+v, want only green ones", c)
	}
	const want = "bluegreen: no live blue instance of service order (channel checkout, decided at revision 1, whenEmpty: fail)"
	if n := got.Errors[want]; n < 25 || n != sum(got.Errors) {
		t.Errorf("errors %v, want only %q", got.Errors, want)
	}
}

// All processes of a colour are killed in the middle of a ramp, under load. A
// caller learns of it when its connections break, or from the registry: what may
// fail is what was in flight, and what was sent until then.
func TestColourKilled(t *testing.T) {
	t.Parallel()
	w := newWorld(t, active("checkout", 1, 1, 3, "order"))
	var blues []*dubbotest.Node
	for range 2 {
		blues = append(blues, w.start("order", "blue"))
	}
	w.start("order", "green")
	const callers = 6
	cfg := w.config("gateway", "", "x.order")
	cfg.Retries = 2
	gateway := dubbotest.Start(t, cfg)
	w.converged(1, gateway)
	gateway.Stream("x.order", "@wait(5)", callers)
	progress(t, gateway, 100)
	w.publish(active("checkout", 2, 1, 1, "order"))
	w.converged(2, gateway)
	killed := time.Now()
	for _, n := range blues {
		n.Kill()
	}
	eventually(t, "the gateway is told", func() bool { return fmt.Sprint(gateway.State().Channels[0].Blind) == "[order/blue]" })
	noticed := time.Since(killed)
	before := colors(gateway.Streamed()).Green
	progress(t, gateway, 200)
	got := gateway.StopStream()
	t.Logf("noticed within %v; %d calls failed, %d did not: %v", noticed, sum(got.Errors), sum(got.Replies), got.Errors)
	if limit := 2 * callers; sum(got.Errors) > limit {
		t.Errorf("%d calls failed, want at most %d, one in flight and one more of each caller: %v", sum(got.Errors), limit, got.Errors)
	}
	if c := colors(got); c.Green-before < 190 {
		t.Errorf("%d of 200 calls went over to green", c.Green-before)
	}
	if crossed := gateway.Crossings("checkout", "corrected"); crossed < 60 {
		t.Errorf("%d crossings counted, want about 100", crossed)
	}
}

// A drained process loses Nacos, and comes back: nobody is ever shown it.
func TestDrainedCutFromNacos(t *testing.T) {
	t.Parallel()
	w := newWorld(t, staged(1, 0, 1, sdk.Out, sdk.Full))
	green := w.start("order", "green")
	blue := w.start("order", "blue")
	gateway := w.gateway(1, "x.order")
	w.converged(1, green, blue)
	gateway.Stream("x.order", "", 2)
	isBlue := func(c devstack.Conn) bool { return c.Labels["app_color"] == "blue" }
	if w.dev.ExcludeClient(isBlue) == 0 {
		t.Fatalf("no connection of blue among %+v", w.dev.Clients())
	}
	if _, ok := w.record(blue); ok {
		t.Fatal("blue's record has not gone with its connection")
	}
	lasts(2 * time.Second)
	w.dev.Readmit()
	eventually(t, "blue's record is back", func() bool { _, ok := w.record(blue); return ok })
	if _, ok := w.shown(blue); ok {
		t.Error("blue came back enabled")
	}
	progress(t, gateway, 30)
	for _, v := range w.dev.Visible("DEFAULT_GROUP", serviceOf(blue)) {
		for _, i := range v.Instances {
			if i.Port == uint64(blue.Cfg.Port) {
				t.Errorf("blue was shown at %v", v.Time)
			}
		}
	}
	got := gateway.StopStream()
	wantSticky(t, got)
	if c := colors(got); c.Blue != 0 {
		t.Errorf("%d calls went to the drained process", c.Blue)
	}
	if errors := blue.State().Problems; len(errors) > 0 {
		t.Errorf("problems: %s", strings.Join(errors, "; "))
	}
}
