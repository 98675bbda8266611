package tally

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Write is one write of a registry record by its owner.
type Write struct {
	At     time.Time
	Record string // what identifies the record in one life of its process
	Note   string // what was written, for people
}

// WriteReport says how gentle the release was to the registry.
type WriteReport struct {
	Records int      `json:"records"`
	Writes  int      `json:"writes"`  // without each record's first
	Changes int      `json:"changes"` // rule documents published
	Extra   []string `json:"extra"`   // records that were written more often than the rules changed
}

// JudgeWrites checks that no record was written more than once per rule change. A write may come late, when the next
// change is out already: a record may save up one change, not more.
func JudgeWrites(writes []Write, changes []time.Time) WriteReport {
	r := WriteReport{Changes: len(changes)}
	byRecord := map[string][]time.Time{}
	for _, w := range writes {
		byRecord[w.Record] = append(byRecord[w.Record], w.At)
	}
	r.Records = len(byRecord)
	changes = slices.SortedFunc(slices.Values(changes), time.Time.Compare)
	for record, times := range byRecord {
		slices.SortFunc(times, time.Time.Compare)
		r.Writes += len(times) - 1
		if n := extraWrites(times, changes); n > 0 {
			r.Extra = append(r.Extra, fmt.Sprintf("%s: %d of %d writes without a change:%s", record, n, len(times), story(record, writes)))
		}
	}
	slices.Sort(r.Extra)
	return r
}

// bornWithin is how long after its first write a record may still be taken from closed, as every process is born, to what
// the rules say.
const bornWithin = 10 * time.Second

// extraWrites counts the writes after the first that no change accounts for.
func extraWrites(times, changes []time.Time) (extra int) {
	const save = 2
	credit, next, born := 0, 0, true
	for next < len(changes) && !changes[next].After(times[0]) {
		next++
	}
	for _, t := range times[1:] {
		for next < len(changes) && !changes[next].After(t) {
			next, credit = next+1, min(credit+1, save)
		}
		switch {
		case credit > 0:
			credit--
		case born && t.Sub(times[0]) < bornWithin:
			born = false
		default:
			extra++
		}
	}
	return extra
}

// story lists what was written to a record, and when.
func story(record string, writes []Write) string {
	var b strings.Builder
	for _, w := range writes {
		if w.Record == record {
			fmt.Fprintf(&b, " [%s %s]", w.At.Format("15:04:05.000"), w.Note)
		}
	}
	return b.String()
}
