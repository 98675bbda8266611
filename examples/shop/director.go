package main

import (
	"context"
	"fmt"
	"time"

	"github.com/bluegreen-go/bluegreen/control/store"
	"github.com/bluegreen-go/bluegreen/examples/shop/internal/tally"
	"github.com/bluegreen-go/bluegreen/sdk"
)

// Limits of the director's own waits.
const (
	sampleLimit = 90 * time.Second
	faultLimit  = 30 * time.Second
	faultsShown = 10 // wrong orders that convince the operator
	lookEvery   = 20 * time.Millisecond
)

// jitter bounds the delay of registry writes and reports: small, for there are few processes.
const jitter = 200 * time.Millisecond

// financeShare is how the second channel is split, the whole release through.
var financeShare = split(30, 70)

// director plays the release. It is the only one who knows what should happen; what does happen is for the collector.
type director struct {
	store   *store.Store
	fleet   *fleet
	collect *tally.Collector
	pace    pace
	tell    func(n, of int, s step) // called when a step begins
	opened  time.Time               // when the present sample began
}

// prepare creates the channels, makes the delays small, and starts the second channel's own release.
func (d *director) prepare(ctx context.Context) error {
	for _, channel := range []string{shop, finance} {
		if _, err := d.store.Create(ctx, channel, servicesOf(channel)); err != nil {
			return err
		}
	}
	if err := d.store.SetJitter(ctx, jitter); err != nil {
		return err
	}
	if _, err := d.store.Activate(ctx, finance, sdk.Release{ID: "demo-finance", Stable: sdk.Green}); err != nil {
		return err
	}
	if _, err := d.store.Share(ctx, finance, financeShare); err != nil {
		return err
	}
	d.collect.Watch(finance, true)
	d.collect.OpenStep("all along", finance, financeShare)
	return nil
}

// play plays the steps in order, and then ends the second channel's release.
func (d *director) play(ctx context.Context, steps []step) error {
	for i, s := range steps {
		d.tell(i+1, len(steps), s)
		if s.changesShare() {
			if err := d.endSample(ctx, shop); err != nil {
				return fmt.Errorf("%s: %w", s.title, err)
			}
		}
		if err := d.act(ctx, s); err != nil {
			return fmt.Errorf("%s: %w", s.title, err)
		}
		if s.sample {
			d.collect.OpenStep(s.title, shop, s.share)
			d.opened = time.Now()
		}
	}
	if err := d.endSample(ctx, finance); err != nil {
		return err
	}
	d.collect.Watch(finance, false)
	_, err := d.store.Finish(ctx, finance)
	return err
}

// act does what the operator does in a step, and tells the collector what must hold from then on.
func (d *director) act(ctx context.Context, s step) (err error) {
	switch s.do {
	case activate:
		_, err = d.store.Activate(ctx, shop, sdk.Release{ID: "demo", Stable: sdk.Green})
		d.collect.Watch(shop, true)
	case share:
		_, err = d.store.Share(ctx, shop, s.share)
	case promote:
		_, err = d.store.Promote(ctx, shop, s.color)
	case open:
		d.collect.Reopened(shop, s.color, time.Now())
		_, err = d.store.Open(ctx, shop, s.color)
	case closing:
		_, err = d.store.Close(ctx, shop, s.color)
		d.certified(s.color, err)
	case abort:
		d.collect.Aborting(time.Now())
		_, err = d.store.Abort(ctx, shop, s.color, false)
		d.certified(s.color, err)
	case deploy:
		err = d.fleet.deploy(ctx, shop, s.color, s.version)
	case watch:
		err = d.await(ctx, faultLimit, "the fault to show", func() bool { return d.collect.Wrong(s.version) >= faultsShown })
	case finish:
		d.collect.Watch(shop, false)
		_, err = d.store.Finish(ctx, shop)
	default:
		err = fmt.Errorf("unknown action %q", s.do)
	}
	return err
}

func (d *director) certified(color sdk.Color, err error) {
	if err == nil {
		d.collect.Certified(shop, color, time.Now())
	}
}

// endSample waits until the open sample of a channel is large and old enough, and ends it: no request that counts for it
// is under way any more when the share changes.
func (d *director) endSample(ctx context.Context, channel string) error {
	if !d.collect.Sampling(channel) {
		return nil
	}
	err := d.await(ctx, sampleLimit, "a large enough sample", func() bool {
		return d.collect.Roots(channel) >= d.pace.roots && time.Since(d.opened) >= d.pace.hold
	})
	if err != nil {
		return err
	}
	d.collect.CloseStep(channel)
	return d.await(ctx, sampleLimit, "the last requests", d.collect.Idle)
}

// await looks until the condition holds.
func (d *director) await(ctx context.Context, limit time.Duration, what string, holds func() bool) error {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("waited %v for %s", limit, what))
	defer cancel()
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for !holds() {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
	return nil
}
