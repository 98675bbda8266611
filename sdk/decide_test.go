package sdk

import (
	"testing"
)

func carried(color Color, rev int64) []Decision {
	return []Decision{{Channel: "shop", Color: color, From: color, Reason: ByShare, Revision: rev}}
}

func TestDecideRules(t *testing.T) {
	outside := Caller{Service: "gateway"}
	blue := Caller{Service: "order", Color: Blue}
	converged := Caller{Service: "gateway", Converged: true}
	both := LiveOf(Blue, Green)
	onlyGreen := share(0, 1)
	tests := []struct {
		name    string
		rules   *Rules
		caller  Caller
		service string
		carried []Decision
		live    Live
		want    Decision
	}{
		{"no channel", rulesOf(channel()), outside, "other", carried(Blue, 1), both, Decision{}},
		{"idle channel", rulesOf(channel(idle)), outside, "payment", carried(Blue, 1), both, Decision{}},
		{"idle, newer decision obeyed", rulesOf(channel(idle)), outside, "payment", carried(Blue, 2), both,
			Decision{Channel: "shop", Color: Blue, From: Blue, Reason: Carried, Revision: 2}},
		{"idle in two, newer decision of the second obeyed",
			rulesOf(channel(idle, named("a", "payment")), channel(idle)), outside, "payment", carried(Blue, 2), both,
			Decision{Channel: "shop", Color: Blue, From: Blue, Reason: Carried, Revision: 2}},
		{"self", rulesOf(channel(onlyGreen)), blue, "payment", nil, both,
			Decision{Channel: "shop", Color: Blue, From: Blue, Reason: OwnColor, Revision: 1}},
		{"self, carried the same", rulesOf(channel()), blue, "payment", carried(Blue, 1), both,
			Decision{Channel: "shop", Color: Blue, From: Blue, Reason: Carried, Revision: 1}},
		{"arrived: own colour, not the carried one", rulesOf(channel()), blue, "payment", carried(Green, 1), both,
			Decision{Channel: "shop", Color: Blue, From: Blue, Reason: Arrived, Revision: 1}},
		{"neutral caller of the channel follows what is carried", rulesOf(channel()), Caller{Service: "order"}, "payment", carried(Green, 1), both,
			Decision{Channel: "shop", Color: Green, From: Green, Reason: Carried, Revision: 1}},
		{"own colour not live", rulesOf(channel()), blue, "payment", nil, LiveOf(Green),
			Decision{Channel: "shop", Color: Green, From: Blue, Reason: Corrected, Revision: 1}},
		{"carried", rulesOf(channel()), outside, "payment", carried(Green, 1), both,
			Decision{Channel: "shop", Color: Green, From: Green, Reason: Carried, Revision: 1}},
		{"carried with share 0", rulesOf(channel(onlyGreen, stage(Registered, Full))), outside, "payment", carried(Blue, 1), both,
			Decision{Channel: "shop", Color: Blue, From: Blue, Reason: Carried, Revision: 1}},
		{"late", rulesOf(channel(onlyGreen)), outside, "payment", nil, both,
			Decision{Channel: "shop", Color: Green, From: Green, Reason: Late, Revision: 1}},
		{"corrected: not seen", rulesOf(channel()), outside, "payment", carried(Blue, 1), LiveOf(Green),
			Decision{Channel: "shop", Color: Green, From: Blue, Reason: Corrected, Revision: 1}},
		{"corrected: seen, but out", rulesOf(channel(onlyGreen, stage(Out, Full))), outside, "payment", carried(Blue, 1), both,
			Decision{Channel: "shop", Color: Green, From: Blue, Reason: Corrected, Revision: 1}},
		{"newer decision obeyed though out here", rulesOf(channel(onlyGreen, stage(Out, Full))), outside, "payment", carried(Blue, 2), both,
			Decision{Channel: "shop", Color: Blue, From: Blue, Reason: Carried, Revision: 2}},
		{"fail, converged", rulesOf(channel(failing)), converged, "payment", carried(Blue, 1), LiveOf(Green),
			Decision{Channel: "shop", Color: Blue, From: Blue, Reason: Empty, Revision: 1, Refused: true}},
		{"fail, not converged: other", rulesOf(channel(failing)), outside, "payment", carried(Blue, 1), LiveOf(Green),
			Decision{Channel: "shop", Color: Green, From: Blue, Reason: Corrected, Revision: 1}},
		{"fail, converged, but the colour is out: other", rulesOf(channel(failing, onlyGreen, stage(Out, Full))), converged, "payment", carried(Blue, 1), LiveOf(Green),
			Decision{Channel: "shop", Color: Green, From: Blue, Reason: Corrected, Revision: 1}},
		{"no colour live: any", rulesOf(channel()), outside, "payment", carried(Blue, 1), 0,
			Decision{Channel: "shop", Color: Neutral, From: Blue, Reason: Empty, Revision: 1}},
		{"only neutral instances: any", rulesOf(channel()), outside, "payment", carried(Blue, 1), LiveOf(Neutral),
			Decision{Channel: "shop", Color: Neutral, From: Blue, Reason: Empty, Revision: 1}},
		{"neutral instances beside the colour are not used", rulesOf(channel()), outside, "payment", carried(Blue, 1), LiveOf(Neutral, Blue),
			Decision{Channel: "shop", Color: Blue, From: Blue, Reason: Carried, Revision: 1}},
		{"neutral instances beside the other colour are not used", rulesOf(channel()), outside, "payment", carried(Blue, 1), LiveOf(Neutral, Green),
			Decision{Channel: "shop", Color: Green, From: Blue, Reason: Corrected, Revision: 1}},
		{"only an out colour is seen: any", rulesOf(channel(onlyGreen, stage(Out, Full))), outside, "payment", carried(Green, 1), LiveOf(Blue),
			Decision{Channel: "shop", Color: Neutral, From: Green, Reason: Empty, Revision: 1}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := tt.rules.Decide(tt.caller, tt.service, Request{Carried: tt.carried}, tt.live)
			if got != tt.want {
				t.Errorf("Decide =\n %+v, want\n %+v", got, tt.want)
			}
			if crossing := tt.want.Color != tt.want.From; got.Crossing() != crossing {
				t.Errorf("Crossing = %v, want %v", got.Crossing(), crossing)
			}
		})
	}
}

func TestCorrectionLeavesWhatIsCarried(t *testing.T) {
	r := rulesOf(channel())
	trail := carried(Blue, 1)
	if d := r.Decide(Caller{Service: "gateway"}, "payment", Request{Carried: trail}, LiveOf(Green)); d.Color != Green {
		t.Fatalf("Decide = %+v, want green", d)
	}
	if trail[0] != carried(Blue, 1)[0] {
		t.Errorf("the carried decision became %+v", trail[0])
	}
	if d := r.Decide(Caller{Service: "gateway"}, "order", Request{Carried: trail}, LiveOf(Blue, Green)); d.Color != Blue || d.Reason != Carried {
		t.Errorf("next call = %+v, want carried blue", d)
	}
}

func TestDecideRoot(t *testing.T) {
	r := rulesOf(channel(share(0, 1)), channel(named("stock", "stock"), share(1, 0)), channel(named("zzz", "zzz"), idle))
	tests := []struct {
		name    string
		caller  Caller
		carried []Decision
		want    []Decision
	}{
		{"outside", Caller{Service: "gateway"}, nil, []Decision{
			{Channel: "shop", Color: Green, From: Green, Reason: ByShare, Revision: 1},
			{Channel: "stock", Color: Blue, From: Blue, Reason: ByShare, Revision: 1}}},
		{"of a channel", Caller{Service: "order", Color: Blue}, nil, []Decision{
			{Channel: "shop", Color: Blue, From: Blue, Reason: OwnColor, Revision: 1},
			{Channel: "stock", Color: Blue, From: Blue, Reason: ByShare, Revision: 1}}},
		{"neutral process of a channel", Caller{Service: "order"}, nil, []Decision{
			{Channel: "shop", Color: Green, From: Green, Reason: ByShare, Revision: 1},
			{Channel: "stock", Color: Blue, From: Blue, Reason: ByShare, Revision: 1}}},
		{"carried stays", Caller{Service: "gateway"}, carried(Blue, 1), []Decision{
			{Channel: "stock", Color: Blue, From: Blue, Reason: ByShare, Revision: 1}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			checkDecisions(t, r.DecideRoot(tt.caller, Request{Carried: tt.carried}, nil), tt.want)
		})
	}
}

func TestArrive(t *testing.T) {
	r := rulesOf(channel(share(0, 1)), channel(named("stock", "stock"), share(1, 0)))
	far := Decision{Channel: "far", Color: Green, From: Green, Reason: Carried, Revision: 7}
	stock := Decision{Channel: "stock", Color: Blue, From: Blue, Reason: Late, Revision: 1}
	tests := []struct {
		name    string
		caller  Caller
		carried []Decision
		want    []Decision
	}{
		{"nothing carried, of the channel", Caller{Service: "order", Color: Blue}, nil, []Decision{
			{Channel: "shop", Color: Blue, From: Blue, Reason: OwnColor, Revision: 1}, stock}},
		{"nothing carried, outside", Caller{Service: "gateway"}, nil, []Decision{
			{Channel: "shop", Color: Green, From: Green, Reason: Late, Revision: 1}, stock}},
		{"same colour", Caller{Service: "order", Color: Blue}, carried(Blue, 3), []Decision{
			{Channel: "shop", Color: Blue, From: Blue, Reason: Carried, Revision: 3}, stock}},
		{"misrouted", Caller{Service: "order", Color: Blue}, carried(Green, 3), []Decision{
			{Channel: "shop", Color: Blue, From: Blue, Reason: Arrived, Revision: 3}, stock}},
		{"outside keeps", Caller{Service: "gateway", Color: Blue}, carried(Green, 3), []Decision{
			{Channel: "shop", Color: Green, From: Green, Reason: Carried, Revision: 3}, stock}},
		{"unknown channels are kept", Caller{Service: "gateway"}, []Decision{far}, []Decision{
			far, {Channel: "shop", Color: Green, From: Green, Reason: Late, Revision: 1}, stock}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			checkDecisions(t, r.Arrive(tt.caller, Request{Carried: tt.carried}, nil), tt.want)
		})
	}
}

func checkDecisions(t *testing.T, got, want []Decision) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("got %+v, want %+v", got, want)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("[%d] got %+v, want %+v", i, got[i], want[i])
		}
	}
}

func TestNewer(t *testing.T) {
	r := rulesOf(channel(revision(5)))
	tests := []struct {
		name    string
		carried []Decision
		newer   bool
	}{
		{"nothing", nil, false},
		{"older", carried(Blue, 4), false},
		{"same", carried(Blue, 5), false},
		{"newer", carried(Blue, 6), true},
		{"unknown channel", []Decision{{Channel: "far", Revision: 1}}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			channel, rev, newer := r.Newer(tt.carried)
			if newer != tt.newer || newer && (channel != tt.carried[0].Channel || rev != tt.carried[0].Revision) {
				t.Errorf("Newer = %q, %d, %v, want newer %v", channel, rev, newer, tt.newer)
			}
		})
	}
}

func TestStages(t *testing.T) {
	r := rulesOf(channel(share(0, 1), stage(Out, Full)), channel(named("far", "far"), idle, stage(Out, Full)))
	tests := []struct {
		service string
		color   Color
		want    Stage
	}{
		{"order", Blue, Out}, {"order", Green, Full}, {"order", Neutral, Full},
		{"far", Blue, Full}, {"unknown", Blue, Full},
	}
	for _, tt := range tests {
		if got := r.StageOf(tt.service, tt.color); got != tt.want {
			t.Errorf("StageOf(%s, %v) = %v, want %v", tt.service, tt.color, got, tt.want)
		}
	}
	if !r.AnyActive() || r.ActiveChannel("order").Name != "shop" || r.ActiveChannel("far") != nil {
		t.Error("ActiveChannel: want shop for order and none for far")
	}
	ch := r.Channel("shop")
	if !ch.Closing(Blue) || ch.Closing(Green) || r.Channel("far").Closing(Blue) {
		t.Error("Closing: want only blue of shop")
	}
	if r.Channel("far").StageOf(Blue) != Full {
		t.Error("an idle channel's stage must be full")
	}
}

func TestNothingRunsBeforeRulesAreRead(t *testing.T) {
	for _, c := range []struct {
		origin Origin
		color  Color
		want   Stage
	}{{NotLoaded, Blue, Out}, {NotLoaded, Neutral, Full}, {FromSource, Blue, Full}, {FromFile, Blue, Full}, {Assumed, Blue, Full}} {
		if got := NewRules(c.origin, Index{}, nil).StageOf("order", c.color); got != c.want {
			t.Errorf("%s, %s: stage %s, want %s", c.origin, c.color, got, c.want)
		}
	}
}
