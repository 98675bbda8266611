package rpc

import (
	"math"
	"slices"
	"strings"
	"sync"

	"dubbo.apache.org/dubbo-go/v3/cluster/router"
	"dubbo.apache.org/dubbo-go/v3/common"
	"dubbo.apache.org/dubbo-go/v3/common/constant"
	"dubbo.apache.org/dubbo-go/v3/protocol/base"

	"github.com/bluegreen-go/bluegreen/internal/route"
	"github.com/bluegreen-go/bluegreen/internal/view"
	"github.com/bluegreen-go/bluegreen/registry"
	"github.com/bluegreen-go/bluegreen/sdk"
	"github.com/bluegreen-go/bluegreen/tracing"
)

// routers makes a router per directory and knows them all, so that they can be
// asked what they see.
type routers struct {
	tracer *tracing.Tracer
	mu     sync.Mutex
	list   []*colorRouter
}

// NewPriorityRouter implements dubbo-go's router.PriorityRouterFactory.
func (f *routers) NewPriorityRouter(url *common.URL) (router.PriorityRouter, error) {
	r := &colorRouter{url: url, tracer: f.tracer}
	f.mu.Lock()
	f.list = append(f.list, r)
	f.mu.Unlock()
	return r, nil
}

// behind implements sdk.Part: every router's list has every registered colour
// and none that is out.
func (f *routers) behind(ch *sdk.Channel) (blind []string) {
	f.mu.Lock()
	list := f.list
	f.mu.Unlock()
	for _, r := range list {
		blind = append(blind, r.list.Blind(ch)...)
	}
	return blind
}

// colorRouter picks the instances of the decided colour from the list of one
// directory: one interface at one registry.
type colorRouter struct {
	url    *common.URL
	tracer *tracing.Tracer
	list   route.List[base.Invoker]
}

// Priority puts the router behind all others, so that what they rule out does
// not count as live.
func (r *colorRouter) Priority() int64 { return math.MaxInt32 }

// URL returns the consumer's URL.
func (r *colorRouter) URL() *common.URL { return r.url }

// Notify takes a new list of instances.
func (r *colorRouter) Notify(invokers []base.Invoker) {
	r.list.Set(slices.Clone(invokers), classify)
	r.tracer.Client().Recheck()
}

// classify says whose an instance is: by our own key, else by the application
// that registered it. What offers no interface is a registry among several, with
// the caller's own application in its URL; behind it is a list of its own.
func classify(invoker base.Invoker) view.Class {
	url := invoker.GetURL()
	if url == nil {
		return view.Class{}
	}
	color, _ := sdk.ParseColor(url.GetParam(registry.KeyColor, "")) // an unknown colour is none
	service := url.GetParam(registry.KeyService, "")
	if service == "" && url.GetParam(constant.InterfaceKey, "") != "" {
		service = url.GetParam(constant.ApplicationKey, "")
	}
	return view.Class{Service: service, Color: color}
}

// Route implements dubbo-go's router. It runs once per attempt.
func (r *colorRouter) Route(invokers []base.Invoker, _ *common.URL, inv base.Invocation) []base.Invoker {
	c := callOf(inv)
	if c == nil || len(invokers) == 0 {
		return invokers
	}
	return route.Pick(c, r.list.Among(invokers, classify)).Instances
}

// equalButWeight makes dubbo-go keep the connection of an instance of which only
// the weight has changed: the new weight is copied to the URL in use.
func equalButWeight(before common.CompareURLEqualFunc) common.CompareURLEqualFunc {
	return func(fresh, cached *common.URL, exclude ...string) bool {
		if before(fresh, cached, exclude...) {
			return true
		}
		if !before(fresh, cached, append([]string{constant.WeightKey}, exclude...)...) {
			return false
		}
		cached.SetParam(constant.WeightKey, fresh.GetParam(constant.WeightKey, ""))
		return true
	}
}

// dropMethodWeights removes the weights per method that dubbo-go writes for every
// configured method and that win over the instance's.
func dropMethodWeights(url *common.URL) {
	var drop []string
	url.RangeParams(func(key, _ string) bool {
		if strings.HasPrefix(key, "methods.") && strings.HasSuffix(key, "."+constant.WeightKey) {
			drop = append(drop, key)
		}
		return true
	})
	for _, key := range drop {
		url.DelParam(key)
	}
}
