package tally

import (
	"math"
	"testing"
)

// TestInterval compares with values of R's binom.test (Clopper-Pearson) at 95 %, and with the closed form at the ends.
func TestInterval(t *testing.T) {
	for _, c := range []struct {
		k, n      int
		alpha     float64
		low, high float64
	}{
		{5, 10, 0.05, 0.1870860, 0.8129140},
		{1, 20, 0.05, 0.0012651, 0.2487328},
		{50, 100, 0.05, 0.3983211, 0.6016789},
		{0, 2000, 1e-5, 0, 1 - math.Pow(0.5e-5, 1.0/2000)},
		{2000, 2000, 1e-5, math.Pow(0.5e-5, 1.0/2000), 1},
		{0, 0, 0.05, 0, 1},
	} {
		low, high := Interval(c.k, c.n, c.alpha)
		if math.Abs(low-c.low) > 1e-6 || math.Abs(high-c.high) > 1e-6 {
			t.Errorf("Interval(%d, %d, %g) = %.7f, %.7f, want %.7f, %.7f", c.k, c.n, c.alpha, low, high, c.low, c.high)
		}
	}
}

// TestAtLeast compares with sums of exact probabilities.
func TestAtLeast(t *testing.T) {
	for _, p := range []float64{0.001, 0.05, 0.5, 0.93} {
		const n = 40
		sum := 0.0
		for k := n; k >= 0; k-- {
			sum += math.Exp(logChoose(n, k)) * math.Pow(p, float64(k)) * math.Pow(1-p, float64(n-k))
			if got := atLeast(k, n, p); math.Abs(got-sum) > 1e-12 {
				t.Errorf("atLeast(%d, %d, %g) = %.15f, want %.15f", k, n, p, got, sum)
			}
		}
	}
}

// TestIntervalCoverage adds up the exact probability of all outcomes whose interval misses the truth: at most alpha.
func TestIntervalCoverage(t *testing.T) {
	const n, alpha = 200, 0.01
	for _, p := range []float64{0.02, 0.2, 0.5} {
		missed := 0.0
		for k := range n + 1 {
			low, high := Interval(k, n, alpha)
			if p < low || p > high {
				missed += atLeast(k, n, p) - atLeast(k+1, n, p)
			}
		}
		if missed > alpha || missed == 0 {
			t.Errorf("p = %g: the interval misses it with probability %g, want (0, %g]", p, missed, alpha)
		}
	}
}
