package converge

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/bluegreen-go/bluegreen/sdk"
)

// patience bounds every wait; what is measured is far below.
const patience = time.Minute

// readers are the processes that link the SDK only.
type readers struct {
	t    testing.TB
	mu   sync.Mutex
	seen []map[int64]time.Time // by reader: revision → when it said so
	more chan struct{}         // something was seen
	gone chan string           // a reader has ended
}

// build compiles the reader; everything that it links is compiled already.
func build(t testing.TB) string {
	t.Helper()
	exe := filepath.Join(t.TempDir(), "reader")
	out, err := exec.Command("go", "build", "-o", exe, "github.com/bluegreen-go/bluegreen/internal/converge/reader").CombinedOutput()
	if err != nil {
		t.Fatalf("build the reader: %v\n%s", err, out)
	}
	return exe
}

// startReaders starts n processes. They end with the test.
func startReaders(t testing.TB, address string, n int) *readers {
	t.Helper()
	exe := build(t)
	r := &readers{t: t, seen: make([]map[int64]time.Time, n), more: make(chan struct{}, 1), gone: make(chan string, n)}
	for i := range r.seen {
		r.seen[i] = map[int64]time.Time{}
		r.start(i, exe, address)
	}
	return r
}

func (r *readers) start(i int, exe, address string) {
	r.t.Helper()
	dir := r.t.TempDir()
	cmd := exec.Command(exe, "-address", address, "-group", group, "-channel", channel,
		"-service", "converge-reader-"+strconv.Itoa(i), "-dir", dir)
	cmd.Env = append(os.Environ(), sdk.EnvColor+"=", sdk.EnvVersion+"=", sdk.EnvService+"=")
	cmd.Dir = dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var log bytes.Buffer
	cmd.Stderr = &log
	in, err := cmd.StdinPipe()
	if err != nil {
		r.t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		r.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		r.listen(i, out)
		if err := cmd.Wait(); err != nil {
			r.gone <- fmt.Sprintf("reader %d: %v\n%s", i, err, log.String())
		}
	}()
	r.t.Cleanup(func() {
		_ = in.Close()
		select {
		case <-ended:
		case <-time.After(10 * time.Second):
			_ = cmd.Process.Kill()
			<-ended
		}
	})
}

func (r *readers) listen(i int, out io.Reader) {
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		now := time.Now()
		revision, err := strconv.ParseInt(lines.Text(), 10, 64)
		if err != nil {
			continue // somebody's log line
		}
		r.mu.Lock()
		r.seen[i][revision] = now
		r.mu.Unlock()
		select {
		case r.more <- struct{}{}:
		default:
		}
	}
}

// wait waits until all have seen the revision and returns when each said so.
func (r *readers) wait(revision int64) []time.Time {
	r.t.Helper()
	limit := time.After(patience)
	for {
		at := r.at(revision)
		if len(at) == len(r.seen) {
			return at
		}
		select {
		case <-r.more:
		case why := <-r.gone:
			r.t.Fatal(why)
		case <-limit:
			r.t.Fatalf("only %d of %d readers have revision %d after %v", len(at), len(r.seen), revision, patience)
		}
	}
}

func (r *readers) at(revision int64) (at []time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, seen := range r.seen {
		if t, ok := seen[revision]; ok {
			at = append(at, t)
		}
	}
	return at
}
