package sim

import (
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/nacos-group/nacos-sdk-go/v2/clients/naming_client"
	"github.com/nacos-group/nacos-sdk-go/v2/model"
	"github.com/nacos-group/nacos-sdk-go/v2/vo"

	"github.com/bluegreen-go/bluegreen/internal/route"
	"github.com/bluegreen-go/bluegreen/internal/view"
	"github.com/bluegreen-go/bluegreen/registry"
	"github.com/bluegreen-go/bluegreen/sdk"
)

// registryServer is the model of the registry: records by service and process,
// and subscriptions that are told late, or not, and then healed later.
type registryServer struct {
	w       *world
	mu      sync.Mutex
	records map[string]map[string]vo.RegisterInstanceParam // service → boot id
	owners  map[string]*process                            // by boot id
	subs    map[string][]*subscription
	version int
}

func newRegistryServer(w *world) *registryServer {
	return &registryServer{
		w: w, records: map[string]map[string]vo.RegisterInstanceParam{}, owners: map[string]*process{},
		subs: map[string][]*subscription{},
	}
}

// instance is one process behind a service, as callers tell them apart.
type instance struct {
	p       *process
	service string
	color   sdk.Color
}

func classify(i instance) view.Class { return view.Class{Service: i.service, Color: i.color} }

// subscription is one caller's list of one service.
type subscription struct {
	p       *process
	service string
	list    route.List[instance]

	mu      sync.Mutex
	version int
	weights map[instance]float64
}

type snapshot struct {
	version   int
	instances []instance
	weights   map[instance]float64
}

// enabled returns what is shown of a service; the caller holds the lock.
func (r *registryServer) enabled(service string) snapshot {
	s := snapshot{version: r.version, weights: map[instance]float64{}}
	for _, boot := range slices.Sorted(maps.Keys(r.records[service])) {
		param := r.records[service][boot]
		if !param.Enable {
			continue
		}
		color, _ := sdk.ParseColor(param.Metadata[registry.KeyColor])
		i := instance{r.owners[boot], param.Metadata[registry.KeyService], color}
		s.instances = append(s.instances, i)
		s.weights[i] = param.Weight
	}
	return s
}

func (r *registryServer) put(p *process, param vo.RegisterInstanceParam) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.records[param.ServiceName] == nil {
		r.records[param.ServiceName] = map[string]vo.RegisterInstanceParam{}
	}
	r.version++
	r.owners[p.id.Boot] = p
	before, was := r.records[param.ServiceName][p.id.Boot]
	r.records[param.ServiceName][p.id.Boot] = param
	r.w.check.written(p, before, param, was, len(r.enabled(param.ServiceName).instances))
	r.notify(param.ServiceName)
}

func (r *registryServer) remove(p *process, service string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, ok := r.records[service][p.id.Boot]; !ok {
		return
	}
	r.version++
	delete(r.records[service], p.id.Boot)
	r.notify(service)
}

// notify tells the subscribers; the caller holds the lock.
func (r *registryServer) notify(service string) {
	now := r.enabled(service)
	for _, s := range r.subs[service] {
		if r.w.cfg.lossy && s.p.random("lost view", r.w.cfg.limits.lost) == 0 {
			time.AfterFunc(60*tick+s.p.delay("heal", 60), func() { r.tell(s) })
			continue
		}
		time.AfterFunc(s.p.viewDelay(service), func() { s.set(now) })
	}
}

// tell brings a subscription up to date.
func (r *registryServer) tell(s *subscription) {
	r.mu.Lock()
	now := r.enabled(s.service)
	r.mu.Unlock()
	s.set(now)
}

func (r *registryServer) subscribe(p *process, service string) *subscription {
	s := &subscription{p: p, service: service, version: -1}
	r.mu.Lock()
	r.subs[service] = append(r.subs[service], s)
	r.mu.Unlock()
	r.tell(s)
	return s
}

func (r *registryServer) unsubscribe(p *process) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for service := range r.subs {
		r.subs[service] = slices.DeleteFunc(r.subs[service], func(s *subscription) bool { return s.p == p })
	}
}

func (s *subscription) set(now snapshot) {
	if s.p.cut.Load() {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if now.version <= s.version {
		return
	}
	s.version, s.weights = now.version, now.weights
	s.list.Set(now.instances, classify)
	if s.p.client != nil {
		s.p.client.Recheck()
	}
}

// weight returns what the list says of an instance.
func (s *subscription) weight(i instance) float64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.weights[i]
}

// naming is the registry as the SDK of one process sees it.
type naming struct {
	naming_client.INamingClient
	p *process
}

// RegisterInstance implements naming_client.INamingClient.
func (n naming) RegisterInstance(param vo.RegisterInstanceParam) (bool, error) {
	if n.p.cut.Load() {
		return false, errCut
	}
	if n.p.w.cfg.without.closedStart && !n.p.ready.Load() {
		param.Enable = true
	}
	n.p.w.registry.put(n.p, param)
	return true, nil
}

// DeregisterInstance implements naming_client.INamingClient.
func (n naming) DeregisterInstance(param vo.DeregisterInstanceParam) (bool, error) {
	if n.p.cut.Load() {
		return false, errCut
	}
	n.p.w.registry.remove(n.p, param.ServiceName)
	return true, nil
}

// SelectAllInstances implements naming_client.INamingClient: a fresh read, whose
// answer is on its way for a while.
func (n naming) SelectAllInstances(param vo.SelectAllInstancesParam) ([]model.Instance, error) {
	if n.p.cut.Load() {
		return nil, errCut
	}
	r := n.p.w.registry
	r.mu.Lock()
	var list []model.Instance
	for _, rec := range r.records[param.ServiceName] {
		if rec.Enable {
			list = append(list, model.Instance{
				Ip: rec.Ip, Port: rec.Port, Weight: rec.Weight, Enable: true, Healthy: true, Metadata: rec.Metadata,
			})
		}
	}
	r.mu.Unlock()
	time.Sleep(n.p.lookDelay())
	return list, nil
}

// Unsubscribe implements naming_client.INamingClient.
func (naming) Unsubscribe(*vo.SubscribeParam) error { return nil }

// CloseClient implements naming_client.INamingClient.
func (naming) CloseClient() {}
