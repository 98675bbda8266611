package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/bluegreen-go/bluegreen/examples/shop/internal/tally"
	"github.com/bluegreen-go/bluegreen/sdk"
)

// Terminal colours.
const (
	plainText = "\x1b[0m"
	bold      = "\x1b[1m"
	dim       = "\x1b[2m"
	blueText  = "\x1b[94m"
	greenText = "\x1b[92m"
	redText   = "\x1b[91m"
)

// barWidth is the width of a share's bar.
const barWidth = 40

// board is one frame of the live view, as a value.
type board struct {
	where  string
	took   time.Duration
	steps  []step
	now    int
	inStep time.Duration
	live   tally.Live
	procs  []row
	events []string
}

// row is one service of the process board.
type row struct {
	service string
	channel string
	cells   map[sdk.Color][]cell
}

// cell is one process.
type cell struct {
	version string
	rate    float64 // calls a second
	ready   bool
}

// render returns the frame's lines.
func (b board) render() []string {
	lines := []string{
		fmt.Sprintf("%sA blue-green release%s  %s  %s%s%s", bold, plainText, clock(b.took), dim, b.where, plainText), "",
	}
	lines = append(lines, b.timeline()...)
	lines = append(lines, "", fmt.Sprintf("%s%-8s %8s  %-*s  %9s  %s%s", dim, "channel", "wanted", barWidth, "the last requests", "blue", "in this step", plainText))
	for _, channel := range []string{shop, finance} {
		lines = append(lines, b.share(channel))
	}
	lines = append(lines, "", fmt.Sprintf("%s%-13s %-24s %s%s", dim, "service", "blue, calls a second", "green", plainText))
	for _, r := range b.procs {
		lines = append(lines, r.render(b.live.Drained[r.channel]))
	}
	lines = append(lines, "", summary(b.live), crossings(b.live), "")
	for i := range keptEvents {
		text := ""
		if i < len(b.events) {
			text = dim + clip(b.events[i], 118) + plainText
		}
		lines = append(lines, text)
	}
	return lines
}

// timeline shows the steps around the present one.
func (b board) timeline() []string {
	const around = 2
	first := min(max(0, b.now-1-around), max(0, len(b.steps)-2*around-1))
	var lines []string
	for i := first; i < min(len(b.steps), first+2*around+1); i++ {
		n := fmt.Sprintf("%2d/%d", i+1, len(b.steps))
		switch {
		case i+1 < b.now:
			lines = append(lines, fmt.Sprintf("%s  ✓ %s  %s%s", dim, n, b.steps[i], plainText))
		case i+1 == b.now:
			lines = append(lines, fmt.Sprintf("%s  ▶ %s  %s%s  %s", bold, n, b.steps[i], plainText, clock(b.inStep)))
		default:
			lines = append(lines, fmt.Sprintf("%s    %s  %s%s", dim, n, b.steps[i], plainText))
		}
	}
	return lines
}

// share shows the split of a channel: the bar is what the last requests did.
func (b board) share(channel string) string {
	part, measured := b.live.Blue[channel]
	want, count := "", ""
	if s, ok := b.live.Step[channel]; ok {
		want = fmt.Sprintf("%d:%d", s.Want.Blue, s.Want.Green)
		count = fmt.Sprintf("%5.1f %% of %d roots", 100*s.Blue, s.Roots)
	}
	bar, percent := strings.Repeat("·", barWidth), ""
	if measured {
		n := int(part*barWidth + 0.5)
		if part > 0 {
			n = max(n, 1)
		}
		bar = blueText + strings.Repeat("█", n) + greenText + strings.Repeat("█", barWidth-n) + plainText
		percent = fmt.Sprintf("%5.1f %%", 100*part)
	}
	return fmt.Sprintf("%-8s %8s  %s  %9s  %s", channel, want, bar, percent, count)
}

// render shows a service; drained are the colours that have a certificate.
func (r row) render(drained sdk.Live) string {
	if cells := r.cells[sdk.Neutral]; len(cells) > 0 {
		return fmt.Sprintf("%-13s %s", r.service, renderCells(cells, plainText, false))
	}
	return fmt.Sprintf("%-13s %s %s", r.service, renderCells(r.cells[sdk.Blue], blueText, drained.Has(sdk.Blue)),
		renderCells(r.cells[sdk.Green], greenText, drained.Has(sdk.Green)))
}

// renderCells shows the processes of a colour of a service, dimmed where nobody calls them.
func renderCells(cells []cell, color string, drained bool) string {
	var b strings.Builder
	for i := range perColor {
		text, paint := "-", dim
		if i < len(cells) {
			c := cells[i]
			switch {
			case !c.ready:
				text = c.version + " start"
			case drained && c.rate == 0:
				text = c.version + " drained"
			default:
				text = fmt.Sprintf("%s %5.0f", c.version, c.rate)
			}
			if c.rate > 0 {
				paint = color
			}
		}
		fmt.Fprintf(&b, "%s%-11s%s ", paint, text, plainText)
	}
	return b.String()
}

// summary is the run so far in a line.
func summary(l tally.Live) string {
	return fmt.Sprintf("%d roots, %d calls · failed %d · crossed %d (abort %d, without the SDK %d) · calls on drained %d · wrong totals %d",
		l.Roots, l.Calls, l.Failed, l.Crossings.Outside, l.Crossings.Abort, l.Crossings.Plain, l.OnDrained, l.Wrong)
}

// shares is the open samples in a line.
func shares(l tally.Live) (s string) {
	for _, channel := range slices.Sorted(maps.Keys(l.Step)) {
		st := l.Step[channel]
		s += fmt.Sprintf(" · %s %d:%d → %.1f %% blue", channel, st.Want.Blue, st.Want.Green, 100*st.Blue)
	}
	return s
}

// crossings lists the calls that left their colour, as the SDK counts them.
func crossings(l tally.Live) string {
	var parts []string
	for _, reason := range slices.Sorted(maps.Keys(l.Reasons)) {
		parts = append(parts, fmt.Sprintf("%s %d", reason, l.Reasons[reason]))
	}
	if len(parts) == 0 {
		parts = append(parts, "none")
	}
	return "calls that left their colour, as the SDK counts them: " + strings.Join(parts, ", ")
}

// String is the step in a line.
func (s step) String() string {
	if s.share == (sdk.PerColor[int]{}) {
		return s.title
	}
	return fmt.Sprintf("%s: blue %d, green %d", s.title, s.share.Blue, s.share.Green)
}

func clock(d time.Duration) string {
	return fmt.Sprintf("%d:%02d", int(d.Minutes()), int(d.Seconds())%60)
}

// clip shortens a text to n characters.
func clip(text string, n int) string {
	if r := []rune(text); len(r) > n {
		return string(r[:n-1]) + "…"
	}
	return text
}
