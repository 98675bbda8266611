package benchmarks

import (
	"fmt"
	"strings"
)

// Arm names. Plain and Again are the same thing in processes of their own: what
// differs between them is noise.
const (
	Plain   = "plain"
	Again   = "plain again"
	Idle    = "no active channel"
	Carried = "carried decision"
	Root    = "root of a request"
)

// Sample is what one round of calls took in one arm, per call: of allocations and
// bytes the least over small parts of the round, of the time the median.
type Sample struct {
	CallerAllocs   float64 `json:"callerAllocs"`
	ProviderAllocs float64 `json:"providerAllocs"`
	CallerBytes    float64 `json:"callerBytes"`
	ProviderBytes  float64 `json:"providerBytes"`
	CPUMicros      float64 `json:"cpuMicros"` // of both processes
	P50Micros      float64 `json:"p50Micros"`
}

// Report holds the raw numbers.
type Report struct {
	Go       string              `json:"go"`
	CPUs     int                 `json:"cpus"`
	Calls    int                 `json:"callsPerRound"`
	Arms     []string            `json:"arms"` // in the order of the table
	Rounds   map[string][]Sample `json:"rounds"`
	Verdicts []string            `json:"verdicts"`
}

func (r *Report) column(arm string, field func(Sample) float64) []float64 {
	out := make([]float64, len(r.Rounds[arm]))
	for i, s := range r.Rounds[arm] {
		out[i] = field(s)
	}
	return out
}

// Fields of a sample.
func callerAllocs(s Sample) float64   { return s.CallerAllocs }
func providerAllocs(s Sample) float64 { return s.ProviderAllocs }
func callerBytes(s Sample) float64    { return s.CallerBytes }
func providerBytes(s Sample) float64  { return s.ProviderBytes }
func cpu(s Sample) float64            { return s.CPUMicros }
func p50(s Sample) float64            { return s.P50Micros }

// Added returns how much more of a field an arm has than the plain one, by medians.
func (r *Report) Added(arm string, field func(Sample) float64) float64 {
	return MedianOf(r.column(arm, field)).Median - MedianOf(r.column(Plain, field)).Median
}

// Ratio returns the median over the rounds of an arm's value over the plain one's
// in the same round.
func (r *Report) Ratio(arm string, field func(Sample) float64) Interval {
	return MedianOf(ratios(r.column(arm, field), r.column(Plain, field)))
}

// slack is how far above the noise a ratio may lie.
const slack = 0.03

// judge compares a ratio with the noise of the same measurement.
func (r *Report) judge(arm, what string, field func(Sample) float64) (verdict string, ok bool) {
	got, noise := r.Ratio(arm, field), r.Ratio(Again, field)
	limit := noise.High + slack
	ok = got.Median <= limit
	word := "within"
	if !ok {
		word = "ABOVE"
	}
	return fmt.Sprintf("%s, %s: ratio %.3f, %s the limit %.3f (%s: %.3f [%.3f, %.3f], plus %.2f)",
		arm, what, got.Median, word, limit, Again, noise.Median, noise.Low, noise.High, slack), ok
}

// Table renders the report as Markdown.
func (r *Report) Table() string {
	var b strings.Builder
	fmt.Fprintf(&b, "| arm | caller: allocations | added | provider: allocations | added | bytes added, both | CPU time ratio | p50 ratio |\n|---|---|---|---|---|---|---|---|\n")
	for _, arm := range r.Arms {
		c, p := MedianOf(r.column(arm, callerAllocs)), MedianOf(r.column(arm, providerAllocs))
		fmt.Fprintf(&b, "| %s | %.1f | %+.1f | %.1f | %+.1f | %+.0f | %s | %s |\n", arm,
			c.Median, r.Added(arm, callerAllocs), p.Median, r.Added(arm, providerAllocs),
			r.Added(arm, callerBytes)+r.Added(arm, providerBytes), r.ratioCell(arm, cpu), r.ratioCell(arm, p50))
	}
	return b.String()
}

func (r *Report) ratioCell(arm string, field func(Sample) float64) string {
	if arm == Plain {
		return fmt.Sprintf("1 (%.0f µs)", MedianOf(r.column(arm, field)).Median)
	}
	i := r.Ratio(arm, field)
	return fmt.Sprintf("%.2f [%.2f, %.2f]", i.Median, i.Low, i.High)
}
