package rpc_test

import (
	"strings"
	"testing"
	"time"

	"github.com/bluegreen-go/bluegreen/devstack"
	"github.com/bluegreen-go/bluegreen/internal/dubbotest"
	"github.com/bluegreen-go/bluegreen/sdk"
)

// publish puts channels into the devstack as control would.
func publish(t *testing.T, dev *devstack.Server, index int64, channels ...*sdk.Channel) {
	t.Helper()
	ix := &sdk.Index{APIVersion: sdk.APIVersion, Revision: index, Channels: map[string]int64{}}
	zero := sdk.Duration(0)
	ix.Settings.JitterMax = &zero
	for _, ch := range channels {
		doc, err := ch.Document()
		if err != nil {
			t.Fatal(err)
		}
		ix.Channels[ch.Name] = ch.Revision
		put(t, dev, sdk.ChannelDataID(ch.Name), doc)
	}
	doc, err := ix.Document()
	if err != nil {
		t.Fatal(err)
	}
	put(t, dev, sdk.IndexDataID, doc)
}

func put(t *testing.T, dev *devstack.Server, dataID, doc string) {
	t.Helper()
	if err := dev.Publish(sdk.Group, dataID, doc); err != nil {
		t.Fatal(err)
	}
}

func active(name string, revision int64, blue, green int, services ...string) *sdk.Channel {
	return &sdk.Channel{
		APIVersion: sdk.APIVersion, Name: name, Revision: revision, State: sdk.Active, Services: services,
		Share: sdk.PerColor[int]{Blue: blue, Green: green}, Stage: sdk.Both(sdk.Full), WhenEmpty: sdk.UseOther,
	}
}

// eventually waits for a condition.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("not within 30 s: %s", what)
		}
		<-time.After(20 * time.Millisecond)
	}
}

func TestRequestsKeepTheirColour(t *testing.T) {
	dev := devstack.RunT(t)
	publish(t, dev, 1, active("checkout", 1, 1, 3, "order", "payment"))
	node := func(app, color string, consume ...string) *dubbotest.Node {
		cfg := dubbotest.Config{App: app, Color: color, Version: "v1", Registry: dev.Addr(), Consume: consume}
		if app != "gateway" {
			cfg.Provide = []string{"x." + app}
		}
		return dubbotest.Start(t, cfg)
	}
	for _, color := range []string{"blue", "green"} {
		node("payment", color)
	}
	node("pricing", "", "x.payment") // outside the channel
	for _, color := range []string{"blue", "green"} {
		node("order", color, "x.payment", "x.pricing")
	}
	gateway := node("gateway", "", "x.order")
	eventually(t, "the gateway sees everybody", func() bool {
		return len(gateway.State().Channels) == 1 && gateway.State().Channels[0].Converged == 1
	})
	got := gateway.Call("x.order", "x.payment;x.pricing(x.payment);x.payment", 1000, 8)
	if len(got.Errors) > 0 {
		t.Fatalf("failed calls: %v", got.Errors)
	}
	blue := 0
	for tree, n := range got.Replies {
		if strings.Contains(tree, "/blue/") && strings.Contains(tree, "/green/") {
			t.Errorf("%d requests crossed: %s", n, tree)
		}
		if strings.Contains(tree, "/blue/") {
			blue += n
		}
	}
	if blue < 190 || blue > 310 { // 250 ± 4.4 standard deviations
		t.Errorf("%d of 1000 requests were blue, want about 250", blue)
	}
	if s := gateway.State().Channels[0]; s.InFlight != (sdk.PerColor[int64]{}) || s.Starts.Blue+s.Starts.Green != 1000 {
		t.Errorf("counted %+v in flight and %+v started, want none and 1000", s.InFlight, s.Starts)
	}
	one := gateway.CallAsOne("x.order", "x.payment", 50, 5)
	if len(one.Replies) != 1 || len(one.Errors) > 0 {
		t.Errorf("one request's calls went to %v (errors %v), want one tree", one.Replies, one.Errors)
	}
}
