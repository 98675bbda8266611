package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bluegreen-go/bluegreen/sdk"
)

// keptLines is how much of a child's output is kept for error messages.
const keptLines = 12

// process is a child of the demo. It ends when its standard input is closed, so none outlives the demo; on Linux the
// kernel sees to that as well. Its methods may be called concurrently.
type process struct {
	spec    childSpec
	color   sdk.Color
	version string
	born    time.Time
	cmd     *exec.Cmd
	stdin   io.WriteCloser
	ready   chan struct{}
	done    chan struct{}
	err     error        // valid once done is closed
	served  atomic.Int64 // calls that it received

	mu       sync.Mutex
	stopping bool
	lines    []string
}

// startProcess starts a child. on is called with each of its events, by one goroutine.
func startProcess(exe string, spec childSpec, color sdk.Color, version string, on func(*process, event)) (*process, error) {
	text, err := json.Marshal(spec)
	if err != nil {
		return nil, err
	}
	p := &process{
		spec: spec, color: color, version: version, born: time.Now(),
		ready: make(chan struct{}), done: make(chan struct{}),
	}
	p.cmd = exec.Command(exe, "-child", string(text))
	p.cmd.Env = append(os.Environ(), sdk.EnvVersion+"="+version, sdk.EnvService+"=", "GOGC=400", "GOMAXPROCS=2")
	colorText, err := color.MarshalText()
	if err != nil {
		return nil, err
	}
	p.cmd.Env = append(p.cmd.Env, sdk.EnvColor+"="+string(colorText))
	p.cmd.SysProcAttr = dieWithParent()
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	reader, writer := io.Pipe()
	p.cmd.Stdout, p.cmd.Stderr = writer, writer
	p.cmd.WaitDelay = time.Second
	started := make(chan error, 1)
	go p.wait(started, writer)
	go p.read(reader, on)
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", spec.Service, err)
	}
	return p, nil
}

// wait starts the child and waits for it on one thread: the signal at the parent's death is tied to the thread that
// started the child.
func (p *process) wait(started chan<- error, output io.Closer) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer func() { _ = output.Close() }()
	if err := p.cmd.Start(); err != nil {
		started <- err
		return
	}
	started <- nil
	p.err = p.cmd.Wait()
	if errors.Is(p.err, exec.ErrWaitDelay) {
		p.err = nil // it ended well; only its last output was cut off
	}
	close(p.done)
}

// read takes the child's output apart.
func (p *process) read(r io.Reader, on func(*process, event)) {
	in := bufio.NewReaderSize(r, 1<<16)
	isReady := false
	for {
		line, err := in.ReadBytes('\n')
		if e, ok := parseEvent(line); ok {
			if e.Ready && !isReady {
				isReady = true
				close(p.ready)
			}
			on(p, e)
		} else if len(line) > 0 {
			p.keep(strings.TrimSpace(string(line)))
		}
		if err != nil {
			return
		}
	}
}

func (p *process) keep(line string) {
	if p.spec.Verbose {
		fmt.Fprintf(os.Stderr, "%s: %s\n", p.name(), line)
	}
	if strings.Contains(line, "INFO") { // dubbo-go, before its logger is configured
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lines = append(p.lines, line)
	p.lines = p.lines[max(0, len(p.lines)-keptLines):]
}

// stop tells the child to end and waits for it; a child that does not end in time is killed.
func (p *process) stop() error {
	p.mu.Lock()
	p.stopping = true
	p.mu.Unlock()
	_ = p.stdin.Close()
	limit := time.NewTimer(stopLimit + 2*time.Second)
	defer limit.Stop()
	select {
	case <-p.done:
	case <-limit.C:
		_ = p.cmd.Process.Kill()
		<-p.done
		return fmt.Errorf("%s did not stop in %v: killed", p.name(), stopLimit)
	}
	if p.err != nil {
		return p.failure()
	}
	return nil
}

// isStopping reports whether the child was told to end.
func (p *process) isStopping() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stopping
}

// failure says how the child ended, with the last lines of its output. The child must be done.
func (p *process) failure() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return fmt.Errorf("%s ended: %v\n\t%s", p.name(), p.err, strings.Join(p.lines, "\n\t")) //nolint:errorlint // nil if it ended well
}

func (p *process) name() string {
	return fmt.Sprintf("%s %s %s (%d)", p.spec.Service, p.color, p.version, p.cmd.Process.Pid)
}
