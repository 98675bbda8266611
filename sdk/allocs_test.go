package sdk

import (
	"strings"
	"testing"
)

func TestNoAllocations(t *testing.T) {
	w := newWorld(t, channel())
	c := w.start()
	defer w.stop()
	w.loaded()
	staff := EntryRule{Name: "staff", Color: Blue, When: []Condition{{Attribute: "user", In: []string{"ann"}}}}
	r := rulesOf(channel(entries(staff), func(c *Channel) { c.Key = "user" }), channel(named("stock", "stock")), channel(named("far", "far"), idle))
	out := Caller{Service: "gateway"}
	both, trail := LiveOf(Blue, Green), []Decision{{Channel: "shop", Color: Blue, From: Blue, Revision: 1}, {Channel: "far", Color: Blue, From: Blue, Revision: 9}}
	user := attributes("user", strings.Repeat("x", 40))
	buf := make([]Decision, 0, 8)
	counter := c.Activity().Counter("shop")
	var color Color
	tests := map[string]func(){
		"Rules":          func() { color = c.Rules().Channel("shop").Release.Stable },
		"ActiveChannel":  func() { _ = r.ActiveChannel("order") },
		"StageOf":        func() { _ = r.StageOf("order", Blue) },
		"Find":           func() { d, _ := Find(trail, "shop"); color = d.Color },
		"Newer":          func() { _, _, _ = r.Newer(trail) },
		"Decide carried": func() { color = r.Decide(out, "order", Request{Carried: trail}, both).Color },
		"Decide late":    func() { color = r.Decide(out, "stock", Request{Carried: trail, Attributes: user}, both).Color },
		"Decide idle":    func() { color = r.Decide(out, "far", Request{Carried: trail}, both).Color },
		"Decide correct": func() { color = r.Decide(out, "order", Request{Carried: trail}, LiveOf(Green)).Color },
		"Decide self":    func() { color = r.Decide(blueCaller, "order", Request{Carried: trail}, both).Color },
		"DecideRoot":     func() { buf = r.DecideRoot(out, Request{Attributes: user}, buf[:0]) },
		"Arrive":         func() { buf = r.Arrive(blueCaller, Request{Carried: trail, Attributes: user}, buf[:0]) },
		"SeedOf":         func() { _ = SeedOf([16]byte{1}) },
		"Counter":        func() { _ = c.Activity().Counter("shop") },
		"Begin and End":  func() { counter.Begin(Blue); counter.End(Blue) },
		"Refresh again":  func() { c.Refresh("shop", 1) },
		"WaitLoaded":     func() { _ = c.WaitLoaded(t.Context()) },
	}
	c.Refresh("shop", 1)
	for name, f := range tests {
		t.Run(name, func(t *testing.T) {
			if got := testing.AllocsPerRun(100, f); got != 0 {
				t.Errorf("%.0f allocations, want 0", got)
			}
		})
	}
	_ = color
}

var blueCaller = Caller{Service: "order", Color: Blue}
