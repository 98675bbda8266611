package tally

import (
	"time"

	"github.com/bluegreen-go/bluegreen/sdk"
)

// Span is a stretch of time; an End of zero is open.
type Span struct{ Begin, End time.Time }

// Holds reports whether t is within the span.
func (s Span) Holds(t time.Time) bool {
	return !t.Before(s.Begin) && (s.End.IsZero() || t.Before(s.End))
}

// Before reports whether the span had ended by t.
func (s Span) Before(t time.Time) bool { return !s.End.IsZero() && !t.Before(s.End) }

// side is one colour of one channel.
type side struct {
	channel string
	color   sdk.Color
}

// drains remembers since when and until when each side was certified as drained.
type drains map[side][]Span

func (d drains) begin(s side, t time.Time) { d[s] = append(d[s], Span{Begin: t}) }

func (d drains) end(s side, t time.Time) {
	if n := len(d[s]); n > 0 && d[s][n-1].End.IsZero() {
		d[s][n-1].End = t
	}
}

// holds reports whether the side was certified as drained at the time.
func (d drains) holds(s side, t time.Time) bool {
	for _, span := range d[s] {
		if span.Holds(t) {
			return true
		}
	}
	return false
}

// at returns the colours that are drained at the time, by channel.
func (d drains) at(t time.Time) map[string]sdk.Live {
	out := map[string]sdk.Live{}
	for s := range d {
		if d.holds(s, t) {
			out[s.channel] |= sdk.LiveOf(s.color)
		}
	}
	return out
}
