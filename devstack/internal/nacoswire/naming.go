package nacoswire

import (
	"maps"
	"reflect"
	"slices"
	"sync"
	"time"

	"github.com/nacos-group/nacos-sdk-go/v2/model"
)

// cacheMillis is how often a client may ask again on its own.
const cacheMillis = 10_000

// Visibility is the list of enabled instances of a service from a moment on.
type Visibility struct {
	// Time is when the list came to be, by the machine's clock.
	Time time.Time
	// Service names the service.
	Service ServiceKey
	// Instances are the enabled instances, as a query would return them.
	Instances []model.Instance
}

// namingStore holds the services. Connections are only marked under its lock, never written to.
type namingStore struct {
	clock *clock
	delay time.Duration

	mu       sync.Mutex
	closed   bool
	timers   sync.WaitGroup
	services map[ServiceKey]*service
	history  []Visibility
}

// service is one service. It is never removed, so that its reference time survives restarts.
type service struct {
	key      ServiceKey
	pubs     []*publication // in the order of first publication
	overlays map[string]*overlay
	subs     map[*conn]string // clusters asked for
	all      []model.Instance // effective values
	visible  []model.Instance // the enabled ones
	lastRef  uint64           // milliseconds; strictly grows
	pending  *time.Timer      // a push is waiting for the delay
}

// publication is what one connection has registered for one service.
type publication struct {
	owner     *conn
	instances []model.Instance
}

func newNamingStore(c *clock, delay time.Duration) *namingStore {
	return &namingStore{clock: c, delay: delay, services: map[ServiceKey]*service{}}
}

func (s *namingStore) getLocked(k ServiceKey) *service {
	svc, ok := s.services[k]
	if !ok {
		svc = &service{key: k, overlays: map[string]*overlay{}, subs: map[*conn]string{}}
		svc.lastRef = s.nowMillis()
		s.services[k] = svc
	}
	return svc
}

func (s *namingStore) nowMillis() uint64 { return uint64(max(s.clock.now().UnixMilli(), 1)) }

// put replaces what the connection publishes for the service.
func (s *namingStore) put(c *conn, k ServiceKey, instances []model.Instance) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.gone.Load() {
		return
	}
	svc := s.getLocked(k)
	i := slices.IndexFunc(svc.pubs, func(p *publication) bool { return p.owner == c })
	if i < 0 {
		svc.pubs = append(svc.pubs, &publication{owner: c, instances: instances})
	} else {
		svc.pubs[i].instances = instances
	}
	s.refreshLocked(svc)
}

// drop empties the connection's publication of the service, whatever instance it names.
func (s *namingStore) drop(c *conn, k ServiceKey) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if svc, ok := s.services[k]; ok {
		s.dropLocked(c, svc)
	}
}

func (s *namingStore) dropLocked(c *conn, svc *service) {
	n := len(svc.pubs)
	svc.pubs = slices.DeleteFunc(svc.pubs, func(p *publication) bool { return p.owner == c })
	if len(svc.pubs) != n {
		s.refreshLocked(svc)
	}
}

// forget removes all that a connection that is gone has published and watched.
func (s *namingStore) forget(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, svc := range s.services {
		delete(svc.subs, c)
		s.dropLocked(c, svc)
	}
}

// refreshLocked recomputes the lists and, if what subscribers see has changed, renews the reference time and has it pushed.
func (s *namingStore) refreshLocked(svc *service) {
	s.expireOverlaysLocked(svc)
	svc.all = svc.effective()
	visible := make([]model.Instance, 0, len(svc.all))
	for _, in := range svc.all {
		if in.Enable {
			visible = append(visible, in)
		}
	}
	if len(visible) == len(svc.visible) && (len(visible) == 0 || reflect.DeepEqual(visible, svc.visible)) {
		return
	}
	svc.visible = visible
	svc.lastRef = max(svc.lastRef+1, s.nowMillis())
	s.history = remember(s.history, Visibility{Time: time.Now(), Service: svc.key, Instances: visible})
	s.pushLocked(svc)
}

// pushLocked marks the subscribers, at once or when the delay that began with the first unpushed change is over.
func (s *namingStore) pushLocked(svc *service) {
	if s.closed || svc.pending != nil {
		return
	}
	if s.delay <= 0 {
		svc.markSubscribers()
		return
	}
	s.timers.Add(1)
	svc.pending = time.AfterFunc(s.delay, func() {
		defer s.timers.Done()
		s.mu.Lock()
		defer s.mu.Unlock()
		svc.pending = nil
		if !s.closed {
			svc.markSubscribers()
		}
	})
}

func (v *service) markSubscribers() {
	for c := range v.subs {
		c.markService(v.key)
	}
}

// subscribe adds a watcher and returns what it sees now.
func (s *namingStore) subscribe(c *conn, k ServiceKey, clusters string) model.Service {
	s.mu.Lock()
	defer s.mu.Unlock()
	svc := s.getLocked(k)
	if !c.gone.Load() {
		svc.subs[c] = clusters
	}
	return svc.info(clusters, false)
}

func (s *namingStore) unsubscribe(c *conn, k ServiceKey, clusters string) model.Service {
	s.mu.Lock()
	defer s.mu.Unlock()
	svc := s.getLocked(k)
	delete(svc.subs, c)
	return svc.info(clusters, false)
}

// query returns the enabled instances.
func (s *namingStore) query(k ServiceKey, clusters string, healthyOnly bool) model.Service {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.getLocked(k).info(clusters, healthyOnly)
}

// render returns what is to be pushed to the connection; ok is false if it does not watch the service any more.
func (s *namingStore) render(c *conn, k ServiceKey) (info model.Service, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	svc := s.getLocked(k)
	clusters, ok := svc.subs[c]
	if !ok {
		return model.Service{}, false
	}
	return svc.info(clusters, false), true
}

// instances returns all instances, also the disabled ones, with the values in force.
func (s *namingStore) instances(k ServiceKey) []model.Instance {
	s.mu.Lock()
	defer s.mu.Unlock()
	if svc, ok := s.services[k]; ok {
		return cloneInstances(svc.all)
	}
	return nil
}

// names returns the services of a group that have an instance, sorted.
func (s *namingStore) names(namespace, group string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var names []string
	for k, svc := range s.services {
		if k.Namespace == normalNamespace(namespace) && k.Group == normalGroup(group) && len(svc.all) > 0 {
			names = append(names, k.Name)
		}
	}
	slices.Sort(names)
	return names
}

func (s *namingStore) subscribers(k ServiceKey) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if svc, ok := s.services[k]; ok {
		return len(svc.subs)
	}
	return 0
}

func (s *namingStore) visibility(k ServiceKey) []Visibility {
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []Visibility
	for _, v := range s.history {
		if v.Service == k {
			v.Instances = cloneInstances(v.Instances)
			found = append(found, v)
		}
	}
	return found
}

// tie adds to a connection's description what it publishes and watches.
func (s *namingStore) tie(c *conn, d *Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for k, svc := range s.services {
		if _, ok := svc.subs[c]; ok {
			d.Subscribed = append(d.Subscribed, k)
		}
		if slices.ContainsFunc(svc.pubs, func(p *publication) bool { return p.owner == c }) {
			d.Published = append(d.Published, k)
		}
	}
}

// close ends the waiting pushes.
func (s *namingStore) close() {
	s.mu.Lock()
	s.closed = true
	for _, svc := range s.services {
		if svc.pending != nil && svc.pending.Stop() {
			svc.pending = nil
			s.timers.Done()
		}
	}
	s.mu.Unlock()
	s.timers.Wait()
}

func cloneInstances(in []model.Instance) []model.Instance {
	out := slices.Clone(in)
	for i := range out {
		out[i].Metadata = maps.Clone(out[i].Metadata)
	}
	return out
}
