package dubbotest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/bluegreen-go/bluegreen/registry"
	"github.com/bluegreen-go/bluegreen/sdk"
)

// Node is a started node.
type Node struct {
	t    testing.TB
	Cfg  Config
	cmd  *exec.Cmd
	in   io.WriteCloser
	mu   sync.Mutex
	next int
	wait map[int]chan answer
	gone chan struct{} // closed when the process has ended
	log  logBuffer
}

// logBuffer may be read while the process writes.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// FreePort returns a TCP port of the loopback interface that is free now.
func FreePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// Start starts a node and waits until it is ready. It is killed when the test ends.
func Start(t testing.TB, cfg Config) *Node {
	t.Helper()
	n := Spawn(t, cfg)
	n.Ready()
	return n
}

// Spawn starts a node without waiting for it. Its connections to Nacos have the
// labels app_app and app_color.
func Spawn(t testing.TB, cfg Config) *Node {
	t.Helper()
	if cfg.Dir == "" {
		cfg.Dir = t.TempDir()
	}
	if len(cfg.Provide) > 0 && cfg.Port == 0 {
		cfg.Port = FreePort(t)
	}
	raw, err := json.Marshal(cfg)
	if err != nil {
		t.Fatal(err)
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	n := &Node{t: t, Cfg: cfg, cmd: exec.Command(exe), wait: map[int]chan answer{0: make(chan answer, 1)}, gone: make(chan struct{})}
	n.cmd.Env = append(os.Environ(), EnvNode+"="+string(raw),
		sdk.EnvColor+"="+cfg.Color, sdk.EnvVersion+"="+cfg.Version, sdk.EnvService+"="+cfg.Service,
		"nacos_app_conn_labels=app="+cfg.App+",color="+cfg.Color)
	n.cmd.Dir = cfg.Dir
	n.cmd.Stderr = &n.log
	n.cmd.SysProcAttr = dieWithParent()
	if n.in, err = n.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := n.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := n.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go n.read(out)
	t.Cleanup(func() {
		n.Kill()
		if t.Failed() {
			t.Logf("node %s %s: %s", cfg.App, cfg.Color, tail(n.log.String()))
		}
	})
	return n
}

func tail(s string) string {
	if len(s) > 4000 {
		return "…" + s[len(s)-4000:]
	}
	return s
}

func (n *Node) read(out io.Reader) {
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var a answer
		if json.Unmarshal(lines.Bytes(), &a) != nil {
			continue // something else wrote to standard output
		}
		n.mu.Lock()
		ch := n.wait[a.ID]
		delete(n.wait, a.ID)
		n.mu.Unlock()
		if ch != nil {
			ch <- a
		}
	}
	_ = n.cmd.Wait()
	close(n.gone)
}

// Ready waits until the node serves and subscribes.
func (n *Node) Ready() {
	n.t.Helper()
	n.mu.Lock()
	ch := n.wait[0]
	n.mu.Unlock()
	if ch == nil {
		return
	}
	n.await(ch, "start", time.Minute)
}

func (n *Node) await(ch chan answer, what string, limit time.Duration) answer {
	n.t.Helper()
	select {
	case a := <-ch:
		return a
	case <-n.gone:
		n.t.Fatalf("%s: node %s %s has ended: %s", what, n.Cfg.App, n.Cfg.Color, tail(n.log.String()))
	case <-time.After(limit):
		n.t.Fatalf("%s: node %s %s does not answer: %s", what, n.Cfg.App, n.Cfg.Color, tail(n.log.String()))
	}
	return answer{}
}

func (n *Node) command(c command) answer {
	n.t.Helper()
	return n.await(n.send(c), c.Op, 2*time.Minute)
}

// send hands a command over and returns where its answer will be.
func (n *Node) send(c command) chan answer {
	n.t.Helper()
	ch := make(chan answer, 1)
	n.mu.Lock()
	n.next++
	c.ID = n.next
	n.wait[c.ID] = ch
	raw, err := json.Marshal(c)
	if err == nil {
		_, err = fmt.Fprintf(n.in, "%s\n", raw)
	}
	n.mu.Unlock()
	if err != nil {
		n.t.Fatalf("%s: node %s %s: %v: %s", c.Op, n.Cfg.App, n.Cfg.Color, err, tail(n.log.String()))
	}
	return ch
}

// Result is what came of calls: how often each reply and each error.
type Result struct{ Replies, Errors map[string]int }

// Call makes calls to an interface, each a request of its own.
func (n *Node) Call(iface, arg string, times, parallel int) Result {
	n.t.Helper()
	a := n.command(command{Op: "call", Iface: iface, Arg: arg, N: times, Parallel: parallel})
	return Result{a.Replies, a.Errors}
}

// CallAsOne makes calls to an interface that all belong to one request.
func (n *Node) CallAsOne(iface, arg string, times, parallel int) Result {
	n.t.Helper()
	a := n.command(command{Op: "call", Iface: iface, Arg: arg, N: times, Parallel: parallel, Root: true})
	return Result{a.Replies, a.Errors}
}

// Load makes calls to an interface, one after the other, and says what they took.
// asOne makes them belong to one request, which carries its decisions; else each
// is the root of a request of its own. A failed call fails the test.
func (n *Node) Load(iface string, times int, asOne bool) Load {
	n.t.Helper()
	a := n.command(command{Op: "load", Iface: iface, N: times, Root: asOne})
	if a.Load == nil {
		n.t.Fatalf("load on node %s: %s", n.Cfg.App, a.Error)
	}
	return *a.Load
}

// Usage returns what the node has used so far.
func (n *Node) Usage() Usage {
	n.t.Helper()
	a := n.command(command{Op: "usage"})
	if a.Usage == nil {
		n.t.Fatalf("usage of node %s: %s", n.Cfg.App, a.Error)
	}
	return *a.Usage
}

// Follow has the node make calls, each a request of its own, until streak of them
// in a row were answered by the colour. wait returns when the first of those
// began; it must be called by the test's own goroutine.
func (n *Node) Follow(iface, color string, streak int) (wait func() time.Time) {
	n.t.Helper()
	type heard struct {
		answer
		at time.Time
	}
	from, to := n.send(command{Op: "follow", Iface: iface, Arg: color, N: streak}), make(chan heard, 1)
	go func() {
		select {
		case a := <-from:
			to <- heard{a, time.Now()}
		case <-n.gone:
			to <- heard{answer{Error: "the node has ended"}, time.Now()}
		}
	}()
	return func() time.Time {
		n.t.Helper()
		h := <-to
		if h.Error != "" {
			n.t.Fatalf("follow on node %s: %s", n.Cfg.App, h.Error)
		}
		return h.at.Add(-h.Ago)
	}
}

// State returns what the node's SDK would report now.
func (n *Node) State() sdk.Report {
	n.t.Helper()
	a := n.command(command{Op: "state"})
	if a.State == nil {
		n.t.Fatal(a.Error)
	}
	return *a.State
}

// Naming returns what the node's records are like.
func (n *Node) Naming() registry.Status {
	n.t.Helper()
	a := n.command(command{Op: "naming"})
	if a.Naming == nil {
		n.t.Fatal(a.Error)
	}
	return *a.Naming
}

// Stop shuts the node down in order and waits.
func (n *Node) Stop() {
	n.t.Helper()
	_ = n.in.Close()
	select {
	case <-n.gone:
	case <-time.After(30 * time.Second):
		n.t.Fatalf("node %s %s does not stop: %s", n.Cfg.App, n.Cfg.Color, tail(n.log.String()))
	}
	if code := n.cmd.ProcessState.ExitCode(); code != 0 {
		n.t.Errorf("node %s %s: exit code %d: %s", n.Cfg.App, n.Cfg.Color, code, tail(n.log.String()))
	}
}

// Signal sends a signal to the node.
func (n *Node) Signal(s os.Signal) { _ = n.cmd.Process.Signal(s) }

// Kill ends the node without a chance to say goodbye.
func (n *Node) Kill() {
	_ = n.cmd.Process.Kill()
	<-n.gone
}

// Gone is closed once the process has ended.
func (n *Node) Gone() <-chan struct{} { return n.gone }

// ExitCode waits for the process to end and returns its exit code.
func (n *Node) ExitCode() int {
	n.t.Helper()
	select {
	case <-n.gone:
	case <-time.After(30 * time.Second):
		n.t.Fatalf("node %s %s does not end: %s", n.Cfg.App, n.Cfg.Color, tail(n.log.String()))
	}
	return n.cmd.ProcessState.ExitCode()
}

// Log returns what the node has written to standard error.
func (n *Node) Log() string { return n.log.String() }
