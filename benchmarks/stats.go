package benchmarks

import "slices"

// Interval is the median of a sample with an interval for the median of what it
// was drawn from.
type Interval struct {
	Median float64 `json:"median"`
	Low    float64 `json:"low"`
	High   float64 `json:"high"`
}

// risk is the greatest probability that the interval misses.
const risk = 0.05

// MedianOf returns the median with the narrowest symmetric pair of order
// statistics that holds the true median with a probability of at least 95 %,
// whatever the distribution. Fewer than six values have no such pair; the
// interval is then all of them. An empty sample gives zeros.
func MedianOf(sample []float64) Interval {
	n := len(sample)
	if n == 0 {
		return Interval{}
	}
	s := slices.Sorted(slices.Values(sample))
	k := rank(n)
	return Interval{Median: (s[(n-1)/2] + s[n/2]) / 2, Low: s[k-1], High: s[n-k]}
}

// rank returns the greatest k ≥ 1 with 2·P(Binomial(n, ½) < k) ≤ risk.
func rank(n int) int {
	term := 1.0 // C(n, i) / 2^n, starting at i = 0
	for range n {
		term /= 2
	}
	k, below := 1, term
	for i := 1; 2*(below+term*float64(n-i+1)/float64(i)) <= risk; i++ {
		term *= float64(n-i+1) / float64(i)
		below += term
		k++
	}
	return k
}

// ratios divides pair by pair.
func ratios(of, by []float64) []float64 {
	out := make([]float64, min(len(of), len(by)))
	for i := range out {
		out[i] = of[i] / by[i]
	}
	return out
}
