package rpc_test

import (
	"bufio"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/bluegreen-go/bluegreen/internal/dubbotest"
)

// The other modes of registration keep colour and share as well.
func TestModesKeepTheirColour(t *testing.T) {
	for _, mode := range []string{dubbotest.Application, dubbotest.All} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, active("checkout", 1, 1, 3, "order", "payment"))
			w.mode = mode
			w.pair("payment")
			w.start("pricing", "", "x.payment")
			blue, green := w.pair("order", "x.payment", "x.pricing")
			gateway := w.gateway(1, "x.order")
			w.converged(1, blue, green)
			got := gateway.Call("x.order", "x.payment;x.pricing(x.payment);x.payment", 400, 4)
			wantSticky(t, got)
			if c := colors(got); c.Blue < 62 || c.Blue > 138 { // 100 ± 4.4 standard deviations
				t.Errorf("%d of 400 requests were blue, want about 100", c.Blue)
			}
		})
	}
}

// Attempts of one call go to one colour, whichever instances fail.
func TestRetriesKeepTheirColour(t *testing.T) {
	t.Parallel()
	w := newWorld(t, active("checkout", 1, 1, 1, "order"))
	var nodes []*dubbotest.Node
	for range 2 {
		blue, green := w.pair("order")
		nodes = append(nodes, blue, green)
	}
	cfg := w.config("gateway", "", "x.order")
	cfg.Retries = 2
	gateway := dubbotest.Start(t, cfg)
	w.converged(1, gateway)
	eventually(t, "the gateway sees all four", func() bool { return len(gateway.Call("x.order", "", 40, 1).Replies) == 4 })
	before := 0
	for _, n := range nodes {
		before += starts(n)
	}
	got := gateway.Call("x.order", "@fail(3)", 100, 1)
	attempts := -before
	for _, n := range nodes {
		attempts += starts(n)
		for _, d := range n.Counts().Decisions {
			if d.Reason == "arrived" {
				t.Errorf("%d attempts arrived at %s against their decision", d.Count, n.Cfg.Color)
			}
		}
	}
	if want := sum(got.Replies) + 4*3; attempts != want {
		t.Errorf("%d attempts for %d answers, want %d: 12 fail", attempts, sum(got.Replies), want)
	}
	if sum(got.Errors) > 4 { // three attempts in a row at one node: at most once each
		t.Errorf("errors: %v", got.Errors)
	}
	if crossed := gateway.Crossings("checkout", "corrected"); crossed != 0 {
		t.Errorf("%d crossings, want none", crossed)
	}
}

func starts(n *dubbotest.Node) int {
	s := n.State().Channels[0].Starts
	return int(s.Blue + s.Green)
}

// A caller keeps its connections when weights change.
func TestConnectionsSurviveWeights(t *testing.T) {
	t.Parallel()
	w := newWorld(t, active("checkout", 1, 1, 1, "order"))
	blue, green := w.pair("order")
	gateway := w.gateway(1, "x.order")
	gateway.Stream("x.order", "", 2)
	progress(t, gateway, 50)
	before := connections(t, blue.Cfg.Port, green.Cfg.Port)
	for i := range 20 {
		percent := 5 * (i + 1) % 99
		w.publish(active("checkout", int64(i+2), percent, 100-percent, "order"))
		w.converged(int64(i+2), blue, green, gateway)
		progress(t, gateway, 2)
	}
	after := connections(t, blue.Cfg.Port, green.Cfg.Port)
	if fmt.Sprint(before) != fmt.Sprint(after) {
		t.Errorf("connections %v have become %v", before, after)
	}
	wantSticky(t, gateway.StopStream())
	if n := blue.Naming().Writes + green.Naming().Writes; n < 20 {
		t.Errorf("%d registrations: the weights have not changed", n)
	}
}

// connections returns the callers' ends of the TCP connections to ports.
func connections(t *testing.T, ports ...int) map[string]bool {
	t.Helper()
	f, err := os.Open("/proc/net/tcp")
	if err != nil {
		t.Skip("no list of connections here: ", err)
	}
	defer f.Close()
	const established = "01"
	found := map[string]bool{}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) < 4 || fields[3] != established {
			continue
		}
		for _, port := range ports {
			if strings.HasSuffix(fields[2], fmt.Sprintf(":%04X", port)) {
				found[fields[1]] = true
			}
		}
	}
	if len(found) == 0 {
		t.Fatal("no connections found")
	}
	return found
}

// Serving processes are replaced one after the other, without waiting for callers
// that can be told.
func TestRollingRestarts(t *testing.T) {
	t.Parallel()
	w := newWorld(t, active("checkout", 1, 1, 1, "order"))
	patient := func(color string) *dubbotest.Node {
		cfg := w.config("order", color)
		cfg.Quick = false
		return dubbotest.Start(t, cfg)
	}
	blue := patient("blue")
	w.start("order", "green")
	gateway := w.gateway(1, "x.order")
	gateway.Stream("x.order", "@wait(20)", 4)
	for range 5 {
		next := patient("blue")
		w.converged(1, next)
		eventually(t, "the new process serves", func() bool { return starts(next) > 0 })
		blue.Stop()
		blue = next
	}
	wantSticky(t, gateway.StopStream())
	if crossed := gateway.Crossings("checkout", "corrected"); crossed != 0 {
		t.Errorf("%d crossings, want none", crossed)
	}
}
