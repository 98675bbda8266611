package main

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/bluegreen-go/bluegreen/examples/shop/internal/tally"
	"github.com/bluegreen-go/bluegreen/sdk"
)

var escapes = regexp.MustCompile("\x1b\\[[0-9;]*m")

// TestBoard: a frame says what matters, and always has the same number of lines.
func TestBoard(t *testing.T) {
	b := board{
		where: "here", took: 75 * time.Second, steps: release(), now: 4,
		live: tally.Live{
			Roots: 1234, Failed: 1, OnDrained: 2, Crossings: tally.Crossings{Outside: 3},
			Blue:    map[string]float64{shop: 0.25},
			Step:    map[string]tally.StepLive{shop: {Step: "x", Want: split(20, 80), Roots: 777, Blue: 0.21}},
			Reasons: map[string]int64{"corrected": 9},
			Drained: map[string]sdk.Live{shop: sdk.LiveOf(sdk.Blue)},
		},
		procs: []row{{service: "order", channel: shop, cells: map[sdk.Color][]cell{
			sdk.Blue: {{"2.0", 0, true}, {"2.0", 0, false}}, sdk.Green: {{"1.0", 55, true}},
		}}},
	}
	lines := b.render()
	text := escapes.ReplaceAllString(strings.Join(lines, "\n"), "")
	for _, want := range []string{
		"1:15", "here", "▶  4/21  close blue", "✓  3/21", "20:80", "25.0 %", "21.0 % of 777 roots",
		strings.Repeat("█", barWidth), "2.0 drained", "2.0 start", "1.0    55", "1234 roots", "failed 1",
		"crossed 3", "calls on drained 2", "corrected 9",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the frame lacks %q:\n%s", want, text)
		}
	}
	b.events, b.now = []string{"a", "b"}, len(b.steps)
	if got := len(b.render()); got != len(lines) {
		t.Errorf("a later frame has %d lines, want %d as before", got, len(lines))
	}
}

// TestParseEvent: lines of dubbo-go are not for the parent, events are.
func TestParseEvent(t *testing.T) {
	if _, ok := parseEvent([]byte("2026-11-21 INFO something\n")); ok {
		t.Error("a log line passed for an event")
	}
	if _, ok := parseEvent([]byte(eventMark + "{\n")); ok {
		t.Error("half an event passed")
	}
	e, ok := parseEvent([]byte(eventMark + `{"ready":true,"received":[5,6]}` + "\n"))
	if !ok || !e.Ready || len(e.Received) != 2 {
		t.Errorf("got %+v, %v", e, ok)
	}
}
