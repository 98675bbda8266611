package main

import (
	"context"
	"path/filepath"
	"strconv"
	"time"

	"dubbo.apache.org/dubbo-go/v3/graceful_shutdown"

	"github.com/bluegreen-go/bluegreen/registry"
	"github.com/bluegreen-go/bluegreen/rpc"
	"github.com/bluegreen-go/bluegreen/sdk"
	"github.com/bluegreen-go/bluegreen/sdk/nacos"
	"github.com/bluegreen-go/bluegreen/tracing"
)

// fullWeight is the weight of a colour that takes all its traffic. The larger it is, the fewer calls of callers without
// the SDK leak to a colour whose share is 0 and whose weight is 1.
const fullWeight = 10000

// How soon a process finds out by itself that a push was lost, of rules and of its own record. On a laptop with more to
// do than it can that happens; the defaults of half a minute would make the demo wait for it.
const (
	pollInterval      = 5 * time.Second
	reconcileInterval = 10 * time.Second
)

// link is what a process has of the SDK.
type link struct {
	client    *sdk.Client
	tracer    *tracing.Tracer
	installed *rpc.Installed
	writes    int64 // told to the parent so far
	crossings int64 // told to the parent so far
}

// install is all that a service does to take part: follow the rules, and hand dubbo-go over to them.
func install(spec childSpec) (*link, error) {
	dir := filepath.Join(spec.Dir, spec.Service+"-"+strconv.Itoa(spec.Port))
	client, err := nacos.Start(spec.Service, nacos.Config{Address: spec.Nacos, Group: spec.RulesGroup, CacheDir: spec.Dir},
		sdk.WithLastGoodFile(filepath.Join(dir, "last-good.yaml")), sdk.WithPollInterval(pollInterval))
	if err != nil {
		return nil, err
	}
	l := &link{client: client, tracer: tracing.New(client)}
	nacosRegistry := rpc.Registry{Address: spec.Nacos, CacheDir: filepath.Join(dir, "cache"), LogDir: filepath.Join(dir, "log")}
	l.installed, err = rpc.Install(l.tracer, []rpc.Registry{nacosRegistry},
		rpc.WithShutdown(graceful_shutdown.WithConsumerUpdateWaitTime(time.Second)),
		rpc.WithRegistryOptions(registry.WithFullWeight(fullWeight), registry.WithReconcileInterval(reconcileInterval)))
	if err != nil {
		_ = l.stop()
		return nil, err
	}
	return l, nil
}

// stop deregisters, finishes the calls under way, and says goodbye.
func (l *link) stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), stopLimit)
	defer cancel()
	return l.client.Shutdown(ctx)
}

// more adds to an event what the SDK counts in this process, if it has changed.
func (l *link) more(e *event) {
	crossings, sum := map[string]int64{}, int64(0)
	for _, c := range l.tracer.Counters().Snapshot().Crossings {
		crossings[string(c.Reason)] += c.Count
		sum += c.Count
	}
	if sum != l.crossings {
		l.crossings, e.Crossings = sum, crossings
	}
	now := time.Now().UnixMicro()
	for _, n := range l.installed.Naming() {
		for total := n.Status().Writes; l.writes < total; l.writes++ {
			e.Writes = append(e.Writes, now)
		}
	}
}
