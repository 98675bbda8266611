package tally

import (
	"testing"
	"time"
)

func TestJudgeWrites(t *testing.T) {
	base := time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)
	at := func(seconds ...float64) (times []time.Time) {
		for _, s := range seconds {
			times = append(times, base.Add(time.Duration(s*float64(time.Second))))
		}
		return times
	}
	for _, c := range []struct {
		name    string
		writes  []time.Time
		changes []time.Time
		extra   int
	}{
		{"born and left alone", at(1), at(20, 30), 0},
		{"one write for each change", at(1, 20.1, 30.1), at(20, 30), 0},
		{"a late write meets the next one", at(1, 30.05, 30.1), at(20, 30), 0},
		{"two writes for one change", at(1, 20.1, 20.2), at(20), 1},
		{"a write without any change", at(1, 50), nil, 1},
		{"changes are not saved up", at(1, 90, 91, 92), at(20, 30, 40, 50, 60), 1},
		{"born closed, then as the rules say", at(1, 1.5), at(0.9), 0},
		{"born twice", at(1, 1.5, 2), at(0.9), 1},
		{"a change before the birth is none", at(11, 30), at(1), 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			var writes []Write
			for _, w := range c.writes {
				writes = append(writes, Write{At: w, Record: "r"})
			}
			r := JudgeWrites(writes, c.changes)
			if got := extraWrites(c.writes, c.changes); got != c.extra || (len(r.Extra) > 0) != (c.extra > 0) {
				t.Errorf("extra writes: %d (%v), want %d", got, r.Extra, c.extra)
			}
			if r.Records != 1 || r.Writes != len(c.writes)-1 || r.Changes != len(c.changes) {
				t.Errorf("counted %+v", r)
			}
		})
	}
}
