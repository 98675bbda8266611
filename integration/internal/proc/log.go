package proc

import (
	"bytes"
	"io"
	"strings"
	"sync"
)

// keepLines bounds what a Log remembers: enough for an error message, too
// little to matter for a process that prints for an hour.
const keepLines = 2000

// Log collects a child's output line by line.
type Log struct {
	mu      sync.Mutex
	also    io.Writer
	partial []byte
	lines   []string
	dropped int           // lines forgotten at the front
	wake    chan struct{} // closed and replaced at every new line
}

func newLog(also io.Writer) *Log { return &Log{also: also, wake: make(chan struct{})} }

// Write implements io.Writer; it never fails.
func (l *Log) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.also != nil {
		_, _ = l.also.Write(b)
	}
	l.partial = append(l.partial, b...)
	grew := false
	for {
		i := bytes.IndexByte(l.partial, '\n')
		if i < 0 {
			break
		}
		l.add(string(l.partial[:i]))
		l.partial = l.partial[i+1:]
		grew = true
	}
	if grew {
		close(l.wake)
		l.wake = make(chan struct{})
	}
	return len(b), nil
}

func (l *Log) add(line string) {
	if len(l.lines) == keepLines {
		l.lines = l.lines[1:]
		l.dropped++
	}
	l.lines = append(l.lines, line)
}

// close keeps a last line that had no line end.
func (l *Log) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.partial) > 0 {
		l.add(string(l.partial))
		l.partial = nil
	}
}

func (l *Log) changed() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.wake
}

// find looks for text in the lines numbered from on, and returns the number of
// the first line that it has not seen.
func (l *Log) find(text string, from int) (line string, next int, found bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := max(from-l.dropped, 0); i < len(l.lines); i++ {
		if strings.Contains(l.lines[i], text) {
			return l.lines[i], l.dropped + i + 1, true
		}
	}
	return "", l.dropped + len(l.lines), false
}

func (l *Log) tail(lines int) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.lines[max(len(l.lines)-lines, 0):], "\n")
}
