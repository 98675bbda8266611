package tally

import "math"

// FamilyError is the chance that a run without any fault is failed by one of its share intervals.
const FamilyError = 1e-4

// Interval is the exact (Clopper-Pearson) confidence interval of a probability after k of n, with the error alpha shared
// by both sides.
func Interval(k, n int, alpha float64) (low, high float64) {
	low, high = 0, 1
	if k > 0 {
		low = bisect(func(p float64) bool { return atLeast(k, n, p) < alpha/2 })
	}
	if k < n {
		high = bisect(func(p float64) bool { return 1-atLeast(k+1, n, p) >= alpha/2 })
	}
	return low, high
}

// bisect returns the p in [0,1] where below turns from true to false.
func bisect(below func(p float64) bool) float64 {
	low, high := 0.0, 1.0
	for range 60 {
		if mid := (low + high) / 2; below(mid) {
			low = mid
		} else {
			high = mid
		}
	}
	return (low + high) / 2
}

// atLeast is the probability of k or more of n. The smaller tail is summed, from its largest term outwards.
func atLeast(k, n int, p float64) float64 {
	switch {
	case k <= 0:
		return 1
	case k > n || p <= 0:
		return 0
	case p >= 1:
		return 1
	}
	if float64(k) > p*float64(n) {
		return tail(k, n, p)
	}
	return 1 - tail(n-k+1, n, 1-p)
}

// tail sums P(X = k) + P(X = k+1) + … for a k above the mean, where the terms only fall.
func tail(k, n int, p float64) float64 {
	term := math.Exp(logChoose(n, k) + float64(k)*math.Log(p) + float64(n-k)*math.Log1p(-p))
	sum, odds := 0.0, p/(1-p)
	for i := k; i <= n && term > 0; i++ {
		sum += term
		term *= float64(n-i) / float64(i+1) * odds
		if term < sum*1e-17 {
			break
		}
	}
	return min(sum, 1)
}

func logChoose(n, k int) float64 {
	a, _ := math.Lgamma(float64(n + 1))
	b, _ := math.Lgamma(float64(k + 1))
	c, _ := math.Lgamma(float64(n - k + 1))
	return a - b - c
}
