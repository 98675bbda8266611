package javacaller

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Count is how often something came, and when first and last (the Java process'
// wall clock, which is this machine's).
type Count struct {
	N           int
	First, Last time.Time
}

// Tally says what calls led to: replies by their text, errors by theirs.
type Tally struct {
	Replies map[string]Count
	Errors  map[string]Count
}

// Total is the number of calls.
func (t Tally) Total() int {
	n := t.Failed()
	for _, c := range t.Replies {
		n += c.N
	}
	return n
}

// Failed is the number of calls without a reply.
func (t Tally) Failed() int {
	n := 0
	for _, c := range t.Errors {
		n += c.N
	}
	return n
}

// String is for messages of tests.
func (t Tally) String() string {
	parts := make([]string, 0, len(t.Replies)+len(t.Errors))
	for text, c := range t.Replies {
		parts = append(parts, fmt.Sprintf("%q ×%d", text, c.N))
	}
	for text, c := range t.Errors {
		parts = append(parts, fmt.Sprintf("error %q ×%d", text, c.N))
	}
	return strings.Join(parts, ", ")
}

// Call makes n calls of the first method one after another, with a gap after
// each, and says what they led to. A failed call is counted and is not an error.
func (c *Caller) Call(n int, gap time.Duration) (Tally, error) {
	if err := c.callable(); err != nil {
		return Tally{}, err
	}
	limit := time.Duration(n)*(gap+c.cfg.Timeout*time.Duration(c.cfg.Retries+1)) + commandTimeout
	return c.do(limit, "call %s %d %d", c.cfg.Methods[0], n, gap.Milliseconds())
}

// Load starts calls of the first method in the background, from the given number
// of threads, each with a gap after a call, until StopLoad.
func (c *Caller) Load(threads int, gap time.Duration) error {
	if err := c.callable(); err != nil {
		return err
	}
	_, err := c.do(commandTimeout, "load %s %d %d", c.cfg.Methods[0], gap.Milliseconds(), threads)
	return err
}

// LoadStats says what the load has led to up to now.
func (c *Caller) LoadStats() (Tally, error) { return c.do(commandTimeout, "stats") }

// StopLoad ends the load, waits for its last calls and says what it led to.
func (c *Caller) StopLoad() (Tally, error) {
	return c.do(commandTimeout+c.cfg.Timeout*time.Duration(c.cfg.Retries+1), "stop")
}

// Watch subscribes to a Nacos service with the plain Java Nacos client. Pushes
// returns what came.
func (c *Caller) Watch(service, group string) error {
	if strings.ContainsAny(service+group, " \n") {
		return fmt.Errorf("javacaller: service %q or group %q holds a space", service, group)
	}
	_, err := c.do(commandTimeout, "watch %s %s", service, group)
	return err
}

// Pushes returns the lists of a watched service that the Java client was given,
// oldest first.
func (c *Caller) Pushes(service, group string) []Push {
	return c.link.pushesOf(service, group)
}

// commandTimeout bounds a command beyond the calls that it makes.
const commandTimeout = 30 * time.Second

func (c *Caller) callable() error {
	if c.cfg.Interface == "" {
		return errors.New("javacaller: started without an interface, it can only watch")
	}
	return nil
}

func (c *Caller) do(limit time.Duration, format string, args ...any) (Tally, error) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	a, err := c.link.command(ctx, c.process.Done(), fmt.Sprintf(format, args...))
	if err != nil {
		return Tally{}, fmt.Errorf("javacaller: %w\n%s", err, c.process.Tail(20))
	}
	return Tally{Replies: counts(a.Replies), Errors: counts(a.Errors)}, nil
}

func counts(wire map[string]wireCount) map[string]Count {
	out := make(map[string]Count, len(wire))
	for text, c := range wire {
		out[text] = Count{N: c.N, First: time.UnixMilli(c.FirstMs), Last: time.UnixMilli(c.LastMs)}
	}
	return out
}
