package tally

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// Crossings counts requests that both colours of a channel served.
type Crossings struct {
	Outside int `json:"outside"` // not to be excused
	Abort   int `json:"abort"`   // within AbortWindow of an abort
	Plain   int `json:"plain"`   // from the caller that does not use the SDK
}

// Verdict is what the run showed.
type Verdict struct {
	OK           bool             `json:"ok"`
	Failures     []string         `json:"failures"`
	Roots        int              `json:"roots"`
	PlainCalls   int              `json:"plainCalls"`
	Calls        int              `json:"calls"` // received by the services, all in all
	Failed       int              `json:"failed"`
	Crossings    Crossings        `json:"crossings"`
	Reasons      map[string]int64 `json:"reasons"` // crossings as the SDK counts them, call by call
	OnDrained    int              `json:"callsOnDrained"`
	Certificates int              `json:"certificates"`
	Aborts       int              `json:"aborts"`
	Wrong        map[string]int   `json:"wrongTotals"` // by version
	WrongLate    int              `json:"wrongAfterAbort"`
	Samples      []*Sample        `json:"samples"`
	Writes       WriteReport      `json:"registryWrites"`
	Errors       []string         `json:"errors"` // the first ones, in words
	Seconds      float64          `json:"seconds"`
}

// Expect is what a complete run of the release must have done.
type Expect struct {
	Certificates int
	Aborts       int
	Steps        int    // samples
	Faulty       string // the version that must have shown wrong totals, and only it
}

// Verdict judges the run. Writes are all writes of registry records; finished says whether the release came to its end,
// and why not.
func (c *Collector) Verdict(expect Expect, writes []Write, took time.Duration, finished error) Verdict {
	c.mu.Lock()
	defer c.mu.Unlock()
	v := c.v
	v.Wrong, v.Reasons = maps.Clone(v.Wrong), maps.Clone(v.Reasons)
	v.Samples = slices.Clone(v.Samples)
	v.Seconds = took.Seconds()
	v.Writes = JudgeWrites(writes, c.changes)
	v.Failures = v.failures(expect, finished)
	v.OK = len(v.Failures) == 0
	return v
}

func (v *Verdict) failures(expect Expect, finished error) (out []string) {
	fail := func(bad bool, format string, args ...any) {
		if bad {
			out = append(out, fmt.Sprintf(format, args...))
		}
	}
	fail(finished != nil, "the release did not finish: %v", finished)
	fail(v.Failed > 0, "%d requests failed", v.Failed)
	fail(v.Crossings.Outside > 0, "%d requests crossed outside the abort window", v.Crossings.Outside)
	fail(v.OnDrained > 0, "%d calls reached a drained process", v.OnDrained)
	fail(len(v.Samples) != expect.Steps, "%d shares were measured, want %d", len(v.Samples), expect.Steps)
	fail(v.Certificates != expect.Certificates, "%d certificates, want %d", v.Certificates, expect.Certificates)
	fail(v.Aborts != expect.Aborts, "%d aborts, want %d", v.Aborts, expect.Aborts)
	fail(v.PlainCalls == 0, "the caller without the SDK made no call")
	fail(v.Calls == 0, "no process reported a call")
	fail(v.Writes.Records == 0, "no registry write was seen")
	fail(len(v.Writes.Extra) > 0, "registry records were written without a rule change: %v", v.Writes.Extra)
	fail(v.WrongLate > 0, "%d orders had a wrong total after the abort", v.WrongLate)
	fail(v.Wrong[expect.Faulty] == 0, "the fault of version %s did not show", expect.Faulty)
	for version, n := range v.Wrong {
		fail(version != expect.Faulty, "%d orders of version %s had a wrong total", n, version)
	}
	return append(out, judgeSamples(v.Samples)...)
}
