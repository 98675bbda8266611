package tally

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/bluegreen-go/bluegreen/sdk"
)

const testPrice = 42

var testExpect = Expect{Certificates: 1, Aborts: 1, Steps: 1, Faulty: "2"}

// run is a run that goes well; the tests spoil it in one way each.
type run struct {
	*Collector
	writes []Write
	ended  error
}

// goodRun is a release of one step, 1:1, with one abort and one certificate.
func goodRun() *run {
	r := &run{Collector: NewCollector(testChannels, testPrice)}
	r.Watch("shop", true)
	r.Published(time.Now())
	r.writes = []Write{{At: time.Now(), Record: "order"}}
	r.End(r.Begin(true), node("order", sdk.Blue), nil)
	wrong := node("order", sdk.Blue)
	wrong.Version, wrong.Total = "2", 1
	r.End(r.Begin(false), wrong, nil)
	r.OpenStep("step", "shop", sdk.PerColor[int]{Blue: 1, Green: 1})
	r.roots(MinRoots)
	r.CloseStep("shop")
	r.Received("order", sdk.Blue, []time.Time{time.Now()})
	r.Aborting(time.Now().Add(-time.Minute))
	r.Aborted(time.Now().Add(-time.Minute))
	r.Aborted(time.Now().Add(time.Hour)) // nothing new
	r.Certified("shop", sdk.Blue, time.Now())
	return r
}

// roots sends n requests, every other one on blue.
func (r *run) roots(n int) {
	for i := range n {
		color := sdk.Colors[i%2]
		r.End(r.Begin(false), node("order", color, node("payment", color)), nil)
	}
}

func (r *run) verdict() Verdict { return r.Verdict(testExpect, r.writes, time.Second, r.ended) }

func TestVerdict(t *testing.T) {
	crossing := node("order", sdk.Blue, node("payment", sdk.Green))
	for _, c := range []struct {
		name  string
		spoil func(*run)
		want  string // part of a failure; "": none
	}{
		{"good", func(*run) {}, ""},
		{"failed request", func(r *run) { r.End(r.Begin(false), nil, errors.New("refused")) }, "1 requests failed"},
		{"failed call without the SDK", func(r *run) { r.End(r.Begin(true), nil, errors.New("refused")) }, "1 requests failed"},
		{"crossing", func(r *run) { r.End(r.Begin(false), crossing, nil) }, "1 requests crossed"},
		{"crossing in the abort window", func(r *run) { r.aborts[0].End = time.Now().Add(time.Hour); r.End(r.Begin(false), crossing, nil) }, ""},
		{"crossing without the SDK", func(r *run) { r.End(r.Begin(true), crossing, nil) }, ""},
		{"crossing before the channel is active", func(r *run) { r.Watch("shop", false); r.End(r.Begin(false), crossing, nil) }, ""},
		{"call on a drained process", func(r *run) { r.Received("payment", sdk.Blue, []time.Time{time.Now()}) }, "1 calls reached a drained"},
		{"call on the other colour", func(r *run) { r.Received("payment", sdk.Green, []time.Time{time.Now()}) }, ""},
		{"call after the colour was opened again", func(r *run) {
			r.Reopened("shop", sdk.Blue, time.Now())
			r.Received("payment", sdk.Blue, []time.Time{time.Now().Add(time.Second)})
		}, ""},
		{"call before the certificate, told later", func(r *run) { r.Received("order", sdk.Blue, []time.Time{time.Now().Add(-time.Hour)}) }, ""},
		{"share missed", func(r *run) { r.OpenStep("odd", "shop", sdk.PerColor[int]{Blue: 1, Green: 3}); r.roots(MinRoots) }, "blue got 50.00 %"},
		{"a root on a colour with share 0", func(r *run) { r.OpenStep("odd", "shop", sdk.PerColor[int]{Green: 1}); r.roots(MinRoots) }, "want 0.00 %"},
		{"small sample", func(r *run) { r.OpenStep("odd", "shop", sdk.PerColor[int]{Blue: 1, Green: 1}); r.roots(MinRoots - 1) }, "roots, want at least 2000"},
		{"empty sample", func(r *run) { r.OpenStep("odd", "finance", sdk.PerColor[int]{Green: 1}) }, "0 roots, want at least 2000"},
		{"a share not measured", func(r *run) { r.v.Samples = nil }, "0 shares were measured, want 1"},
		{"no certificate", func(r *run) { r.v.Certificates = 0 }, "0 certificates, want 1"},
		{"no abort", func(r *run) { r.v.Aborts = 0 }, "0 aborts, want 1"},
		{"the fault did not show", func(r *run) { r.v.Wrong = nil }, "the fault of version 2 did not show"},
		{"a wrong total after the abort", func(r *run) {
			wrong := node("order", sdk.Blue)
			wrong.Version, wrong.Total = "2", 1
			r.End(r.Begin(false), wrong, nil)
		}, "after the abort"},
		{"a wrong total after the abort, without the SDK", func(r *run) {
			wrong := node("order", sdk.Blue)
			wrong.Version, wrong.Total = "2", 1
			r.End(r.Begin(true), wrong, nil)
		}, ""},
		{"a crossing while the abort is being published", func(r *run) {
			r.Aborting(time.Now())
			r.v.Aborts--
			r.End(r.Begin(false), crossing, nil)
		}, ""},
		{"a wrong total of another version", func(r *run) { r.v.Wrong["3"] = 1 }, "1 orders of version 3"},
		{"a write too many", func(r *run) {
			for range 3 {
				r.writes = append(r.writes, Write{At: time.Now(), Record: "order"})
			}
		}, "written without a rule change"},
		{"no write seen", func(r *run) { r.writes = nil }, "no registry write"},
		{"nobody reported a call", func(r *run) { r.v.Calls = 0 }, "no process reported a call"},
		{"no call without the SDK", func(r *run) { r.v.PlainCalls = 0 }, "made no call"},
		{"not finished", func(r *run) { r.ended = errors.New("stuck") }, "did not finish: stuck"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := goodRun()
			c.spoil(r)
			v := r.verdict()
			all := strings.Join(v.Failures, "\n")
			if (c.want == "") != (all == "") || !strings.Contains(all, c.want) || v.OK != (len(v.Failures) == 0) {
				t.Errorf("ok %v, failures:\n%s\nwant %q", v.OK, all, c.want)
			}
		})
	}
}

// TestStepBoundary: a request counts for the step in which it began, and a step is over when its requests are.
func TestStepBoundary(t *testing.T) {
	c := NewCollector(testChannels, testPrice)
	c.Watch("shop", true)
	c.OpenStep("first", "shop", sdk.PerColor[int]{Blue: 1})
	slow := c.Begin(false)
	c.CloseStep("shop")
	if c.Idle() {
		t.Error("idle with a request of the closed step under way")
	}
	c.OpenStep("second", "shop", sdk.PerColor[int]{Green: 1})
	c.End(slow, node("order", sdk.Blue), nil)
	if !c.Idle() {
		t.Error("not idle after the last request of the closed step")
	}
	c.End(c.Begin(false), node("order", sdk.Green), nil)
	first, second := c.v.Samples[0], c.v.Samples[1]
	if first.Roots != 1 || first.Blue != 1 || second.Roots != 1 || second.Blue != 0 {
		t.Errorf("first %+v, second %+v, want one root each, of their own colour", first, second)
	}
	if got := c.Live(); got.Roots != 2 || got.Step["shop"].Step != "second" || got.Blue["shop"] != 0.5 {
		t.Errorf("live: %+v", got)
	}
}
