package sdk

import (
	"strconv"
	"testing"
)

func attributes(kv ...string) Attributes {
	return func(name string) (string, bool) {
		for i := 0; i < len(kv); i += 2 {
			if kv[i] == name {
				return kv[i+1], true
			}
		}
		return "", false
	}
}

func entries(rules ...EntryRule) func(*Channel) {
	return func(c *Channel) { c.Requires, c.Entry = []string{"entry"}, rules }
}

func TestEntry(t *testing.T) {
	staff := EntryRule{Name: "staff", Color: Blue, When: []Condition{{Attribute: "user", In: []string{"ann", "bob"}}}}
	lab := EntryRule{Name: "lab", Color: Green, When: []Condition{{Attribute: "user", In: []string{"bob"}}, {Attribute: "ip", Prefix: "10."}}}
	tests := []struct {
		name  string
		rules *Rules
		attrs Attributes
		color Color // Neutral: not by an entry rule
		why   Reason
	}{
		{"in", rulesOf(channel(entries(staff, lab), share(1, 9999))), attributes("user", "ann"), Blue, "entry:staff"},
		{"first rule wins", rulesOf(channel(entries(staff, lab))), attributes("user", "bob", "ip", "10.1"), Blue, "entry:staff"},
		{"order decides", rulesOf(channel(entries(lab, staff))), attributes("user", "bob", "ip", "10.1"), Green, "entry:lab"},
		{"all conditions must hold", rulesOf(channel(entries(lab, staff))), attributes("user", "bob", "ip", "11.1"), Blue, "entry:staff"},
		{"condition on a missing attribute", rulesOf(channel(entries(lab))), attributes("user", "bob"), Neutral, ByShare},
		{"shorter than the prefix", rulesOf(channel(entries(lab))), attributes("user", "bob", "ip", "10"), Neutral, ByShare},
		{"share 0 is skipped", rulesOf(channel(entries(staff, lab), share(0, 1))), attributes("user", "bob", "ip", "10.1"), Green, "entry:lab"},
		{"share 0 and no other rule", rulesOf(channel(entries(staff), share(0, 1))), attributes("user", "ann"), Green, ByShare},
		{"before the key", rulesOf(channel(entries(staff), share(1, 9999), func(c *Channel) { c.Key = "user" })), attributes("user", "ann"), Blue, "entry:staff"},
		{"no attributes", rulesOf(channel(entries(staff))), nil, Neutral, ByShare},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := tt.rules.DecideRoot(Caller{Service: "gateway"}, Request{Attributes: tt.attrs}, nil)[0]
			if d.Reason != tt.why || tt.color != Neutral && d.Color != tt.color {
				t.Errorf("got %v by %q, want %v by %q", d.Color, d.Reason, tt.color, tt.why)
			}
		})
	}
}

// TestKeySticks: with a key, a user stays on his colour whatever the seed is, and
// a growing share only ever takes users over.
func TestKeySticks(t *testing.T) {
	keyed := func(c *Channel) { c.Key = "user" }
	decide := func(r *Rules, user string, seed int) Decision {
		return r.DecideRoot(Caller{}, Request{Seed: Seed(seed), Attributes: attributes("user", user)}, nil)[0]
	}
	colors := map[string]Color{}
	blue := 0
	for _, s := range []int{5, 20, 50, 100} {
		r := rulesOf(channel(keyed, share(s, 100-s), stage(Full, Full)))
		blue = 0
		for u := range 1000 {
			user := "user-" + strconv.Itoa(u)
			d := decide(r, user, u)
			for seed := range 5 {
				if again := decide(r, user, seed); again != d {
					t.Fatalf("%s: %+v, then %+v", user, d, again)
				}
			}
			if d.Reason != ByKey {
				t.Fatalf("reason %q, want %q", d.Reason, ByKey)
			}
			if colors[user] == Blue && d.Color != Blue {
				t.Errorf("%s left blue when its share grew to %d", user, s)
			}
			colors[user] = d.Color
			if d.Color == Blue {
				blue++
			}
		}
	}
	if blue != 1000 {
		t.Errorf("%d of 1000 users are blue at 100:0", blue)
	}
	r := rulesOf(channel(keyed))
	for name, attrs := range map[string]Attributes{"none": nil, "other": attributes("x", "y"), "empty": attributes("user", "")} {
		if d := r.DecideRoot(Caller{}, Request{Attributes: attrs}, nil)[0]; d.Reason != ByShare {
			t.Errorf("attributes %s: reason %q, want %q", name, d.Reason, ByShare)
		}
	}
}
