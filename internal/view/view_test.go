package view

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/bluegreen-go/bluegreen/sdk"
)

// classify reads "service/color/n".
func classify(x string) Class {
	parts := strings.Split(x, "/")
	color, _ := sdk.ParseColor(parts[1])
	return Class{Service: parts[0], Color: color}
}

func channel(name string, services ...string) *sdk.Channel {
	return &sdk.Channel{
		APIVersion: sdk.APIVersion, Name: name, Revision: 5, State: sdk.Active, Services: services,
		Share: sdk.Both(1), Stage: sdk.Both(sdk.Full), WhenEmpty: sdk.UseOther,
	}
}

func rules(channels ...*sdk.Channel) *sdk.Rules {
	return sdk.NewRules(sdk.FromSource, sdk.Index{}, channels)
}

func carried(channel string, color sdk.Color) sdk.Request {
	return sdk.Request{Carried: []sdk.Decision{{Channel: channel, Color: color, From: color, Revision: 5}}}
}

func TestPick(t *testing.T) {
	drained := channel("checkout", "order")
	drained.Stage.Blue, drained.Share = sdk.Out, sdk.PerColor[int]{Green: 1}
	strict := channel("checkout", "order")
	strict.WhenEmpty = sdk.Fail
	for _, c := range []struct {
		name      string
		instances string
		rules     *sdk.Rules
		caller    sdk.Caller
		request   sdk.Request
		keep      sdk.Decision
		want      string
		ambiguous bool
	}{
		{name: "no channel: everybody", instances: "order/blue/1 order/green/2", rules: rules(), want: "order/blue/1 order/green/2"},
		{name: "the carried colour", instances: "order/blue/1 order/green/2 order/blue/3", rules: rules(channel("checkout", "order")),
			request: carried("checkout", sdk.Blue), want: "order/blue/1 order/blue/3"},
		{name: "neutral ones are left out", instances: "order/blue/1 order//2", rules: rules(channel("checkout", "order")),
			request: carried("checkout", sdk.Blue), want: "order/blue/1"},
		{name: "the other colour if this one is gone", instances: "order/green/2 order//3", rules: rules(channel("checkout", "order")),
			request: carried("checkout", sdk.Blue), want: "order/green/2"},
		{name: "neutral ones if no colour is there", instances: "order//2 order//3", rules: rules(channel("checkout", "order")),
			request: carried("checkout", sdk.Blue), want: "order//2 order//3"},
		{name: "still listed but out", instances: "order/blue/1 order/green/2", rules: rules(drained),
			request: carried("checkout", sdk.Blue), want: "order/green/2"},
		{name: "out, but nobody else is there", instances: "order/blue/1", rules: rules(drained),
			request: carried("checkout", sdk.Green), want: "order/blue/1"},
		{name: "refused", instances: "order/green/2", rules: rules(strict), caller: sdk.Caller{Converged: true},
			request: carried("checkout", sdk.Blue), want: ""},
		{name: "not refused by who may be behind", instances: "order/green/2", rules: rules(strict),
			request: carried("checkout", sdk.Blue), want: "order/green/2"},
		{name: "the caller's own colour", instances: "order/blue/1 order/green/2", rules: rules(channel("checkout", "order", "cart")),
			caller: sdk.Caller{Service: "cart", Color: sdk.Green}, request: carried("checkout", sdk.Blue), want: "order/green/2"},
		{name: "another service's instances are neutral", instances: "legacy/blue/1 order/green/2", rules: rules(channel("checkout", "order")),
			request: carried("checkout", sdk.Green), want: "order/green/2"},
		{name: "only another service's are left", instances: "legacy/blue/1 order/green/2", rules: rules(channel("checkout", "order"), channel("c2", "x")),
			request: carried("checkout", sdk.Blue), want: "order/green/2"},
		{name: "two channels behind one list", instances: "order/blue/1 stock/green/2", rules: rules(channel("checkout", "order"), channel("goods", "stock")),
			request: carried("checkout", sdk.Blue), want: "order/blue/1 stock/green/2", ambiguous: true},
		{name: "a retry keeps its side", instances: "order/blue/1 order/green/2", rules: rules(channel("checkout", "order")),
			request: carried("checkout", sdk.Blue), want: "order/green/2",
			keep: sdk.Decision{Channel: "checkout", Color: sdk.Green, From: sdk.Blue, Reason: sdk.Corrected}},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := New(strings.Fields(c.instances), classify)
			got := v.Pick(c.rules, c.caller, c.request, c.keep)
			if s := strings.Join(got.Instances, " "); s != c.want || got.Ambiguous != c.ambiguous {
				t.Errorf("got %q (%+v), want %q", s, got, c.want)
			}
			if (c.want == "") != got.Decision.Refused {
				t.Errorf("refused is %t", got.Decision.Refused)
			}
		})
	}
}

func TestBlind(t *testing.T) {
	ch := channel("checkout", "order")
	ch.Stage.Blue, ch.Share = sdk.Out, sdk.PerColor[int]{Green: 1}
	for _, c := range []struct {
		name, instances string
		channel         *sdk.Channel
		known           map[string]bool
		want            string
	}{
		{"sees all", "order/blue/1 order/green/2", channel("checkout", "order"), nil, ""},
		{"lacks one", "order/green/2", channel("checkout", "order"), nil, "order/blue"},
		{"still lists one that is out", "order/blue/1 order/green/2", ch, nil, "order/blue still listed"},
		{"knows it is out", "order/green/2", ch, nil, ""},
		{"lost all", "", channel("checkout", "order"), map[string]bool{"order": true}, "order/blue order/green"},
		{"never saw any", "", channel("checkout", "order"), nil, ""},
		{"other service", "stock/blue/1", channel("checkout", "order"), nil, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := New(strings.Fields(c.instances), classify).Blind(c.channel, c.known)
			slices.Sort(got)
			if s := strings.Join(got, " "); s != c.want {
				t.Errorf("blind %q, want %q", s, c.want)
			}
		})
	}
}

// TestPickNeverStrands holds I6: with an instance in the list, a call that is
// not refused by the channel's own policy has somewhere to go.
func TestPickNeverStrands(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		color := rapid.SampledFrom([]string{"", "blue", "green"})
		service := rapid.SampledFrom([]string{"order", "stock", "legacy"})
		var list []string
		for i := range rapid.IntRange(1, 6).Draw(t, "instances") {
			list = append(list, fmt.Sprintf("%s/%s/%d", service.Draw(t, "service"), color.Draw(t, "color"), i))
		}
		ch := channel("checkout", "order")
		stage := rapid.SampledFrom([]sdk.Stage{sdk.Out, sdk.Registered, sdk.Consuming, sdk.Full})
		ch.Stage = sdk.PerColor[sdk.Stage]{Blue: stage.Draw(t, "blue"), Green: stage.Draw(t, "green")}
		ch2 := channel("goods", "stock")
		c := rapid.SampledFrom(sdk.Colors[:]).Draw(t, "carried")
		v := New(list, classify)
		p := v.Pick(rules(ch, ch2), sdk.Caller{}, carried("checkout", c), sdk.Decision{})
		if len(p.Instances) == 0 {
			t.Fatalf("nowhere to go from %q: %+v", list, p)
		}
		if p.Decision.Color != sdk.Neutral && v.ClassOf(p.Instances[0]).Color != p.Decision.Color {
			t.Fatalf("decided %v, went to %q", p.Decision, p.Instances)
		}
	})
}

func TestPickAllocatesNothing(t *testing.T) {
	list := make([]string, 100)
	for i := range list {
		list[i] = fmt.Sprintf("order/%s/%d", sdk.Colors[i%2], i)
	}
	v, r, req := New(list, classify), rules(channel("checkout", "order")), carried("checkout", sdk.Blue)
	if n := testing.AllocsPerRun(100, func() {
		if len(v.Narrow(list, classify).Pick(r, sdk.Caller{}, req, sdk.Decision{}).Instances) != 50 {
			t.Fatal("wrong pick")
		}
	}); n != 0 {
		t.Errorf("%v allocations per pick, want 0", n)
	}
}

func TestNarrow(t *testing.T) {
	v := New([]string{"order/blue/1", "order/green/2"}, classify)
	if v.Narrow([]string{"order/blue/1", "order/green/2"}, classify) != v {
		t.Error("the whole list made another view")
	}
	if got := v.Narrow([]string{"order/green/2"}, classify).All(); len(got) != 1 {
		t.Errorf("narrowed to %q", got)
	}
}
