package rpc

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"dubbo.apache.org/dubbo-go/v3/cluster/cluster"
	"dubbo.apache.org/dubbo-go/v3/cluster/router"
	"dubbo.apache.org/dubbo-go/v3/common"
	"dubbo.apache.org/dubbo-go/v3/common/constant"
	"dubbo.apache.org/dubbo-go/v3/common/extension"
	"dubbo.apache.org/dubbo-go/v3/filter"
	_ "dubbo.apache.org/dubbo-go/v3/filter/graceful_shutdown" // graceful_shutdown.Init needs its filters
	"dubbo.apache.org/dubbo-go/v3/graceful_shutdown"
	"dubbo.apache.org/dubbo-go/v3/metadata/info"

	"github.com/bluegreen-go/bluegreen/registry"
	"github.com/bluegreen-go/bluegreen/sdk"
	"github.com/bluegreen-go/bluegreen/tracing"
)

// Names under which the parts stand in dubbo-go's extension maps.
const (
	extensionName      = "bluegreen"
	clientFilterName   = "bluegreenClient"
	clientShutdownName = "bluegreenClientShutdown"
	providerFilterName = "bluegreenProvider"
)

// installed guards the one Install of the process.
var installed atomic.Bool

// Installed is the adapter at work.
type Installed struct {
	tracer  *tracing.Tracer
	naming  []*registry.Naming
	routers *routers

	exported atomic.Int32 // services that this process offers
	running  atomic.Int64 // handlers at work
}

// Option configures [Install].
type Option interface{ apply(*config) }

type optionFunc func(*config)

func (f optionFunc) apply(c *config) { f(c) }

type config struct {
	shutdown []graceful_shutdown.Option
	naming   []registry.Option
}

// WithShutdown passes options to dubbo-go's graceful shutdown, such as its
// timeouts; those of the dubbo configuration are not looked at.
func WithShutdown(opts ...graceful_shutdown.Option) Option {
	return optionFunc(func(c *config) { c.shutdown = append(c.shutdown, opts...) })
}

// WithRegistryOptions passes options to the decorated naming clients.
func WithRegistryOptions(opts ...registry.Option) Option {
	return optionFunc(func(c *config) { c.naming = append(c.naming, opts...) })
}

// Install hooks the SDK into dubbo-go. registries names the Nacos registries that
// dubbo-go will use, each exactly as its configuration does. It waits up to 3 s
// for the rules, so that the first registration is right at once.
//
// The client's Shutdown stops dubbo-go as well; a program calls it where it used
// to rely on dubbo-go's signal handler. Install returns [ErrInstalled] when
// called twice.
func Install(tracer *tracing.Tracer, registries []Registry, opts ...Option) (*Installed, error) {
	if len(registries) == 0 {
		return nil, ErrNoRegistry
	}
	if !installed.CompareAndSwap(false, true) {
		return nil, ErrInstalled
	}
	cfg := config{}
	for _, o := range opts {
		o.apply(&cfg)
	}
	client := tracer.Client()
	in := &Installed{tracer: tracer, routers: &routers{tracer: tracer}}
	graceful_shutdown.Init(append(cfg.shutdown, graceful_shutdown.WithoutInternalSignal())...)
	client.OnShutdown(sdk.StopRPC, "dubbo-go", in.stop)
	for _, r := range registries {
		n, err := r.own(client, cfg.naming)
		if err != nil {
			return nil, fmt.Errorf("rpc: registry %s: %w", r.Address, err)
		}
		in.naming = append(in.naming, n)
	}
	in.extend()
	client.AddPart("rpc", sdk.PartFunc(in.behind))
	if err := client.WaitLoaded(context.Background()); err != nil {
		client.Logger().Warn("bluegreen: starting without rules", "error", err)
	}
	return in, nil
}

// extend registers everything in dubbo-go's extension maps.
func (in *Installed) extend() {
	shared := &interceptor{tracer: in.tracer}
	cluster.SetClusterInterceptor(extensionName, func() cluster.Interceptor { return shared })
	extension.SetRouterFactory(extensionName, func() router.PriorityRouterFactory { return in.routers })
	extension.SetFilter(clientFilterName, func() filter.Filter { return &clientFilter{tracer: in.tracer} })
	extension.SetFilter(clientShutdownName, func() filter.Filter {
		next, _ := extension.GetFilter(constant.GracefulShutdownConsumerFilterKey)
		return &clientFilter{tracer: in.tracer, next: next}
	})
	extension.SetFilter(providerFilterName, func() filter.Filter { return &providerFilter{in.tracer, &in.running} })
	extension.SetConfigPostProcessor(extensionName, in)
	common.SetCompareURLEqualFunc(equalButWeight(common.GetCompareURLEqualFunc()))
	for _, key := range []string{registry.KeyService, registry.KeyColor, registry.KeyVersion, registry.KeyProto} {
		info.IncludeKeys.Add(key)
	}
}

// stop runs dubbo-go's graceful shutdown: finish calls, close connections.
//
// dubbo-go v3.3.2 breaks it off with a panic of its own when a service is still
// being registered. Then nothing has waited for the calls that run, so this does.
func (in *Installed) stop(ctx context.Context) error {
	err := graceful_shutdown.Shutdown(ctx)
	if err == nil || ctx.Err() != nil {
		return err
	}
	in.tracer.Client().Logger().Warn("bluegreen: dubbo-go broke off its shutdown; waiting for the calls that run", "error", err)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for in.running.Load() > 0 {
		select {
		case <-ctx.Done():
			return fmt.Errorf("%d calls still run: %w", in.running.Load(), context.Cause(ctx))
		case <-tick.C:
		}
	}
	return nil
}

// PostProcessReferenceConfig implements dubbo-go's config.ConfigPostProcessor.
func (in *Installed) PostProcessReferenceConfig(url *common.URL) {
	url.SetParam(constant.ReferenceFilterKey, clientFilters(url.GetParam(constant.ReferenceFilterKey, "")))
}

// clientFilters puts the client filter in front of a list of filters. The list
// that dubbo-go has unless told otherwise, its shutdown filter alone, stays one
// name: that filter renders the URL in every call, and a comma has to be escaped.
func clientFilters(list string) string {
	if list == constant.GracefulShutdownConsumerFilterKey {
		return clientShutdownName
	}
	return join(clientFilterName, list)
}

// ownServices are what dubbo-go offers besides the program's services. Their
// calls are no requests: a caller's watch of a provider's health lasts as long as
// the connection.
var ownServices = map[string]bool{
	constant.HealthCheckServiceInterface: true, constant.ReflectionServiceInterface: true,
	constant.MetadataServiceName: true, constant.MetadataServiceV2Name: true,
}

// PostProcessServiceConfig implements dubbo-go's config.ConfigPostProcessor.
func (in *Installed) PostProcessServiceConfig(url *common.URL) {
	if ownServices[url.GetParam(constant.InterfaceKey, strings.TrimPrefix(url.Path, "/"))] {
		return
	}
	id := in.tracer.Client().Identity()
	url.SetParam(constant.ServiceFilterKey, join(url.GetParam(constant.ServiceFilterKey, ""), providerFilterName))
	url.SetParam(registry.KeyService, id.Service)
	url.SetParam(registry.KeyProto, registry.Proto)
	if id.Version != "" {
		url.SetParam(registry.KeyVersion, id.Version)
	}
	if id.Color != sdk.Neutral {
		url.SetParam(registry.KeyColor, id.Color.String())
		url.DelParam(constant.WeightKey)
		dropMethodWeights(url)
	}
	in.checkName(url.GetParam(constant.ApplicationKey, ""), id.Service)
	if in.exported.Add(1) == 1 {
		time.AfterFunc(ownedWithin, in.alarmUnlessOwned)
	}
}

func join(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + "," + b
}

// checkName makes registrations fail if dubbo-go knows the process by another
// name than the SDK.
func (in *Installed) checkName(application, service string) {
	if application == "" || application == service {
		return
	}
	err := fmt.Errorf("%w: dubbo-go's application name is %q, the SDK's service %q", sdk.ErrServiceNames, application, service)
	for _, n := range in.naming {
		n.Refuse(err)
	}
	in.tracer.Client().Logger().Error("bluegreen: refusing to register", "error", err)
}

// ownedWithin is how soon after its first export a provider's registration must
// have passed through the decorator.
const ownedWithin = 10 * time.Second

func (in *Installed) alarmUnlessOwned() {
	if err := in.Verify(); err != nil {
		in.tracer.Client().Logger().Error("bluegreen: " + err.Error())
		in.tracer.Client().Recheck()
	}
}

// Verify reports [ErrNotOwned] if this process offers services and none of their
// registrations has passed through the SDK. Call it once the server is up; a
// program that goes on after an error is never drained.
func (in *Installed) Verify() error {
	if in.exported.Load() == 0 {
		return nil
	}
	for _, n := range in.naming {
		if n.Status().Writes > 0 {
			return nil
		}
	}
	return ErrNotOwned
}

// behind implements sdk.Part for the routers and the ownership of registrations.
func (in *Installed) behind(ch *sdk.Channel) []string {
	blind := in.routers.behind(ch)
	if ch.Has(in.tracer.Client().Identity().Service) && errors.Is(in.Verify(), ErrNotOwned) {
		blind = append(blind, "registry: not owned")
	}
	return blind
}

// Naming returns the decorated naming clients, in the order of the registries.
func (in *Installed) Naming() []*registry.Naming { return in.naming }
