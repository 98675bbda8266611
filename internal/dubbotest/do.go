package dubbotest

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/bluegreen-go/bluegreen/rpc"
	"github.com/bluegreen-go/bluegreen/tracing"
)

// do runs one command.
func (n *node) do(c command) answer {
	a := answer{ID: c.ID}
	switch {
	case c.Op == "call":
		n.calls(c, &a)
	case c.Op == "load" || c.Op == "usage" || c.Op == "follow":
		a.setError(n.measure(c, &a))
	case c.Op == "stream":
		n.stream = startStream(n, c)
	case c.Op == "streamed":
		n.stream.totals(&a)
	case c.Op == "unstream":
		n.stream.stop()
		n.stream.totals(&a)
	case c.Op == "release":
		n.release(&a)
	case n.installed == nil:
		a.Error = "plain node"
	default:
		n.ask(c, &a)
	}
	return a
}

// ask answers what only a node with the SDK knows.
func (n *node) ask(c command, a *answer) {
	switch c.Op {
	case "state":
		s := n.sdk.State()
		a.State = &s
	case "naming":
		s := n.installed.Naming()[0].Status()
		a.Naming = &s
	case "counts":
		s := n.tracer.Counters().Snapshot()
		a.Counts = &s
	case "verify":
		a.setError(n.installed.Verify())
	case "install":
		_, err := rpc.Install(n.tracer, []rpc.Registry{n.registry()})
		a.setError(err)
	default:
		a.Error = "unknown command " + strconv.Quote(c.Op)
	}
}

func (a *answer) setError(err error) {
	if err != nil {
		a.Error = err.Error()
	}
}

func (a *answer) count(reply string, err error) {
	if err != nil {
		a.Errors[err.Error()]++
		return
	}
	a.Replies[reply]++
}

// stream makes calls all the time.
type stream struct {
	end    chan struct{}
	wg     sync.WaitGroup
	mu     sync.Mutex
	answer answer
}

// streamPause is what each caller rests between two calls, so that the stream leaves
// time for everybody else.
const streamPause = 10 * time.Millisecond

func startStream(n *node, c command) *stream {
	s := &stream{end: make(chan struct{}), answer: answer{Replies: map[string]int{}, Errors: map[string]int{}}}
	for range max(1, c.Parallel) {
		s.wg.Go(func() {
			for {
				reply, err := n.call(context.Background(), c.Iface, c.Arg)
				s.mu.Lock()
				s.answer.count(reply, err)
				s.mu.Unlock()
				select {
				case <-s.end:
					return
				case <-time.After(streamPause):
				}
			}
		})
	}
	return s
}

func (s *stream) stop() {
	close(s.end)
	s.wg.Wait()
}

func (s *stream) totals(a *answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a.Replies, a.Errors = map[string]int{}, map[string]int{}
	maps.Copy(a.Replies, s.answer.Replies)
	maps.Copy(a.Errors, s.answer.Errors)
}

// serveHTTP offers the node's calls at an edge: the form values "iface" and "arg"
// say what to call.
func (n *node) serveHTTP() error {
	l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(n.cfg.HTTPPort)))
	if err != nil {
		return err
	}
	var opts []tracing.MiddlewareOption
	if n.cfg.TrustHTTP {
		opts = append(opts, tracing.WithTrust())
	}
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		reply, err := n.call(r.Context(), r.FormValue("iface"), r.FormValue("arg"))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		w.Header().Set("Content-Type", "text/plain")
		_, _ = io.WriteString(w, reply) //nolint:gosec // plain text, to the test that asked
	})
	srv := &http.Server{Handler: n.tracer.Middleware(opts...)(handler), ReadHeaderTimeout: 10 * time.Second}
	go func() {
		if err := srv.Serve(l); err != nil {
			fmt.Fprintln(os.Stderr, "edge:", err)
		}
	}()
	return nil
}
