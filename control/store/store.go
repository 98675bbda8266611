package store

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/user"
	"slices"
	"sync"
	"time"

	"github.com/bluegreen-go/bluegreen/sdk"
)

// Store reads and moves channels. Create one with [New]; all methods may be
// called concurrently. It remembers which processes it has seen, per channel and
// release, and misses those that vanish.
type Store struct {
	backend Backend
	cfg     config
	shared  *shared
}

type shared struct {
	mu      sync.Mutex
	rosters map[string]*roster
	written map[string]string // document → what this store has published last
}

type config struct {
	author    string
	note      string
	poll      time.Duration
	settle    time.Duration
	quiet     time.Duration
	linger    time.Duration
	abort     time.Duration
	timeout   time.Duration
	force     bool
	mixed     bool
	neutral   bool
	replicas  map[string]int
	dead      map[string]bool
	observers []func(Event)
}

// Option configures a [Store].
type Option interface{ apply(*config) }

type optionFunc func(*config)

func (f optionFunc) apply(c *config) { f(c) }

// WithAuthor names who publishes; the default is user@host.
func WithAuthor(name string) Option { return optionFunc(func(c *config) { c.author = name }) }

// WithNote says why, in documents and history.
func WithNote(note string) Option { return optionFunc(func(c *config) { c.note = note }) }

// WithPoll sets how often agents are looked at; the default is 500 ms.
func WithPoll(d time.Duration) Option { return optionFunc(func(c *config) { c.poll = d }) }

// WithClientTimeout sets the longest time that a caller waits for an answer; the
// default is 3 s. Between the two zero rounds of a close, and after an
// activation, this long and 1 s more is waited.
func WithClientTimeout(d time.Duration) Option {
	return optionFunc(func(c *config) { c.settle = d + time.Second })
}

// WithSettle sets that wait itself.
func WithSettle(d time.Duration) Option { return optionFunc(func(c *config) { c.settle = d }) }

// WithQuiet sets how long nothing may start on a colour that is out before it is
// certified; the default is 10 s. Add the poll period of callers without the SDK.
func WithQuiet(d time.Duration) Option { return optionFunc(func(c *config) { c.quiet = d }) }

// WithLinger sets how long a colour without a share keeps consuming, so that
// messages under way find it; the default is 0.
func WithLinger(d time.Duration) Option { return optionFunc(func(c *config) { c.linger = d }) }

// WithAbortLimit sets how long an abort waits for silence; the default is 30 s.
func WithAbortLimit(d time.Duration) Option { return optionFunc(func(c *config) { c.abort = d }) }

// WithTimeout limits each wait; the default is 2 minutes.
func WithTimeout(d time.Duration) Option { return optionFunc(func(c *config) { c.timeout = d }) }

// WithForce lets a wait that has exceeded its limit pass. What was overruled is
// in the [Passed] event and in the certificate, which then does not say drained.
func WithForce(on bool) Option { return optionFunc(func(c *config) { c.force = on }) }

// WithMixedVersions lets a release finish while the colours of a service report
// different versions.
func WithMixedVersions(on bool) Option { return optionFunc(func(c *config) { c.mixed = on }) }

// WithNeutral lets a release go on although processes of the channel have no
// colour. They are called where no coloured one is live, and never drained.
func WithNeutral(on bool) Option { return optionFunc(func(c *config) { c.neutral = on }) }

// WithReplicas sets how many processes there must be of each colour that is in,
// by "service" or "service/colour"; the default is 1.
func WithReplicas(n map[string]int) Option { return optionFunc(func(c *config) { c.replicas = n }) }

// WithDead declares processes dead by their boot ids: they are not missed.
func WithDead(boots ...string) Option {
	return optionFunc(func(c *config) {
		dead := map[string]bool{}
		for b := range c.dead {
			dead[b] = true
		}
		for _, b := range boots {
			dead[b] = true
		}
		c.dead = dead
	})
}

// WithObserver adds a function that is called with each event, by the goroutine
// that runs the operation.
func WithObserver(f func(Event)) Option {
	return optionFunc(func(c *config) {
		c.observers = append(slices.Clip(c.observers), f)
	})
}

// New returns a store over a backend.
func New(backend Backend, opts ...Option) *Store {
	s := &Store{backend: backend, shared: &shared{rosters: map[string]*roster{}, written: map[string]string{}}, cfg: config{
		author: DefaultAuthor(), poll: 500 * time.Millisecond, settle: 4 * time.Second, quiet: 10 * time.Second,
		abort: 30 * time.Second, timeout: 2 * time.Minute,
	}}
	return s.With(opts...)
}

// With returns a store with other options that shares its memory with s.
func (s *Store) With(opts ...Option) *Store {
	next := &Store{backend: s.backend, cfg: s.cfg, shared: s.shared}
	for _, o := range opts {
		o.apply(&next.cfg)
	}
	return next
}

// DefaultAuthor is user@host of this process.
func DefaultAuthor() string {
	name, host := "unknown", "unknown"
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	if h, err := os.Hostname(); err == nil {
		host = h
	}
	return name + "@" + host
}

func (s *Store) emit(e Event) {
	for _, f := range s.cfg.observers {
		f(e)
	}
}

// need is the least number of processes of a colour of a service.
func (s *Store) need(service string, color sdk.Color) int {
	if n, ok := s.cfg.replicas[service+"/"+color.String()]; ok {
		return n
	}
	if n, ok := s.cfg.replicas[service]; ok {
		return n
	}
	return 1
}

// Document returns a channel's document. The error wraps [ErrNotFound] if there
// is none.
func (s *Store) Document(ctx context.Context, channel string) (Doc, error) {
	text, err := s.backend.Load(ctx, sdk.ChannelDataID(channel))
	if err != nil {
		return Doc{}, fmt.Errorf("channel %s: %w", channel, err)
	}
	if text == "" {
		return Doc{}, fmt.Errorf("channel %s: %w", channel, ErrNotFound)
	}
	ch, err := sdk.ParseChannel(text)
	if err != nil {
		return Doc{}, fmt.Errorf("channel %s: %w", channel, err)
	}
	if ch.Name != channel {
		return Doc{}, fmt.Errorf("channel %s: %w: %q", channel, sdk.ErrWrongName, ch.Name)
	}
	return Doc{Channel: ch, Text: text, Hash: sdk.DocumentHash(text)}, nil
}

// publish replaces a document by another in one step. An error after which the
// content is there is none: the publish has happened, and its answer was lost.
// After an error that leaves this open it is tried once more, which is safe
// because nobody else writes the same content.
func (s *Store) publish(ctx context.Context, dataID, content, old string) error {
	var err error
	for range 2 {
		if err = s.backend.Publish(ctx, dataID, content, old); err == nil {
			return nil
		}
		if now, loadErr := s.backend.Load(ctx, dataID); loadErr == nil && now == content {
			return nil
		}
		if errors.Is(err, sdk.ErrConflict) || ctx.Err() != nil {
			return err
		}
	}
	return err
}

func (s *Store) info(note string) sdk.PublishInfo {
	if s.cfg.note != "" {
		note += ": " + s.cfg.note
	}
	var nonce [6]byte
	_, _ = rand.Read(nonce[:]) // never fails since Go 1.24
	return sdk.PublishInfo{By: s.cfg.author, At: time.Now().UTC().Truncate(time.Second), Note: note, Nonce: hex.EncodeToString(nonce[:])}
}

// attempts is how often a document that many write is tried before giving up.
const attempts = 10

// swap replaces a document that many write by what edit makes of it, again if
// somebody else was faster. What this store wrote last is taken for the present
// content at first, which saves a read; nothing but a publish is decided by it.
func (s *Store) swap(ctx context.Context, dataID string, edit func(text string) (string, error)) error {
	s.shared.mu.Lock()
	text := s.shared.written[dataID]
	s.shared.mu.Unlock()
	if text != "" {
		if next, err := edit(text); err == nil && next != text && s.write(ctx, dataID, next, text) == nil {
			return nil
		}
	}
	var err error
	for i := range attempts {
		if text, err = s.backend.Load(ctx, dataID); err != nil {
			return fmt.Errorf("%s: %w", dataID, err)
		}
		next, err := edit(text)
		if err != nil || next == text {
			return err
		}
		if err = s.write(ctx, dataID, next, text); err == nil || !errors.Is(err, sdk.ErrConflict) || i == attempts-1 {
			return err
		}
		if waitErr := pause(ctx, sdk.RandomDelay(time.Duration(i+1)*10*time.Millisecond)); waitErr != nil {
			return errors.Join(err, waitErr)
		}
	}
	return err
}

// write publishes and keeps what was written.
func (s *Store) write(ctx context.Context, dataID, content, old string) error {
	err := s.publish(ctx, dataID, content, old)
	s.shared.mu.Lock()
	defer s.shared.mu.Unlock()
	if err != nil {
		content = ""
	}
	s.shared.written[dataID] = content
	return err
}

// pause waits; the error is the context's.
func pause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return context.Cause(ctx)
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return nil
	}
}
