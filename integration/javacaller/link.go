package javacaller

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"
)

// Push is one list of instances that a watched service was reported with.
type Push struct {
	Service   string         `json:"service"`
	Group     string         `json:"group"`
	AtMs      int64          `json:"atMs"`
	Instances []PushInstance `json:"instances"`
}

// At is when the Java client was given the list.
func (p Push) At() time.Time { return time.UnixMilli(p.AtMs) }

// PushInstance is one instance as the Java Nacos client shows it.
type PushInstance struct {
	IP       string            `json:"ip"`
	Port     int               `json:"port"`
	Weight   float64           `json:"weight"`
	Enabled  bool              `json:"enabled"`
	Healthy  bool              `json:"healthy"`
	Metadata map[string]string `json:"metadata"`
}

type wireCount struct {
	N       int   `json:"n"`
	FirstMs int64 `json:"firstMs"`
	LastMs  int64 `json:"lastMs"`
}

// message is one line of the Java process: an answer, or a push without an id.
type message struct {
	ID      int                  `json:"id"`
	OK      bool                 `json:"ok"`
	Error   string               `json:"error"`
	Replies map[string]wireCount `json:"replies"`
	Errors  map[string]wireCount `json:"errors"`
	Push    *Push                `json:"push"`
}

// link is the line protocol with the Java process.
type link struct {
	in, out *os.File // our ends
	answers chan message
	ended   chan struct{} // closed when the reader has ended

	turn   sync.Mutex // one command at a time
	lastID int

	mu     sync.Mutex
	pushes []Push
}

// childEnds are the Java process' ends of the pipes.
type childEnds struct{ stdin, stdout *os.File }

func (e childEnds) close() {
	_ = e.stdin.Close()
	_ = e.stdout.Close()
}

func newLink() (*link, childEnds, error) {
	childIn, in, err := os.Pipe()
	if err != nil {
		return nil, childEnds{}, err
	}
	out, childOut, err := os.Pipe()
	if err != nil {
		_, _ = childIn.Close(), in.Close()
		return nil, childEnds{}, err
	}
	l := &link{in: in, out: out, answers: make(chan message, 16), ended: make(chan struct{})}
	go l.read()
	return l, childEnds{childIn, childOut}, nil
}

func (l *link) read() {
	defer close(l.ended)
	defer l.out.Close()
	lines := bufio.NewScanner(l.out)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var m message
		if err := json.Unmarshal(lines.Bytes(), &m); err != nil {
			m = message{ID: -1, Error: fmt.Sprintf("unreadable line %q: %v", lines.Text(), err)}
		}
		if m.Push != nil {
			l.mu.Lock()
			l.pushes = append(l.pushes, *m.Push)
			l.mu.Unlock()
			continue
		}
		select {
		case l.answers <- m:
		default: // nobody waits for that many answers: commands go one at a time
		}
	}
}

func (l *link) pushesOf(service, group string) []Push {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []Push
	for _, p := range l.pushes {
		if p.Service == service && p.Group == group {
			out = append(out, p)
		}
	}
	return slices.Clip(out)
}

// command sends one line and waits for its answer.
func (l *link) command(ctx context.Context, died <-chan struct{}, text string) (message, error) {
	l.turn.Lock()
	defer l.turn.Unlock()
	l.lastID++
	if _, err := fmt.Fprintf(l.in, "%d %s\n", l.lastID, text); err != nil {
		return message{}, fmt.Errorf("%q: %w", text, err)
	}
	m, err := l.answer(ctx, l.lastID, died)
	if err != nil {
		return message{}, fmt.Errorf("%q: %w", text, err)
	}
	return m, nil
}

// answer waits for the answer with this id and drops late ones of older commands.
func (l *link) answer(ctx context.Context, id int, died <-chan struct{}) (message, error) {
	for {
		select {
		case m := <-l.answers:
			switch {
			case m.ID >= 0 && m.ID < id:
				continue
			case !m.OK:
				return message{}, errors.New(m.Error)
			}
			return m, nil
		case <-died:
			return message{}, errors.New("the Java process has ended")
		case <-ctx.Done():
			return message{}, context.Cause(ctx)
		}
	}
}

// hangUp closes our end of the Java process' standard input, which ends it.
func (l *link) hangUp() { _ = l.in.Close() }

// wait returns when the reader has ended.
func (l *link) wait() { <-l.ended }
