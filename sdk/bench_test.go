package sdk

import "testing"

// Benchmarks of what every call and every request does. They allocate nothing;
// TestNoAllocations holds that.
func BenchmarkDecide(b *testing.B) {
	r := rulesOf(channel(), channel(named("stock", "stock")))
	both := LiveOf(Blue, Green)
	gateway := Caller{Service: "gateway"}
	carried := Request{Carried: []Decision{{Channel: "shop", Color: Blue, From: Blue, Revision: 1}}}
	for _, c := range []struct {
		name    string
		caller  Caller
		service string
		request Request
		live    Live
	}{
		{"carried", gateway, "order", carried, both},
		{"own colour", blueCaller, "order", carried, both},
		{"late by share", gateway, "stock", carried, both},
		{"corrected", gateway, "order", carried, LiveOf(Green)},
		{"no channel", gateway, "search", carried, both},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				r.Decide(c.caller, c.service, c.request, c.live)
			}
		})
	}
}

func BenchmarkDecideRoot(b *testing.B) {
	for name, r := range map[string]*Rules{
		"one channel":    rulesOf(channel()),
		"three channels": rulesOf(channel(), channel(named("stock", "stock")), channel(named("pay", "pay"))),
	} {
		b.Run(name, func(b *testing.B) {
			buf := make([]Decision, 0, 8)
			b.ReportAllocs()
			for b.Loop() {
				buf = r.DecideRoot(Caller{Service: "gateway"}, Request{Seed: 7}, buf[:0])
			}
		})
	}
}

func BenchmarkFind(b *testing.B) {
	trail := []Decision{{Channel: "far"}, {Channel: "pay"}, {Channel: "shop", Color: Blue}}
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := Find(trail, "shop"); !ok {
			b.Fatal("not found")
		}
	}
}
