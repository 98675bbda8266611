package sdk

import (
	"encoding/binary"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"testing"

	"pgregory.net/rapid"
)

func genColor() *rapid.Generator[Color] { return rapid.SampledFrom([]Color{Neutral, Blue, Green}) }

// genChannel draws a valid channel.
func genChannel(name string) *rapid.Generator[*Channel] {
	return rapid.Custom(func(t *rapid.T) *Channel {
		ch := channel(named(name, rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"order", "payment", "stock", "mail"}), 1, 4, rapid.ID).Draw(t, "services")...))
		ch.Revision = rapid.Int64Range(1, 5).Draw(t, "revision")
		ch.State = rapid.SampledFrom([]State{Idle, Active}).Draw(t, "state")
		ch.WhenEmpty = rapid.SampledFrom([]WhenEmpty{UseOther, Fail}).Draw(t, "whenEmpty")
		full := rapid.SampledFrom([]Color{Blue, Green}).Draw(t, "full")
		ch.Stage = ch.Stage.With(full.Other(), Stage(rapid.IntRange(int(Out), int(Full)).Draw(t, "stage")))
		ch.Share = ch.Share.With(full, rapid.IntRange(1, 100).Draw(t, "share"))
		ch.Share = ch.Share.With(full.Other(), rapid.IntRange(0, 100).Draw(t, "other share"))
		if ch.Stage.Of(full.Other()) < Consuming {
			ch.Share = ch.Share.With(full.Other(), 0)
		}
		if rapid.Bool().Draw(t, "keyed") {
			ch.Key = "user"
		}
		if rapid.Bool().Draw(t, "entry") {
			ch.Requires = []string{"entry"}
			ch.Entry = []EntryRule{{Name: "staff", Color: rapid.SampledFrom([]Color{Blue, Green}).Draw(t, "entry color"),
				When: []Condition{{Attribute: "user", Prefix: "a"}}}}
		}
		return ch
	})
}

func genRules(t *rapid.T) *Rules {
	return rulesOf(genChannel("a").Draw(t, "a"), genChannel("b").Draw(t, "b"))
}

func genCarried(t *rapid.T) (ds []Decision) {
	for _, name := range rapid.SliceOfDistinct(rapid.SampledFrom([]string{"a", "b", "far"}), rapid.ID).Draw(t, "carried") {
		c := rapid.SampledFrom([]Color{Blue, Green}).Draw(t, "carried color")
		ds = append(ds, Decision{Channel: name, Color: c, From: c, Reason: ByShare, Revision: rapid.Int64Range(1, 6).Draw(t, "carried revision")})
	}
	return ds
}

func genCaller(t *rapid.T) Caller {
	return Caller{
		Service: rapid.SampledFrom([]string{"gateway", "order", "payment"}).Draw(t, "caller"),
		Color:   genColor().Draw(t, "own"), Converged: rapid.Bool().Draw(t, "converged"),
	}
}

// TestDecideProperties states section by section what every decision must obey.
func TestDecideProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r, caller, trail := genRules(t), genCaller(t), genCarried(t)
		service := rapid.SampledFrom([]string{"order", "payment", "stock", "mail", "none"}).Draw(t, "service")
		live := Live(rapid.Uint8Range(0, 7).Draw(t, "live"))
		req := Request{Carried: append([]Decision(nil), trail...), Seed: Seed(rapid.Uint32().Draw(t, "seed"))}
		d := r.Decide(caller, service, req, live)
		if again := r.Decide(caller, service, req, live); d != again {
			t.Fatalf("not pure: %+v, then %+v", d, again)
		}
		if !reflect.DeepEqual(req.Carried, append([]Decision(nil), trail...)) {
			t.Fatalf("the carried decisions were changed: %+v", req.Carried)
		}
		ch := r.ActiveChannel(service)
		if ch == nil {
			if d != (Decision{}) && (d.Reason == Late || d.Refused) {
				t.Fatalf("decided %+v for a service in no active channel", d)
			}
			return
		}
		checkDecision(t, d, ch, caller, live)
		was, found := Find(trail, ch.Name)
		member := caller.Color != Neutral && r.ActiveChannel(caller.Service) == ch
		switch {
		case member && d.From != caller.Color:
			t.Fatalf("a %v process of the channel decided %+v", caller.Color, d)
		case !member && found && d.From != was.Color:
			t.Fatalf("carried %v, decided %+v", was.Color, d)
		case !member && !found && ch.Share.Of(d.From) == 0:
			t.Fatalf("a new decision went to a colour with share 0: %+v", d)
		}
	})
}

func checkDecision(t *rapid.T, d Decision, ch *Channel, caller Caller, live Live) {
	t.Helper()
	newer := d.Revision > ch.Revision
	serves := func(c Color) bool { return live.Has(c) && (newer || ch.StageOf(c) >= Registered) }
	switch {
	case d.Channel != ch.Name || d.From == Neutral:
		t.Fatalf("%+v names no channel or no colour", d)
	case d.Refused && (ch.WhenEmpty != Fail || !caller.Converged || serves(d.From)):
		t.Fatalf("%+v refused: whenEmpty %s, caller %+v, live %b", d, ch.WhenEmpty, caller, live)
	case d.Refused:
	case serves(d.From) && d.Color != d.From:
		t.Fatalf("%+v left a live colour", d)
	case d.Color != Neutral && !serves(d.Color):
		t.Fatalf("%+v goes to a colour that is not live (%b)", d, live)
	case d.Color == Neutral && (serves(Blue) || serves(Green)):
		t.Fatalf("%+v goes anywhere although a colour is live (%b)", d, live)
	}
}

// TestRootPinsAll: after the root, no hop that knows the same rules decides anew.
func TestRootPinsAll(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := genRules(t)
		req := Request{Seed: Seed(rapid.Uint32().Draw(t, "seed"))}
		trail := r.DecideRoot(Caller{Service: "gateway"}, req, nil)
		for _, d := range trail {
			if ch := r.Channel(d.Channel); ch.Share.Of(d.Color) == 0 || d.Crossing() || d.Revision != ch.Revision {
				t.Fatalf("root decided %+v at %+v", d, ch)
			}
		}
		req.Carried = trail
		for _, service := range []string{"order", "payment", "stock", "mail"} {
			d := r.Decide(Caller{Service: "gateway"}, service, req, LiveOf(Blue, Green))
			was, found := Find(trail, d.Channel)
			if d.Reason == Late || found && d.From != was.Color {
				t.Fatalf("%s: %+v after the root's %+v", service, d, trail)
			}
		}
		if again := r.DecideRoot(Caller{Service: "gateway"}, req, nil); len(again) != 0 {
			t.Fatalf("a second root decided %+v", again)
		}
		below := r.Arrive(Caller{Service: "elsewhere"}, req, nil)
		for i := range below {
			if below[i].Color != trail[i].Color || below[i].Reason != Carried {
				t.Fatalf("arrived as %+v, sent as %+v", below[i], trail[i])
			}
		}
	})
}

// TestArriveKeepsToOwnColor: below a coloured process of a channel, everything
// is on its colour.
func TestArriveKeepsToOwnColor(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r, caller, trail := genRules(t), genCaller(t), genCarried(t)
		below := r.Arrive(caller, Request{Carried: trail, Seed: 7}, nil)
		seen := map[string]bool{}
		for _, d := range below {
			if seen[d.Channel] {
				t.Fatalf("%s stands twice: %+v", d.Channel, below)
			}
			seen[d.Channel] = true
		}
		mine := r.ActiveChannel(caller.Service)
		if mine != nil && caller.Color != Neutral {
			if d, _ := Find(below, mine.Name); d.Color != caller.Color {
				t.Fatalf("below a %v process: %+v", caller.Color, d)
			}
		}
		for _, d := range trail {
			if got, _ := Find(below, d.Channel); got.Color != d.Color && (mine == nil || d.Channel != mine.Name) {
				t.Fatalf("carried %+v became %+v", d, got)
			}
		}
	})
}

func TestGrowingShareOnlyAdds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		total := rapid.IntRange(1, 10_000).Draw(t, "total")
		small := rapid.IntRange(0, total).Draw(t, "small")
		large := rapid.IntRange(small, total).Draw(t, "large")
		point := rapid.Uint32().Draw(t, "point")
		for _, c := range Colors {
			one := PerColor[int]{}.With(c, small).With(c.Other(), total-small)
			two := PerColor[int]{}.With(c, large).With(c.Other(), total-large)
			if split(point, one) == c && split(point, two) != c {
				t.Fatalf("point %d was %v at %v and is not at %v", point, c, one, two)
			}
		}
	})
}

func TestSplitEdges(t *testing.T) {
	tests := []struct {
		share     PerColor[int]
		low, high Color // of the least and the greatest point
	}{
		{PerColor[int]{0, 1}, Green, Green},
		{PerColor[int]{1, 0}, Blue, Blue},
		{PerColor[int]{1, 1}, Blue, Green},
		{PerColor[int]{maxShare, maxShare}, Blue, Green},
		{PerColor[int]{1, maxShare}, Blue, Green},
		{PerColor[int]{maxShare, 1}, Blue, Green},
	}
	for _, tt := range tests {
		if low, high := split(0, tt.share), split(math.MaxUint32, tt.share); low != tt.low || high != tt.high {
			t.Errorf("%v: %v…%v, want %v…%v", tt.share, low, high, tt.low, tt.high)
		}
	}
	if a, b := split(1<<31-1, Both(1)), split(1<<31, Both(1)); a != Blue || b != Green {
		t.Errorf("the border of 1:1 lies elsewhere: %v, %v", a, b)
	}
}

// TestShareExact compares the split of many seeds, drawn as they come (one after
// the other, and from trace ids), with the share: chi-square, one degree of
// freedom, 10.83 is p = 0.001; the seeds are fixed, so the test cannot flicker.
func TestShareExact(t *testing.T) {
	const n = 200_000
	seeds := map[string]func(i int) Seed{
		"counting": func(i int) Seed { return Seed(i) },
		"trace ids": func(i int) Seed {
			var id [16]byte
			binary.BigEndian.PutUint64(id[8:], uint64(i))
			return SeedOf(id)
		},
	}
	for _, s := range []PerColor[int]{{1, 1}, {1, 2}, {3, 1}, {10, 90}, {1, 99}, {99, 1}, {1, 9999}} {
		for name, seed := range seeds {
			t.Run(fmt.Sprintf("%d:%d %s", s.Blue, s.Green, name), func(t *testing.T) {
				r := rulesOf(channel(share(s.Blue, s.Green)))
				blue, buf := 0, make([]Decision, 0, 1)
				for i := range n {
					buf = r.DecideRoot(Caller{}, Request{Seed: seed(i)}, buf[:0])
					if buf[0].Color == Blue {
						blue++
					}
				}
				checkSplit(t, blue, n, s)
			})
		}
	}
}

func checkSplit(t *testing.T, blue, n int, s PerColor[int]) {
	t.Helper()
	p := float64(s.Blue) / float64(s.Blue+s.Green)
	want := p * float64(n)
	chi := math.Pow(float64(blue)-want, 2) / (want * (1 - p))
	if chi > 10.83 {
		t.Errorf("%d of %d are blue, want %.0f (chi-square %.1f)", blue, n, want, chi)
	}
}

// TestChannelsIndependent: what one channel decides says nothing about another,
// by seed and by key.
func TestChannelsIndependent(t *testing.T) {
	keyed := func(c *Channel) { c.Key = "user" }
	for name, edit := range map[string]func(*Channel){"seed": func(*Channel) {}, "key": keyed} {
		t.Run(name, func(t *testing.T) {
			r := rulesOf(channel(edit, named("a", "a")), channel(edit, named("b", "b")))
			const n = 100_000
			both, buf := 0, make([]Decision, 0, 2)
			for i := range n {
				user := func(string) (string, bool) { return strconv.Itoa(i), true }
				buf = r.DecideRoot(Caller{}, Request{Seed: Seed(i), Attributes: user}, buf[:0])
				if buf[0].Color == buf[1].Color {
					both++
				}
			}
			checkSplit(t, both, n, PerColor[int]{1, 1})
		})
	}
}

// TestSameInEveryProcess pins the hash: processes of different versions must
// agree on it. A change here breaks running estates.
func TestSameInEveryProcess(t *testing.T) {
	if got, want := SeedOf([16]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}), goldenSeed; got != want {
		t.Errorf("SeedOf = %d, want %d", got, want)
	}
	bySeed, byKey := rulesOf(channel(share(1, 2))), rulesOf(channel(share(1, 2), func(c *Channel) { c.Key = "user" }))
	var seeds, keys string
	for i := range 40 {
		seeds += bySeed.DecideRoot(Caller{}, Request{Seed: Seed(i)}, nil)[0].Color.String()[:1]
		user := func(string) (string, bool) { return "user-" + strconv.Itoa(i), true }
		keys += byKey.DecideRoot(Caller{}, Request{Attributes: user}, nil)[0].Color.String()[:1]
	}
	if seeds != goldenSeeds {
		t.Errorf("by seed %s, want %s", seeds, goldenSeeds)
	}
	if keys != goldenKeys {
		t.Errorf("by key %s, want %s", keys, goldenKeys)
	}
}

const (
	goldenSeed  = Seed(2142586455)
	goldenSeeds = "bggbbbggggbggggbbgbbggggggbgbbgggggbgggb"
	goldenKeys  = "ggggggggbbgbgbggbbbggbggggbbgggbbgggggbg"
)
