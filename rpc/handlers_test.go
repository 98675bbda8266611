package rpc_test

import (
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/bluegreen-go/bluegreen/internal/dubbotest"
	"github.com/bluegreen-go/bluegreen/sdk"
)

// A caller that is only connected, and watches the provider's health, is nothing
// that a restart would cut.
func TestWatchedHealthIsNoRequest(t *testing.T) {
	t.Parallel()
	w := newWorld(t, active("checkout", 1, 1, 1, "order"))
	blue, green := w.pair("order")
	gateway := w.gateway(1, "x.order")
	gateway.Call("x.order", "", 100, 2)
	total := 0
	for _, n := range []*dubbotest.Node{blue, green} {
		wantInFlight(t, n, 0)
		total += starts(n)
	}
	if total != 100 {
		t.Errorf("%d requests counted as started, want 100", total)
	}
}

// Handlers of the channel that lose or mix up contexts still call their own colour.
func TestHandlerLosesTheContext(t *testing.T) {
	t.Parallel()
	w := newWorld(t, active("checkout", 1, 1, 1, "order", "payment"))
	w.pair("payment")
	blue, green := w.pair("order", "x.payment")
	gateway := w.gateway(1, "x.order")
	w.converged(1, blue, green)
	for _, plan := range []string{"@lost(x.payment)", "@stale(x.payment)", "@lost(x.payment);x.payment;@stale(x.payment)"} {
		got := gateway.Call("x.order", plan, 200, 4)
		wantSticky(t, got)
		if c := colors(got); c.Blue < 60 || c.Green < 60 {
			t.Errorf("%s: split %+v of 200, want about half", plan, c)
		}
	}
	for _, n := range []*dubbotest.Node{blue, green, gateway} {
		eventually(t, "nothing is in flight at "+n.Cfg.App, func() bool {
			return n.State().Channels[0].InFlight == sdk.PerColor[int64]{}
		})
	}
}

// A handler outside of the channel that uses an old request's context again calls
// where that request went, and the call is counted while it runs.
func TestStaleContextOutsideTheChannel(t *testing.T) {
	t.Parallel()
	w := newWorld(t, active("checkout", 1, 1, 1, "payment"))
	w.pair("payment")
	pricing := w.start("pricing", "", "x.payment")
	gateway := w.start("gateway", "", "x.pricing")
	w.converged(1, pricing)
	eventually(t, "the gateway sees pricing", func() bool { return len(gateway.Call("x.pricing", "@stale", 1, 1).Errors) == 0 })
	got := gateway.Call("x.pricing", "@stale(x.payment)", 50, 4)
	if len(got.Replies) != 1 || len(got.Errors) > 0 {
		t.Errorf("replies %v, errors %v; want one and the same reply", got.Replies, got.Errors)
	}
	wantInFlight(t, pricing, 0)
}

// wantInFlight waits until so many requests are in flight at a node.
func wantInFlight(t *testing.T, n *dubbotest.Node, want int64) {
	t.Helper()
	var last sdk.ChannelReport
	defer func() {
		if t.Failed() {
			t.Logf("%s: %+v", n.Cfg.App, last)
		}
	}()
	eventually(t, strconv.FormatInt(want, 10)+" in flight at "+n.Cfg.App, func() bool {
		last = n.State().Channels[0]
		return last.InFlight.Blue+last.InFlight.Green == want
	})
}

// Goroutines that outlive their request call where it went. They are in flight
// while they hold the trail, else only while they call.
func TestGoroutineOutlivesTheRequest(t *testing.T) {
	t.Parallel()
	w := newWorld(t, active("checkout", 1, 1, 1, "payment"))
	blue, green := w.pair("payment")
	pricing := w.start("pricing", "", "x.payment")
	gateway := w.start("gateway", "", "x.pricing")
	w.converged(1, pricing, gateway)
	eventually(t, "the gateway sees pricing", func() bool { return len(gateway.Call("x.pricing", "", 1, 1).Errors) == 0 })
	wantInFlight(t, pricing, 0)
	t.Run("holding the trail", func(t *testing.T) {
		before := pricing.State().Channels[0].Starts
		if got := gateway.Call("x.pricing", "@held(x.payment)", 3, 1); len(got.Errors) > 0 {
			t.Fatal(got.Errors)
		}
		wantInFlight(t, pricing, 3)
		after := pricing.State().Channels[0].Starts
		wantColors(t, sdk.PerColor[int64]{Blue: after.Blue - before.Blue, Green: after.Green - before.Green}, pricing.Release())
		wantInFlight(t, pricing, 0)
	})
	t.Run("calling only", func(t *testing.T) {
		if got := gateway.Call("x.pricing", "@later(x.payment(@gate))", 3, 1); len(got.Errors) > 0 {
			t.Fatal(got.Errors)
		}
		wantInFlight(t, pricing, 0)
		late := make(chan dubbotest.Result, 1)
		go func() { late <- pricing.Release() }()
		wantInFlight(t, pricing, 3)
		blue.Release()
		green.Release()
		if got := <-late; sum(got.Replies) != 3 {
			t.Errorf("replies %v, errors %v; want 3 replies", got.Replies, got.Errors)
		}
		wantInFlight(t, pricing, 0)
	})
}

// wantColors compares the colours of late calls with those of their requests.
func wantColors(t *testing.T, want sdk.PerColor[int64], late dubbotest.Result) {
	t.Helper()
	var got sdk.PerColor[int64]
	for reply, count := range late.Replies {
		for _, c := range sdk.Colors {
			if strings.Contains(reply, "/"+c.String()+"/") {
				got = got.With(c, got.Of(c)+int64(count))
			}
		}
	}
	if got != want {
		t.Errorf("late calls went to %+v, their requests to %+v (errors %v)", got, want, late.Errors)
	}
}

// A stranger cannot choose a colour at the edge; a trusted caller can.
func TestHeaderAtTheEdge(t *testing.T) {
	t.Parallel()
	w := newWorld(t, active("checkout", 1, 1, 1, "order"))
	w.pair("order")
	for _, trust := range []bool{false, true} {
		cfg := w.config("gateway", "", "x.order")
		cfg.HTTPPort, cfg.TrustHTTP = dubbotest.FreePort(t), trust
		gateway := dubbotest.Start(t, cfg)
		w.converged(1, gateway)
		got := dubbotest.Result{Replies: map[string]int{}}
		for range 60 {
			got.Replies[get(t, cfg.HTTPPort, "#1~checkout:b:1")]++
		}
		c := colors(got)
		switch {
		case c.Blue+c.Green != 60:
			t.Errorf("trust %t: replies %v", trust, got.Replies)
		case trust && c.Blue != 60:
			t.Errorf("%d of 60 trusted requests were blue, want all", c.Blue)
		case !trust && (c.Blue < 10 || c.Green < 10):
			t.Errorf("split %+v of 60 strangers, want about half", c)
		}
	}
}

// get calls order through an edge, with a header.
func get(t *testing.T, port int, text string) string {
	t.Helper()
	u := url.URL{Scheme: "http", Host: "127.0.0.1:" + strconv.Itoa(port), Path: "/", RawQuery: "iface=x.order"}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, u.String(), nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("bluegreen", text)
	req.Close = true
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%s: %v: %s", res.Status, err, body)
	}
	return string(body)
}
