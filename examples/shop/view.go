package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/bluegreen-go/bluegreen/control/store"
	"github.com/bluegreen-go/bluegreen/examples/shop/internal/tally"
)

// redrawEvery is how often a terminal is redrawn.
const redrawEvery = 250 * time.Millisecond

// keptEvents is how many events of the operator are on the screen.
const keptEvents = 4

// A line that is too long for the terminal must not become two, or the next frame would not cover the last one.
const (
	wrapOff = "\x1b[?7l"
	wrapOn  = "\x1b[?7h"
)

// view shows the run: a screen that is redrawn in place on a terminal, else one line for each thing that happens.
type view struct {
	out   io.Writer
	demo  *demo
	live  bool // redraw in place
	end   chan struct{}
	ended sync.WaitGroup

	mu     sync.Mutex
	where  string
	began  time.Time
	steps  []step
	now    int       // the present step, from 1; 0: preparing
	since  time.Time // when it began
	events []string
	height int // lines of the last frame
	rates  rates
}

func newView(out *os.File, d *demo, verbose bool) *view {
	info, err := out.Stat()
	terminal := err == nil && info.Mode()&os.ModeCharDevice != 0 && os.Getenv("TERM") != "dumb"
	return &view{out: out, demo: d, live: terminal && !verbose, end: make(chan struct{})}
}

// start begins to show a run.
func (v *view) start(where string, steps []step) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.where, v.steps, v.began, v.since = where, steps, time.Now(), time.Now()
	if !v.live {
		v.line("%s", where)
		v.line("starting the shop")
		return
	}
	_, _ = io.WriteString(v.out, wrapOff)
	v.ended.Go(func() {
		tick := time.NewTicker(redrawEvery)
		defer tick.Stop()
		for {
			select {
			case <-v.end:
				v.draw()
				_, _ = io.WriteString(v.out, wrapOn)
				return
			case <-tick.C:
				v.draw()
			}
		}
	})
}

// close ends the redrawing; the last frame stays.
func (v *view) close() {
	close(v.end)
	v.ended.Wait()
}

// step shows that a step begins.
func (v *view) step(n, of int, s step) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if !v.live {
		if n > 1 {
			live := v.demo.collect.Live()
			v.line("       %s%s", summary(live), shares(live))
		}
		v.line("%2d/%d  %s", n, of, s)
	}
	v.now, v.since = n, time.Now()
}

// event shows what the operator's tool says.
func (v *view) event(e store.Event) {
	v.mu.Lock()
	defer v.mu.Unlock()
	text := e.String()
	if !v.live {
		if _, waiting := e.(store.Waiting); !waiting || v.demo.fleet.base.Verbose {
			v.line("       %s", text)
		}
		return
	}
	v.events = append(v.events, fmt.Sprintf("%5.1f s  %s", time.Since(v.began).Seconds(), text))
	v.events = v.events[max(0, len(v.events)-keptEvents):]
}

func (v *view) line(format string, args ...any) {
	fmt.Fprintf(v.out, "%6.1f s  "+format+"\n", append([]any{time.Since(v.began).Seconds()}, args...)...)
}

// draw replaces the last frame by a new one.
func (v *view) draw() {
	v.mu.Lock()
	defer v.mu.Unlock()
	procs := v.demo.fleet.list()
	frame := board{
		where: v.where, took: time.Since(v.began), steps: v.steps, now: v.now, inStep: time.Since(v.since),
		live: v.demo.collect.Live(), events: v.events, procs: v.rates.rows(procs, time.Now()),
	}.render()
	var b strings.Builder
	if v.height > 0 {
		fmt.Fprintf(&b, "\x1b[%dA", v.height)
	}
	for _, l := range frame {
		b.WriteString(l + "\x1b[K\n")
	}
	b.WriteString("\x1b[J")
	v.height = len(frame)
	_, _ = io.WriteString(v.out, b.String())
}

// verdict shows how it ended.
func (v *view) verdict(verdict tally.Verdict) {
	for _, l := range verdictLines(verdict) {
		fmt.Fprintln(v.out, l)
	}
}
