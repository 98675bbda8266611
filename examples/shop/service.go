package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"time"
)

// runService is a process of one service: a provider, and a consumer of the services below.
func runService(ctx context.Context, spec childSpec) error {
	link, err := install(spec)
	if err != nil {
		return err
	}
	ins, err := newInstance(spec)
	if err != nil {
		return errors.Join(err, link.stop())
	}
	stubs, err := newStubs(ins, callees(spec.Service))
	if err != nil {
		return errors.Join(err, link.stop())
	}
	srv, err := ins.NewServer()
	if err != nil {
		return errors.Join(err, link.stop())
	}
	report := newReporter()
	id := link.client.Identity()
	impl := &ShopService{name: spec.Service, color: id.Color, version: id.Version, below: stubs, report: report}
	if err := srv.Register(impl, serviceInfo(spec.Service)); err != nil {
		return errors.Join(err, link.stop())
	}
	served := make(chan error, 1)
	go func() { served <- srv.Serve() }()
	if err := waitPort(ctx, spec.Port, served); err != nil {
		return errors.Join(err, link.stop())
	}
	report.send(event{Ready: true})
	return untilStopped(ctx, link, report, served)
}

// untilStopped reports what the process sees until ctx is done, and stops it in order.
func untilStopped(ctx context.Context, link *link, report *reporter, served <-chan error) error {
	reporting, stop := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { report.run(reporting, link.more) })
	var err error
	select {
	case <-ctx.Done():
	case err = <-served:
		err = fmt.Errorf("the server ended by itself: %w", err)
	}
	err = errors.Join(err, link.stop()) // calls may still come in while it stops
	stop()
	wg.Wait()
	return err
}

// waitPort waits until something listens on the port.
func waitPort(ctx context.Context, port int, served <-chan error) error {
	addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	var dialer net.Dialer
	for {
		if conn, err := dialer.DialContext(ctx, "tcp", addr); err == nil {
			return conn.Close()
		}
		select {
		case err := <-served:
			return fmt.Errorf("the server ended at once: %w", err)
		case <-ctx.Done():
			return fmt.Errorf("nothing listens on %s: %w", addr, context.Cause(ctx))
		case <-time.After(20 * time.Millisecond):
		}
	}
}
