package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"sync"

	"github.com/bluegreen-go/bluegreen/sdk"
)

// fleet is all children of the demo.
type fleet struct {
	exe    string
	base   childSpec // what all children have in common
	on     func(*process, event)
	broken context.CancelCauseFunc // called when a child ends by itself

	mu    sync.Mutex
	procs []*process
	port  int
}

func newFleet(exe string, base childSpec, on func(*process, event), broken context.CancelCauseFunc) *fleet {
	return &fleet{exe: exe, base: base, on: on, broken: broken, port: firstPort}
}

// start starts one child on a free port.
func (f *fleet) start(role, service string, color sdk.Color, version string) (*process, error) {
	spec := f.base
	spec.Role, spec.Service = role, service
	if role != rolePlain {
		port, err := f.freePort()
		if err != nil {
			return nil, err
		}
		spec.Port = port
	}
	p, err := startProcess(f.exe, spec, color, version, f.on)
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	f.procs = append(f.procs, p)
	f.mu.Unlock()
	go func() {
		<-p.done
		if !p.isStopping() {
			f.broken(p.failure())
		}
	}()
	return p, nil
}

// startServices starts all processes of the services that match, in one colour or in all, and waits until they serve.
func (f *fleet) startServices(ctx context.Context, match func(service, sdk.Color) bool, version string) error {
	var started []*process
	for _, s := range services {
		for _, color := range s.colorsOf() {
			if !match(s, color) {
				continue
			}
			for range perColor {
				p, err := f.start(roleService, s.name, color, version)
				if err != nil {
					return err
				}
				started = append(started, p)
			}
		}
	}
	return waitReady(ctx, started...)
}

func waitReady(ctx context.Context, procs ...*process) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	for _, p := range procs {
		select {
		case <-p.ready:
		case <-p.done:
			return p.failure()
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready: %w", p.name(), context.Cause(ctx))
		}
	}
	return nil
}

// deploy replaces all processes of a colour of a channel by ones of another version.
func (f *fleet) deploy(ctx context.Context, channel string, color sdk.Color, version string) error {
	match := func(s service, c sdk.Color) bool { return s.channel == channel && c == color }
	if err := f.stop(func(p *process) bool {
		return p.spec.Role == roleService && slices.ContainsFunc(services, func(s service) bool {
			return s.name == p.spec.Service && match(s, p.color)
		})
	}); err != nil {
		return err
	}
	return f.startServices(ctx, match, version)
}

// stop stops the children that match, all at once, and waits for them.
func (f *fleet) stop(match func(*process) bool) error {
	f.mu.Lock()
	var ending []*process
	f.procs = slices.DeleteFunc(f.procs, func(p *process) bool {
		if match(p) {
			ending = append(ending, p)
			return true
		}
		return false
	})
	f.mu.Unlock()
	errs := make([]error, len(ending))
	var wg sync.WaitGroup
	for i, p := range ending {
		wg.Go(func() { errs[i] = p.stop() })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// stopAll stops the callers first, so that no call fails, and then the services.
func (f *fleet) stopAll() error {
	return errors.Join(
		f.stop(func(p *process) bool { return p.spec.Role != roleService }),
		f.stop(func(*process) bool { return true }),
	)
}

// list returns the children that are there.
func (f *fleet) list() []*process {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.procs)
}

// Ports are taken from below the range that the system gives to outgoing connections, so that none of those can take one
// between the look and the child's own listen.
const (
	firstPort = 20200
	lastPort  = 31000
)

// freePort returns a loopback port that nothing listens on, another one each time.
func (f *fleet) freePort() (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for ; f.port < lastPort; f.port++ {
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(f.port)))
		if err != nil {
			continue
		}
		f.port++
		return f.port - 1, l.Close()
	}
	return 0, errors.New("no free port")
}
