package nacoswire

import (
	"context"
	"slices"
	"sync"
	"time"
)

// Request is a unary request as a control function sees it.
type Request struct {
	// Type is the protocol's name of the request, such as InstanceRequest.
	Type string
	// Conn is the connection that it came on.
	Conn Conn
	// Body is the JSON of the request. It must not be changed.
	Body []byte
}

// ControlFunc decides on a request before the server does.
type ControlFunc func(Request) (handled bool, err error)

// faults holds what a test has asked to go wrong. The empty request type stands for all types.
type faults struct {
	mu       sync.Mutex
	stall    map[string]time.Duration
	stallEnd chan struct{} // closed when a stall is changed, so that waiting answers look again
	fail     map[string]int
	controls map[string]ControlFunc
	lose     int // pushes still to be lost; negative: all
	exclude  []func(Conn) bool
	hold     func(Conn) bool // whose pushes wait; nil: nobody's
}

func newFaults() *faults {
	return &faults{
		stall: map[string]time.Duration{}, stallEnd: make(chan struct{}), fail: map[string]int{},
		controls: map[string]ControlFunc{},
	}
}

func (f *faults) setStall(typ string, d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if d > 0 {
		f.stall[typ] = d
	} else {
		delete(f.stall, typ)
	}
	close(f.stallEnd)
	f.stallEnd = make(chan struct{})
}

func (f *faults) stallOf(typ string) (time.Duration, <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return max(f.stall[typ], f.stall[""]), f.stallEnd
}

// stalled holds an answer back for as long as the test wants, at most until the call or the server ends.
func (f *faults) stalled(call, server context.Context, typ string) error {
	begin := time.Now()
	for {
		d, changed := f.stallOf(typ)
		rest := d - time.Since(begin)
		if rest <= 0 {
			return nil
		}
		timer := time.NewTimer(rest)
		select {
		case <-timer.C:
			return nil
		case <-changed:
			timer.Stop()
		case <-call.Done():
			timer.Stop()
			return call.Err()
		case <-server.Done():
			timer.Stop()
			return server.Err()
		}
	}
}

func (f *faults) setFail(typ string, n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fail[typ] = n
}

func (f *faults) failing(typ string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, key := range []string{typ, ""} {
		if f.fail[key] > 0 {
			f.fail[key]--
			return true
		}
	}
	return false
}

func (f *faults) setControl(typ string, fn ControlFunc) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if fn == nil {
		delete(f.controls, typ)
		return
	}
	f.controls[typ] = fn
}

func (f *faults) control(typ string) ControlFunc {
	f.mu.Lock()
	defer f.mu.Unlock()
	if fn, ok := f.controls[typ]; ok {
		return fn
	}
	return f.controls[""]
}

func (f *faults) setLose(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lose = n
}

// losePush reports whether the push at hand is to be lost.
func (f *faults) losePush() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.lose > 0 {
		f.lose--
		return true
	}
	return f.lose < 0
}

func (f *faults) addExclusion(match func(Conn) bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.exclude = append(f.exclude, match)
}

func (f *faults) clearExclusions() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.exclude = nil
}

func (f *faults) exclusions() []func(Conn) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.exclude)
}

func (f *faults) setHold(match func(Conn) bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.hold = match
}

func (f *faults) holding() func(Conn) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.hold
}
