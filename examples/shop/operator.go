package main

import (
	"context"
	"strings"
	"time"

	"github.com/bluegreen-go/bluegreen/control/store"
	"github.com/bluegreen-go/bluegreen/sdk"
	"github.com/bluegreen-go/bluegreen/sdk/nacos"
)

// How long the operator waits on a laptop, where a call takes milliseconds. The defaults are longer.
const (
	settleTime = time.Second      // the longest that a request may be under way
	quietTime  = 2 * time.Second  // before a certificate
	waitLimit  = 90 * time.Second // for everybody to follow
	pollEvery  = 250 * time.Millisecond
)

// openOperator returns the store that moves the channels, and what closes it.
func openOperator(b *backend, published func(time.Time), on func(store.Event)) (*store.Store, func(context.Context) error, error) {
	n, err := nacos.Open(nacos.Config{Address: b.addr, Group: b.rulesGroup, CacheDir: b.dir})
	if err != nil {
		return nil, nil, err
	}
	replicas := map[string]int{}
	for _, s := range services {
		if s.channel != "" {
			replicas[s.name] = perColor
		}
	}
	s := store.New(watched{n, published},
		store.WithAuthor("examples/shop"), store.WithReplicas(replicas), store.WithPoll(pollEvery),
		store.WithSettle(settleTime), store.WithQuiet(quietTime), store.WithTimeout(waitLimit), store.WithObserver(on))
	return s, n.Close, nil
}

// watched is a backend that tells when a channel's rules were published, by the time before the publish.
type watched struct {
	store.Backend
	published func(time.Time)
}

// Publish implements store.Backend.
func (w watched) Publish(ctx context.Context, dataID, content, old string) error {
	before := time.Now()
	err := w.Backend.Publish(ctx, dataID, content, old)
	if err == nil && strings.HasPrefix(dataID, sdk.ChannelPrefix) {
		w.published(before)
	}
	return err
}
