package rpc_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nacos-group/nacos-sdk-go/v2/model"

	"github.com/bluegreen-go/bluegreen/devstack"
	"github.com/bluegreen-go/bluegreen/internal/dubbotest"
	"github.com/bluegreen-go/bluegreen/sdk"
)

// world is a Nacos of the test's own and the nodes at it.
type world struct {
	t     *testing.T
	dev   *devstack.Server
	index int64
	mode  string // of registration
	last  string // state of the last node that had not converged
}

// newWorld starts a Nacos with rules in it.
func newWorld(t *testing.T, channels ...*sdk.Channel) *world {
	t.Helper()
	w := &world{t: t, dev: devstack.RunT(t)}
	w.publish(channels...)
	t.Cleanup(func() {
		if t.Failed() && w.last != "" {
			t.Log("last seen not converged: " + w.last)
		}
	})
	return w
}

// publish replaces the rules.
func (w *world) publish(channels ...*sdk.Channel) {
	w.t.Helper()
	w.index++
	publish(w.t, w.dev, w.index, channels...)
}

// config is a node of the world; one of an app that is not called "gateway"
// provides the interface "x.<app>".
func (w *world) config(app, color string, consume ...string) dubbotest.Config {
	cfg := dubbotest.Config{
		App: app, Color: color, Version: "v1", Registry: w.dev.Addr(), Mode: w.mode, Consume: consume, Quick: true,
	}
	if app != "gateway" {
		cfg.Provide = []string{"x." + app}
	}
	return cfg
}

// start starts a node of the world.
func (w *world) start(app, color string, consume ...string) *dubbotest.Node {
	w.t.Helper()
	return dubbotest.Start(w.t, w.config(app, color, consume...))
}

// pair starts a blue and a green node.
func (w *world) pair(app string, consume ...string) (blue, green *dubbotest.Node) {
	w.t.Helper()
	return w.start(app, "blue", consume...), w.start(app, "green", consume...)
}

// gateway starts a caller outside of the channel, and waits until it sees everybody.
func (w *world) gateway(revision int64, consume ...string) *dubbotest.Node {
	w.t.Helper()
	n := w.start("gateway", "", consume...)
	w.converged(revision, n)
	return n
}

// converged waits until the nodes follow and see a revision of the channel.
func (w *world) converged(revision int64, nodes ...*dubbotest.Node) {
	w.t.Helper()
	for _, n := range nodes {
		var last sdk.Report
		eventually(w.t, "converged: "+n.Cfg.App+" "+n.Cfg.Color, func() bool {
			last = n.State()
			ok := len(last.Channels) > 0 && last.Channels[0].Converged == revision
			if !ok {
				w.last = fmt.Sprintf("%+v; Nacos has %s", last, w.listed())
			}
			return ok
		})
	}
}

// listed says which providers Nacos has.
func (w *world) listed() string {
	var all []string
	for _, service := range w.dev.Services("DEFAULT_GROUP") {
		for _, i := range w.dev.Instances("DEFAULT_GROUP", service) {
			all = append(all, fmt.Sprintf("%s %s %d enabled=%t", service, i.Metadata["bg.color"], i.Port, i.Enable))
		}
	}
	return strings.Join(all, ", ")
}

// record returns what Nacos has of a node's interface.
func (w *world) record(n *dubbotest.Node) (model.Instance, bool) {
	for _, i := range w.dev.Instances("DEFAULT_GROUP", serviceOf(n)) {
		if i.Port == uint64(n.Cfg.Port) {
			return i, true
		}
	}
	return model.Instance{}, false
}

// shown reports whether callers may see the node, and with which weight.
func (w *world) shown(n *dubbotest.Node) (weight float64, ok bool) {
	i, ok := w.record(n)
	return i.Weight, ok && i.Enable
}

func serviceOf(n *dubbotest.Node) string { return "providers:" + n.Cfg.Provide[0] + "::" }

// staged is a channel over order and payment with stages.
func staged(revision int64, blue, green int, stageBlue, stageGreen sdk.Stage) *sdk.Channel {
	ch := active("checkout", revision, blue, green, "order", "payment")
	ch.Stage = sdk.PerColor[sdk.Stage]{Blue: stageBlue, Green: stageGreen}
	return ch
}

// colors counts the replies by the colour of the first callee.
func colors(r dubbotest.Result) (n sdk.PerColor[int]) {
	for tree, count := range r.Replies {
		parts := strings.SplitN(tree, "/", 3)
		if color, err := sdk.ParseColor(parts[1]); err == nil {
			n = n.With(color, n.Of(color)+count)
		}
	}
	return n
}

// sum returns how many calls there were.
func sum(m map[string]int) (n int) {
	for _, count := range m {
		n += count
	}
	return n
}

// wantSticky fails the test for failed calls and for trees of both colours.
func wantSticky(t *testing.T, r dubbotest.Result) {
	t.Helper()
	if len(r.Errors) > 0 {
		t.Errorf("%d of %d calls failed: %v", sum(r.Errors), sum(r.Errors)+sum(r.Replies), r.Errors)
	}
	for tree, n := range r.Replies {
		if strings.Contains(tree, "/blue/") && strings.Contains(tree, "/green/") {
			t.Errorf("%d requests crossed: %s", n, tree)
		}
	}
}

// progress waits until a stream has made so many more calls.
func progress(t *testing.T, n *dubbotest.Node, more int) {
	t.Helper()
	total := func() int {
		r := n.Streamed()
		return sum(r.Replies) + sum(r.Errors)
	}
	from := total()
	eventually(t, "the stream goes on", func() bool { return total() >= from+more })
}

// all waits until all new calls of a stream go to one colour.
func onlyTo(t *testing.T, n *dubbotest.Node, color sdk.Color) {
	t.Helper()
	eventually(t, "all calls go to "+color.String(), func() bool {
		before := colors(n.Streamed()).Of(color.Other())
		progress(t, n, 20)
		return colors(n.Streamed()).Of(color.Other()) == before
	})
}

// lasts lets a fault last.
func lasts(d time.Duration) { <-time.After(d) }
