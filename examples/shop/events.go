package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"sync"
	"time"

	"github.com/bluegreen-go/bluegreen/examples/shop/internal/tally"
)

// eventMark begins the lines of a child's standard output that are for the parent; dubbo-go writes there too.
const eventMark = "@shop "

// event is something that a child tells the parent.
type event struct {
	Ready     bool             `json:"ready,omitempty"`
	Received  []int64          `json:"received,omitempty"`  // when calls came in, Unix microseconds
	Crossings map[string]int64 `json:"crossings,omitempty"` // as the SDK counts them in this process, by reason
	Writes    []int64          `json:"writes,omitempty"`    // when this process wrote its registry records
	Plain     *plainCall       `json:"plain,omitempty"`
}

// plainCall is the outcome of a call by the caller without the SDK.
type plainCall struct {
	Tree *tally.Node `json:"tree,omitempty"`
	Err  string      `json:"err,omitempty"`
}

// reporter sends events to the parent. Its methods may be called concurrently.
type reporter struct {
	mu       sync.Mutex
	received []int64
	enc      *json.Encoder
	buf      bytes.Buffer
	out      io.Writer
}

func newReporter() *reporter {
	r := &reporter{out: os.Stdout}
	r.enc = json.NewEncoder(&r.buf)
	return r
}

// send writes one event as one line. A parent that does not listen any more is no error: the child is about to end.
func (r *reporter) send(e event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.buf.Reset()
	r.buf.WriteString(eventMark)
	if err := r.enc.Encode(e); err == nil {
		_, _ = r.out.Write(r.buf.Bytes())
	}
}

// receive notes a call that came in.
func (r *reporter) receive() {
	now := time.Now().UnixMicro()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.received = append(r.received, now)
}

// run sends what was received, every 100 ms and at the end; more may add to it.
func (r *reporter) run(ctx context.Context, more func(*event)) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		ended := false
		select {
		case <-ctx.Done():
			ended = true
		case <-tick.C:
		}
		var e event
		r.mu.Lock()
		e.Received, r.received = r.received, nil
		r.mu.Unlock()
		if more != nil {
			more(&e)
		}
		if e.Received != nil || e.Crossings != nil || e.Writes != nil {
			r.send(e)
		}
		if ended {
			return
		}
	}
}

// parseEvent reads a line of a child's output; false if it is something else.
func parseEvent(line []byte) (e event, ok bool) {
	rest, found := bytes.CutPrefix(line, []byte(eventMark))
	if !found {
		return event{}, false
	}
	return e, json.Unmarshal(rest, &e) == nil
}
