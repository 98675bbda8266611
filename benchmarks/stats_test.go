package benchmarks

import (
	"slices"
	"testing"
)

func TestRank(t *testing.T) {
	// From tables of the sign test at 5 %, both sides.
	for n, want := range map[int]int{1: 1, 5: 1, 6: 1, 8: 1, 9: 2, 10: 2, 12: 3, 15: 4, 20: 6, 25: 8, 50: 18} {
		if got := rank(n); got != want {
			t.Errorf("rank(%d) = %d, want %d", n, got, want)
		}
	}
}

func TestMedianOf(t *testing.T) {
	tests := []struct {
		name   string
		sample []float64
		want   Interval
	}{
		{"none", nil, Interval{}},
		{"one", []float64{3}, Interval{3, 3, 3}},
		{"even, not sorted", []float64{4, 1, 3, 2}, Interval{2.5, 1, 4}},
		{"ten", []float64{10, 9, 8, 7, 6, 5, 4, 3, 2, 1}, Interval{5.5, 2, 9}},
		{"an outlier moves nothing", []float64{1e9, 9, 8, 7, 6, 5, 4, 3, 2, 1}, Interval{5.5, 2, 9}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			before := slices.Clone(tt.sample)
			if got := MedianOf(tt.sample); got != tt.want {
				t.Errorf("MedianOf(%v) = %v, want %v", tt.sample, got, tt.want)
			}
			if !slices.Equal(before, tt.sample) {
				t.Errorf("the sample was changed to %v", tt.sample)
			}
		})
	}
}

func TestRatios(t *testing.T) {
	if got, want := ratios([]float64{2, 9, 5}, []float64{1, 3}), []float64{2, 3}; !slices.Equal(got, want) {
		t.Errorf("ratios = %v, want %v", got, want)
	}
}
