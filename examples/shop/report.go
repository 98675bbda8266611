package main

import (
	"fmt"
	"maps"
	"slices"

	"github.com/bluegreen-go/bluegreen/examples/shop/internal/tally"
)

// verdictLines is the verdict for people.
func verdictLines(v tally.Verdict) []string {
	lines := []string{"", "step                                  channel   wanted blue   measured       interval        roots"}
	for _, s := range v.Samples {
		lines = append(lines, fmt.Sprintf("%-37s %-9s %8.1f %%  %8.2f %%  %6.2f … %6.2f %%  %7d",
			s.Step, s.Channel, 100*s.WantBlue(), 100*s.PartBlue(), 100*s.Low, 100*s.High, s.Roots))
	}
	lines = append(lines, "",
		fmt.Sprintf("roots                     %d, %d calls behind them, in %.0f s", v.Roots, v.Calls, v.Seconds),
		fmt.Sprintf("calls without the SDK     %d", v.PlainCalls),
		fmt.Sprintf("failed requests           %d", v.Failed),
		fmt.Sprintf("crossings                 %d (in the abort window %d, entered without the SDK %d)", v.Crossings.Outside, v.Crossings.Abort, v.Crossings.Plain),
		fmt.Sprintf("calls on drained          %d, under %d certificates", v.OnDrained, v.Certificates),
		fmt.Sprintf("registry writes           %d of %d records for %d rule changes; without a change: %d", v.Writes.Writes, v.Writes.Records, v.Writes.Changes, len(v.Writes.Extra)),
	)
	for _, version := range slices.Sorted(maps.Keys(v.Wrong)) {
		lines = append(lines, fmt.Sprintf("wrong totals of %-9s %d, after the abort %d", version, v.Wrong[version], v.WrongLate))
	}
	for _, e := range v.Errors {
		lines = append(lines, "  "+clip(e, 600))
	}
	lines = append(lines, "")
	if v.OK {
		return append(lines, bold+greenText+"The release kept its promises."+plainText)
	}
	lines = append(lines, bold+redText+"The release did NOT keep its promises:"+plainText)
	for _, f := range v.Failures {
		lines = append(lines, "  "+f)
	}
	return lines
}
