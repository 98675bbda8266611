package sim

import (
	"fmt"
	"strings"
	"sync"

	"github.com/bluegreen-go/bluegreen/sdk"
)

// node is a step of a request: a service, and the calls that it makes.
type node struct {
	service  string
	calls    []*node
	parallel bool
}

func step(service string, calls ...*node) *node { return &node{service: service, calls: calls} }

func both(n *node) *node { n.parallel = true; return n }

// allKinds: gw and chain from the gateway, fan in parallel through services
// outside, hop through a service without the SDK, plain from a caller without
// it, random whatever.
var allKinds = []string{"gw", "gw", "chain", "fan", "fan", "hop", "plain", "random", "random"}

// chain is the path that all have in common.
func chain() *node {
	return step("A", step("B"), step("C"), step("X", step("B", step("C"))))
}

// graph makes the calls of a request.
func graph(kind string, random func(int) int) *node {
	switch kind {
	case "chain":
		return step("", step("A", step("B", step("C"))))
	case "fan":
		return both(step("", step("Y", step("A", step("C"))), step("Y", step("B", step("C")))))
	case "hop":
		return step("", step("A", step("Z", step("B", step("C")))))
	case "random":
		return randomGraph("", 3, random)
	}
	return step("", chain())
}

func randomGraph(service string, depth int, random func(int) int) *node {
	n := step(service)
	n.parallel = random(2) == 0
	width := random(3)
	if service == "" {
		width = 1 + random(3)
	}
	for range width {
		if depth > 0 {
			n.calls = append(n.calls, randomGraph([]string{"A", "B", "C", "X", "Y"}[random(5)], depth-1, random))
		}
	}
	return n
}

// chainFrom is what a consumer or job of a service does.
func chainFrom(service string, p *process) *node {
	switch service {
	case "A":
		n := step("", step("B"), step("X", step("B", step("C"))), step("C"))
		n.parallel = p.random("graph", 2) == 0
		return n
	case "B":
		return step("", step("C"), step("X", step("C")))
	}
	return step("", step("B"), step("A"))
}

// request is one request on its way, over all its attempts and orphans.
type request struct {
	w               *world
	id              uint64
	kind            string
	root            *node
	retriesTimeouts bool

	mu    sync.Mutex
	seen  sdk.PerColor[string] // the first process of each colour that received it
	lines []string
	bad   bool // crossed
	empty bool // a colour had no instance: it may cross
}

func (w *world) request(kind string, root *node) *request {
	w.mu.Lock()
	w.requests++
	rq := &request{w: w, id: w.cfg.seed<<24 + w.requests, kind: kind, root: root, retriesTimeouts: w.rng.IntN(2) == 0}
	w.mu.Unlock()
	w.check.begun(rq)
	return rq
}

func (rq *request) log(format string, args ...any) {
	line := fmt.Sprintf("%7.1f ", rq.w.now()) + fmt.Sprintf(format, args...)
	rq.mu.Lock()
	defer rq.mu.Unlock()
	rq.lines = append(rq.lines, line)
}

func (rq *request) trace() string {
	rq.mu.Lock()
	defer rq.mu.Unlock()
	return strings.Join(rq.lines, "\n        ")
}

// received notes that a process has got the request.
func (rq *request) received(p *process, text string) {
	rq.log("%s receives %q", p.id.Boot, text)
	if !inChannel(p.id.Service) || p.dead.Load() {
		return
	}
	rq.w.check.started(rq, p)
	rq.mu.Lock()
	defer rq.mu.Unlock()
	if rq.seen.Of(p.id.Color) == "" {
		rq.seen = rq.seen.With(p.id.Color, p.id.Boot)
	}
	if !rq.bad && rq.seen.Blue != "" && rq.seen.Green != "" {
		rq.bad = true
		rq.w.check.crossed(rq)
	}
}

// finish takes the answer that the user gets.
func (rq *request) finish(p *process, err error) {
	if err != nil && !p.dead.Load() {
		rq.w.check.failed(rq, err)
	}
}
