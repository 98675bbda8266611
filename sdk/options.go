package sdk

import (
	"log/slog"
	"os"
	"path/filepath"
	"time"
)

// Option configures a [Client].
type Option interface{ apply(*config) }

type optionFunc func(*config)

func (f optionFunc) apply(c *config) { f(c) }

type config struct {
	logger       *slog.Logger
	reporter     Reporter
	lastGood     string
	startTimeout time.Duration
	firstCall    time.Duration
	pollMin      time.Duration
	jitter       func(limit time.Duration) time.Duration
}

// WithLogger sets the logger; the default is slog.Default().
func WithLogger(l *slog.Logger) Option { return optionFunc(func(c *config) { c.logger = l }) }

// WithReporter sets where the agent reports go; without one, none are sent and
// control does not know this process.
func WithReporter(r Reporter) Option { return optionFunc(func(c *config) { c.reporter = r }) }

// WithLastGoodFile sets the file that keeps the last good rules; "" keeps none.
// The default is a file per service and colour in the user's cache directory.
func WithLastGoodFile(path string) Option { return optionFunc(func(c *config) { c.lastGood = path }) }

// WithStartTimeout sets how long a starting process waits for the source before
// it takes the last good file; the default is 30 s.
func WithStartTimeout(d time.Duration) Option {
	return optionFunc(func(c *config) { c.startTimeout = d })
}

// WithPollInterval sets the least time between two looks at the index, against
// lost pushes; the greatest is twice that. The default is 30 s.
func WithPollInterval(d time.Duration) Option { return optionFunc(func(c *config) { c.pollMin = d }) }

// WithJitter replaces the random delay before reports and polls; f gets the bound
// in force. It is for tests.
func WithJitter(f func(limit time.Duration) time.Duration) Option {
	return optionFunc(func(c *config) { c.jitter = f })
}

func newConfig(id Identity, opts []Option) config {
	c := config{
		logger: slog.Default(), lastGood: defaultLastGood(id),
		startTimeout: 30 * time.Second, firstCall: 3 * time.Second, pollMin: 30 * time.Second,
		jitter: RandomDelay,
	}
	for _, o := range opts {
		o.apply(&c)
	}
	return c
}

func defaultLastGood(id Identity) string {
	dir, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	return filepath.Join(dir, "bluegreen", id.Service+"-"+id.Color.String()+".yaml")
}
