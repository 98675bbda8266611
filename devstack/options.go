package devstack

import (
	"log/slog"
	"slices"
	"time"
)

// DefaultPushDelay is how long Nacos collects changes of one service before it pushes them.
const DefaultPushDelay = 500 * time.Millisecond

// Option configures [Start] and [RunT].
type Option interface {
	apply(config) config
}

type optionFunc func(config) config

func (f optionFunc) apply(c config) config { return f(c) }

type seed struct{ group, dataID, content string }

type config struct {
	addr      string
	pushDelay time.Duration
	logger    *slog.Logger
	seeds     []seed
	unknown   func(what string)
}

func newConfig(opts []Option) config {
	c := config{pushDelay: DefaultPushDelay, logger: slog.Default()}
	for _, o := range opts {
		c = o.apply(c)
	}
	return c
}

// WithAddr sets the HTTP address, such as 127.0.0.1:8848; the gRPC port is 1000 above. Only loopback is accepted. The
// default is any free pair of ports.
func WithAddr(addr string) Option {
	return optionFunc(func(c config) config { c.addr = addr; return c })
}

// WithPushDelay sets how long changes of one service are collected before they are pushed. The default is
// [DefaultPushDelay] with Start and zero with RunT: zero pushes at once.
func WithPushDelay(d time.Duration) Option {
	return optionFunc(func(c config) config { c.pushDelay = d; return c })
}

// WithLogger sets where the server reports what goes wrong. The default is [slog.Default]; nil keeps it.
func WithLogger(l *slog.Logger) Option {
	return optionFunc(func(c config) config {
		if l != nil {
			c.logger = l
		}
		return c
	})
}

// WithConfig stores a config in the public namespace before the first client can connect.
func WithConfig(group, dataID, content string) Option {
	return optionFunc(func(c config) config {
		c.seeds = append(slices.Clip(c.seeds), seed{group, dataID, content})
		return c
	})
}

// WithUnknownRequests sets a function that is told of every request that is not implemented, beside the log. It may be
// called concurrently. RunT fails the test instead; give it a function that does nothing to allow such requests.
func WithUnknownRequests(fn func(what string)) Option {
	return optionFunc(func(c config) config { c.unknown = fn; return c })
}
