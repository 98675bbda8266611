package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// builder runs commands in the repository.
type builder struct {
	ctx   context.Context // cancelled by a signal: the whole build ends
	root  string
	began time.Time
}

// command returns a command in a folder below the root that writes to the
// terminal. A signal to the build ends it.
func (b *builder) command(dir, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(b.ctx, name, args...)
	cmd.Dir = filepath.Join(b.root, dir)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = time.Minute
	return cmd
}

// step runs a command and says what it does and how long it took.
func (b *builder) step(title, dir, name string, args ...string) error {
	return b.steps(title, func() error { return b.command(dir, name, args...).Run() })
}

// steps says what f does and how long it took.
func (b *builder) steps(title string, f func() error) error {
	b.say("== " + title)
	start := time.Now()
	if err := f(); err != nil {
		return fmt.Errorf("%s: %w", title, err)
	}
	b.say(fmt.Sprintf("== %s: ok in %s", title, time.Since(start).Round(100*time.Millisecond)))
	return nil
}

// output runs a command and returns what it writes to standard output.
func (b *builder) output(dir, name string, args ...string) (string, error) {
	cmd := b.command(dir, name, args...)
	var out, diag bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &diag
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, diag.String())
	}
	return out.String(), nil
}

func (b *builder) say(line string) { _, _ = fmt.Fprintln(os.Stdout, line) }

// banner says something that must not be overlooked.
func (b *builder) banner(lines ...string) {
	rule := strings.Repeat("!", 78)
	b.say(rule)
	for _, l := range lines {
		b.say("!! " + l)
	}
	b.say(rule)
}

// exists reports whether a file or folder below the root is there.
func (b *builder) exists(path string) bool {
	_, err := os.Stat(filepath.Join(b.root, path))
	return err == nil
}
