package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/bluegreen-go/bluegreen/control/store"
	"github.com/bluegreen-go/bluegreen/examples/shop/internal/tally"
	"github.com/bluegreen-go/bluegreen/sdk"
)

// plainRate is how many calls the caller without the SDK makes a second.
const plainRate = 20

// expect is what a complete run has done.
func expect(steps []step) tally.Expect {
	e := tally.Expect{Faulty: faulty, Steps: 1} // one sample is that of the second channel
	for _, s := range steps {
		if s.sample {
			e.Steps++
		}
		switch s.do {
		case closing:
			e.Certificates++
		case abort:
			e.Certificates++
			e.Aborts++
		}
	}
	return e
}

// demo is a run of the release, with everything that it needs.
type demo struct {
	backend *backend
	fleet   *fleet
	collect *tally.Collector
	view    *view
	pace    pace
	counts  counts
}

// runDemo plays the release and judges it. An error says that there is nothing to judge.
func runDemo(ctx context.Context, cancel context.CancelCauseFunc, o options) (v tally.Verdict, err error) {
	if !o.verbose { // what the SDK logs in this process would tear the view apart
		slog.SetDefault(slog.New(slog.DiscardHandler))
	}
	dir, err := os.MkdirTemp("", "bluegreen-shop-")
	if err != nil {
		return v, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	exe, err := os.Executable()
	if err != nil {
		return v, err
	}
	b, err := openBackend(o.nacos, o.id, dir)
	if err != nil {
		return v, err
	}
	defer func() { err = errors.Join(err, b.close(context.WithoutCancel(ctx))) }()
	d := &demo{backend: b, collect: tally.NewCollector(channelsOf(), price), pace: normal}
	if o.fast {
		d.pace = fast
	}
	base := childSpec{
		Nacos: b.addr, RulesGroup: b.rulesGroup, RegistryGroup: b.registryGroup,
		Dir: filepath.Join(dir, "children"), Rate: plainRate, Verbose: o.verbose,
	}
	d.fleet = newFleet(exe, base, d.on, cancel)
	d.view = newView(os.Stdout, d, o.verbose)
	began := time.Now()
	finished := d.release(ctx, release())
	if cause := context.Cause(ctx); cause != nil {
		finished = cause
	}
	v = d.collect.Verdict(expect(release()), d.writes(), time.Since(began), finished)
	d.view.verdict(v)
	return v, nil
}

// release starts the shop and its load, plays the steps, and stops everything again.
func (d *demo) release(ctx context.Context, steps []step) (err error) {
	defer d.view.close()
	d.view.start(fmt.Sprintf("%s, groups %s and %s", d.backend.name(), d.backend.rulesGroup, d.backend.registryGroup), steps)
	operator, closeOperator, err := openOperator(d.backend, d.collect.Published, d.event)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeOperator(context.WithoutCancel(ctx))) }()
	defer func() { err = errors.Join(err, d.fleet.stopAll()) }()
	if err := d.fleet.startServices(ctx, func(service, sdk.Color) bool { return true }, stable); err != nil {
		return err
	}
	gateway, err := d.fleet.start(roleGateway, "gateway", sdk.Neutral, stable)
	if err != nil {
		return err
	}
	if err := waitReady(ctx, gateway); err != nil {
		return err
	}
	l := newLoad(gateway.spec.Port, d.pace.rate, d.pace.every, d.collect)
	if err := l.warmUp(ctx); err != nil {
		return err
	}
	if _, err := d.fleet.start(rolePlain, "plain", sdk.Neutral, stable); err != nil {
		return err
	}
	loading, endLoad := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() { l.run(loading) })
	defer wg.Wait()
	defer endLoad()
	play := &director{store: operator, fleet: d.fleet, collect: d.collect, pace: d.pace, tell: d.view.step}
	if err := play.prepare(ctx); err != nil {
		return fmt.Errorf("prepare: %w", err)
	}
	return play.play(ctx, steps)
}

// event takes what the operator's tool says to the view, and an abort to the collector.
func (d *demo) event(e store.Event) {
	if p, ok := e.(store.Published); ok && strings.HasPrefix(p.Step, string(abort)) {
		d.collect.Aborted(time.Now())
	}
	d.view.event(e)
}

// on takes an event of a child to the collector.
func (d *demo) on(p *process, e event) {
	if len(e.Received) > 0 {
		times := make([]time.Time, len(e.Received))
		for i, t := range e.Received {
			times[i] = time.UnixMicro(t)
		}
		p.served.Add(int64(len(times)))
		d.collect.Received(p.spec.Service, p.color, times)
	}
	if e.Plain != nil {
		var err error
		if e.Plain.Err != "" {
			err = errors.New(e.Plain.Err)
		}
		d.collect.End(d.collect.Begin(true), e.Plain.Tree, err)
	}
	if d.counts.add(p, e) {
		d.collect.Reasons(d.counts.reasons())
	}
}

// writes are the registry writes: as the devstack saw them, else as the processes say.
func (d *demo) writes() []tally.Write {
	if seen, ok := d.backend.writes(); ok {
		return seen
	}
	return d.counts.registryWrites()
}
