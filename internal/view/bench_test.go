package view

import (
	"fmt"
	"testing"

	"github.com/bluegreen-go/bluegreen/sdk"
)

// BenchmarkPick shows that a pick costs the same for any number of instances.
func BenchmarkPick(b *testing.B) {
	r := rules(channel("checkout", "order"))
	for _, n := range []int{2, 100, 10_000} {
		instances := make([]string, n)
		for i := range instances {
			instances[i] = fmt.Sprintf("order/%s/%d", sdk.Colors[i%2], i)
		}
		v := New(instances, classify)
		b.Run(fmt.Sprintf("%d instances", n), func(b *testing.B) {
			request := carried("checkout", sdk.Blue)
			b.ReportAllocs()
			for b.Loop() {
				v.Pick(r, sdk.Caller{Service: "gateway"}, request, sdk.Decision{})
			}
		})
	}
}
