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
		{"born and left alone", at(1), at(2, 3), 0},
		{"one write for each change", at(1, 2.1, 3.1), at(2, 3), 0},
		{"a late write meets the next one", at(1, 3.05, 3.1), at(2, 3), 0},
		{"two writes for one change", at(1, 2.1, 2.2), at(2), 1},
		{"a write without any change", at(1, 5), nil, 1},
		{"changes are not saved up", at(1, 9, 9.1, 9.2), at(2, 3, 4, 5, 6), 1},
		{"what was published at birth may still be followed", at(1, 1.5), at(0.9), 0},
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
