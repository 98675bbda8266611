// Package proc runs one child process at a time: its output is kept for error
// messages, lines of it can be waited for, and it never outlives its parent.
package proc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"
)

// Config says what to run.
type Config struct {
	// Path is the program, Args are its arguments without the program's name.
	Path string
	Args []string
	// Dir is the working directory; empty means the parent's.
	Dir string
	// Env is added to the parent's environment.
	Env []string
	// Stdin, when set, is connected to the child.
	Stdin io.Reader
	// Output, when set, also receives every line that the child prints.
	Output io.Writer
	// Stdout, when set, receives the child's standard output instead of the log,
	// which then holds standard error only.
	Stdout io.Writer
}

// Process is a started child. Its methods may be called concurrently.
type Process struct {
	cmd  *exec.Cmd
	log  *Log
	done chan struct{}
	err  error // valid once done is closed
}

// Start starts the child. The child is killed when the parent dies, where the
// operating system can do that.
func Start(cfg Config) (*Process, error) {
	cmd := exec.Command(cfg.Path, cfg.Args...)
	cmd.Dir = cfg.Dir
	cmd.Env = append(os.Environ(), cfg.Env...)
	cmd.Stdin = cfg.Stdin
	p := &Process{cmd: cmd, log: newLog(cfg.Output), done: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = p.log, p.log
	if cfg.Stdout != nil {
		cmd.Stdout = cfg.Stdout
	}
	// A descendant that keeps the pipes open must not keep Wait from returning.
	cmd.WaitDelay = 2 * time.Second
	cmd.SysProcAttr = childAttr()
	started := make(chan error, 1)
	go p.run(started)
	if err := <-started; err != nil {
		return nil, fmt.Errorf("proc: start %s: %w", cfg.Path, err)
	}
	return p, nil
}

// run starts the child and waits for it on one thread, because the signal at the
// parent's death is tied to the thread that started the child.
func (p *Process) run(started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := p.cmd.Start()
	started <- err
	if err != nil {
		return
	}
	p.err = p.cmd.Wait()
	p.log.close()
	close(p.done)
}

// PID is the child's process id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Done is closed when the child has ended and its output was read.
func (p *Process) Done() <-chan struct{} { return p.done }

// Err tells how the child ended; nil before that and after a clean exit.
func (p *Process) Err() error {
	select {
	case <-p.done:
		return p.err
	default:
		return nil
	}
}

// Signal sends a signal; a child that has ended already is not an error.
func (p *Process) Signal(sig os.Signal) error {
	err := p.cmd.Process.Signal(sig)
	if errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	return err
}

// Kill ends the child at once and waits for its end.
func (p *Process) Kill() {
	_ = p.Signal(os.Kill)
	<-p.done
}

// Stop asks the child to end and kills it after the grace time.
func (p *Process) Stop(grace time.Duration) {
	_ = p.Signal(terminate)
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-p.done:
	case <-timer.C:
		p.Kill()
	}
}

// Tail returns the last lines that the child printed.
func (p *Process) Tail(lines int) string { return p.log.tail(lines) }

// WaitLine waits until the child prints a line that contains text, and returns
// that line. It fails when ctx ends or the child does.
func (p *Process) WaitLine(ctx context.Context, text string) (string, error) {
	for from := 0; ; {
		changed := p.log.changed()
		line, next, found := p.log.find(text, from)
		if found {
			return line, nil
		}
		from = next
		select {
		case <-changed:
		case <-ctx.Done():
			return "", fmt.Errorf("proc: waiting for %q: %w", text, context.Cause(ctx))
		case <-p.done:
			if line, _, found := p.log.find(text, from); found {
				return line, nil
			}
			ended := p.err
			if ended == nil {
				ended = errors.New("without an error")
			}
			return "", fmt.Errorf("proc: ended (%w) before printing %q; last lines:\n%s", ended, text, indent(p.Tail(40)))
		}
	}
}

func indent(text string) string {
	return "    " + strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\n    ")
}
