package conformance

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/nacos-group/nacos-sdk-go/v2/clients/naming_client"
	"github.com/nacos-group/nacos-sdk-go/v2/model"
	"github.com/nacos-group/nacos-sdk-go/v2/vo"
)

const namingGroup = "CONFORMANCE"

func (s *suite) service(what string) Service { return Service{Group: namingGroup, Name: s.name(what)} }

// instance is what a client registers.
type instance struct {
	ip      string
	port    uint64
	weight  float64
	off     bool
	meta    map[string]string
	cluster string
}

func (i instance) record() record {
	return recordOf(model.Instance{Ip: i.ip, Port: i.port, Weight: i.weight, Enable: !i.off, Metadata: i.meta})
}

func (i instance) param(svc Service) vo.RegisterInstanceParam {
	return vo.RegisterInstanceParam{
		ServiceName: svc.Name, GroupName: svc.Group, Ip: i.ip, Port: i.port, Weight: i.weight, Enable: !i.off,
		Healthy: true, Ephemeral: true, Metadata: maps.Clone(i.meta), ClusterName: i.cluster,
	}
}

func register(t testing.TB, c naming_client.INamingClient, svc Service, i instance) {
	t.Helper()
	if ok, err := c.RegisterInstance(i.param(svc)); !ok || err != nil {
		t.Fatalf("register %s:%d: got %v, %v, want true", i.ip, i.port, ok, err)
	}
}

func update(t testing.TB, c naming_client.INamingClient, svc Service, i instance) {
	t.Helper()
	if ok, err := c.UpdateInstance(vo.UpdateInstanceParam(i.param(svc))); !ok || err != nil {
		t.Fatalf("update %s:%d: got %v, %v, want true", i.ip, i.port, ok, err)
	}
}

func batch(t testing.TB, c naming_client.INamingClient, svc Service, all ...instance) {
	t.Helper()
	p := vo.BatchRegisterInstanceParam{ServiceName: svc.Name, GroupName: svc.Group}
	for _, i := range all {
		p.Instances = append(p.Instances, i.param(svc))
	}
	if ok, err := c.BatchRegisterInstance(p); !ok || err != nil {
		t.Fatalf("batch: got %v, %v, want true", ok, err)
	}
}

// waitAdmin waits until the console shows exactly the given records.
func (s *suite) waitAdmin(t testing.TB, svc Service, want ...record) {
	t.Helper()
	eventually(t, "console list of "+svc.Name, func() string {
		got, err := s.Admin.Instances(context.Background(), svc)
		if err != nil {
			return err.Error()
		}
		return diff(got, want)
	})
}

// waitQuery waits until a client that has no subscription yet is told exactly the given records.
func (s *suite) waitQuery(t testing.TB, svc Service, want ...record) {
	t.Helper()
	eventually(t, "query of "+svc.Name, func() string {
		c := s.namingClient(t, svc.Namespace)
		defer closeSoon(c.CloseClient)
		got, err := c.SelectAllInstances(vo.SelectAllInstancesParam{ServiceName: svc.Name, GroupName: svc.Group})
		if err != nil {
			return err.Error()
		}
		return diff(got, want)
	})
}

func (s *suite) registerUpdate(t *testing.T) {
	svc, owner := s.service("update"), s.namingClient(t, "")
	w := s.watch(t, s.namingClient(t, ""), svc)
	in := instance{ip: "10.0.0.1", port: 20000, weight: 1, meta: map[string]string{"color": "blue", "v": "1"}}
	register(t, owner, svc, in)
	w.waitFor(t, "registered", in.record())
	got := w.last()[0]
	if want := svc.Group + "@@" + svc.Name; got.ServiceName != want || got.ClusterName != "DEFAULT" || !got.Healthy || !got.Ephemeral {
		t.Errorf("instance: got %+v, want service name %q, cluster DEFAULT, healthy and ephemeral", got, want)
	}
	in.weight = 5
	update(t, owner, svc, in)
	w.waitFor(t, "weight", in.record())
	in.meta = map[string]string{"color": "green"}
	update(t, owner, svc, in)
	w.waitFor(t, "metadata is replaced, not merged", in.record())
	s.waitQuery(t, svc, in.record())
	s.waitAdmin(t, svc, in.record())
}

// metadataLimit: what is too long is refused without an error, and leaves the record as it was.
func (s *suite) metadataLimit(t *testing.T) {
	svc, owner := s.service("limit"), s.namingClient(t, "")
	fits := instance{ip: "10.0.0.1", port: 20000, weight: 1, meta: map[string]string{"key": strings.Repeat("x", 1021)}}
	register(t, owner, svc, fits)
	s.waitAdmin(t, svc, fits.record())
	wide := fits
	wide.meta = map[string]string{"key": strings.Repeat("\u84dd", 1021)} // characters count, not bytes
	update(t, owner, svc, wide)
	s.waitAdmin(t, svc, wide.record())
	long := fits
	long.meta = map[string]string{"key": strings.Repeat("x", 1021), "k": ""}
	refused := func(call string, ok bool, err error) {
		if ok || err != nil {
			t.Errorf("%s with 1025 characters of metadata: got %v, %v, want false without an error", call, ok, err)
		}
	}
	ok, err := owner.UpdateInstance(vo.UpdateInstanceParam(long.param(svc)))
	refused("update", ok, err)
	ok, err = owner.RegisterInstance(long.param(svc))
	refused("register", ok, err)
	ok, err = owner.BatchRegisterInstance(vo.BatchRegisterInstanceParam{
		ServiceName: svc.Name, GroupName: svc.Group, Instances: []vo.RegisterInstanceParam{fits.param(svc), long.param(svc)},
	})
	refused("batch", ok, err)
	s.waitAdmin(t, svc, wide.record())
}

func (s *suite) disabledHidden(t *testing.T) {
	svc := s.service("disabled")
	one, two := s.namingClient(t, ""), s.namingClient(t, "")
	a := instance{ip: "10.0.0.1", port: 20000, weight: 1}
	b := instance{ip: "10.0.0.2", port: 20000, weight: 1}
	w := s.watch(t, s.namingClient(t, ""), svc)
	register(t, one, svc, a)
	register(t, two, svc, b)
	w.waitFor(t, "both", a.record(), b.record())
	a.off = true
	update(t, one, svc, a)
	w.waitFor(t, "one is disabled", b.record())
	s.waitQuery(t, svc, b.record())
	s.waitAdmin(t, svc, a.record(), b.record())
	b.off = true
	update(t, two, svc, b)
	w.waitFor(t, "the last one is disabled")
	s.waitAdmin(t, svc, a.record(), b.record())
	late := s.watch(t, s.namingClient(t, ""), svc)
	a.off, a.weight = false, 3
	update(t, one, svc, a)
	w.waitFor(t, "enabled again", a.record())
	late.waitFor(t, "enabled again", a.record())
	born := s.service("born-disabled")
	wb := s.watch(t, s.namingClient(t, ""), born)
	register(t, one, born, instance{ip: "10.0.0.9", port: 1, weight: 1, off: true})
	shown := instance{ip: "10.0.0.8", port: 1, weight: 1}
	register(t, two, born, shown)
	wb.waitFor(t, "only the enabled one", shown.record())
	for _, list := range wb.all() {
		if slices.ContainsFunc(list, func(in model.Instance) bool { return in.Ip == "10.0.0.9" }) {
			t.Errorf("an instance that was registered disabled was pushed: %+v", list)
		}
	}
}

func (s *suite) weights(t *testing.T) {
	svc, owner := s.service("weights"), s.namingClient(t, "")
	w := s.watch(t, s.namingClient(t, ""), svc)
	in := instance{ip: "10.0.0.1", port: 20000}
	for _, in.weight = range []float64{1, 0.01, 99.5, 100_000, 0} {
		update(t, owner, svc, in)
		w.waitFor(t, fmt.Sprintf("weight %v", in.weight), in.record())
	}
}

func (s *suite) oneSlot(t *testing.T) {
	svc, owner := s.service("slot"), s.namingClient(t, "")
	w := s.watch(t, s.namingClient(t, ""), svc)
	a := instance{ip: "10.0.0.1", port: 20000, weight: 1}
	b := instance{ip: "10.0.0.2", port: 20001, weight: 2}
	register(t, owner, svc, a)
	w.waitFor(t, "first", a.record())
	register(t, owner, svc, b)
	w.waitFor(t, "the second replaces the first", b.record())
	s.waitAdmin(t, svc, b.record())
}

func (s *suite) twoClients(t *testing.T) {
	svc, owner, other := s.service("two"), s.namingClient(t, ""), s.namingClient(t, "")
	w := s.watch(t, s.namingClient(t, ""), svc)
	in := instance{ip: "10.0.0.1", port: 20000, weight: 1}
	register(t, owner, svc, in)
	w.waitFor(t, "the owner's", in.record())
	own := in.record()
	in.weight = 7
	update(t, other, svc, in)
	w.waitFor(t, "a second client's update is a second record", own, in.record())
	other.CloseClient()
	w.waitFor(t, "only the owner's again", own)
}

func (s *suite) batch(t *testing.T) {
	svc, owner := s.service("batch"), s.namingClient(t, "")
	w := s.watch(t, s.namingClient(t, ""), svc)
	a := instance{ip: "10.0.0.1", port: 1, weight: 1, meta: map[string]string{"p": "tri"}}
	b := instance{ip: "10.0.0.1", port: 2, weight: 2, meta: map[string]string{"p": "dubbo"}}
	c := instance{ip: "10.0.0.1", port: 3, weight: 3, off: true, meta: map[string]string{"p": "rest"}}
	batch(t, owner, svc, a, b, c)
	w.waitFor(t, "batch", a.record(), b.record())
	s.waitAdmin(t, svc, a.record(), b.record(), c.record())
	c.off = false
	batch(t, owner, svc, b, c)
	w.waitFor(t, "the set is replaced", b.record(), c.record())
	b.weight = 9
	update(t, owner, svc, b)
	w.waitFor(t, "an update collapses the set", b.record())
	s.waitAdmin(t, svc, b.record())
}

func (s *suite) merged(t *testing.T) {
	svc, owner := s.service("merged"), s.namingClient(t, "")
	w := s.watch(t, s.namingClient(t, ""), svc)
	in := instance{ip: "10.0.0.1", port: 20000, weight: 1}
	register(t, owner, svc, in)
	w.waitFor(t, "registered", in.record())
	before := len(w.all())
	for n := range 10 {
		in.weight = float64(n + 2)
		update(t, owner, svc, in)
	}
	w.waitFor(t, "the last value wins", in.record())
	if got := len(w.all()) - before; got > 4 {
		t.Errorf("ten updates in a row were pushed %d times, want at most 4", got)
	}
}

func (s *suite) identical(t *testing.T) {
	svc, owner := s.service("identical"), s.namingClient(t, "")
	w := s.watch(t, s.namingClient(t, ""), svc)
	in := instance{ip: "10.0.0.1", port: 20000, weight: 1, meta: map[string]string{"k": "v"}}
	register(t, owner, svc, in)
	w.waitFor(t, "registered", in.record())
	before := len(w.all())
	update(t, owner, svc, in)
	update(t, owner, svc, in)
	in.weight = 2
	update(t, owner, svc, in)
	w.waitFor(t, "changed", in.record())
	if got := len(w.all()) - before; got != 1 {
		t.Errorf("two identical updates and one change: the watcher was called %d times, want 1", got)
	}
}

func deregister(t testing.TB, c naming_client.INamingClient, svc Service, i instance) {
	t.Helper()
	ok, err := c.DeregisterInstance(vo.DeregisterInstanceParam{
		ServiceName: svc.Name, GroupName: svc.Group, Ip: i.ip, Port: i.port, Ephemeral: true,
	})
	if !ok || err != nil {
		t.Fatalf("deregister %s:%d: got %v, %v, want true", i.ip, i.port, ok, err)
	}
}

func (s *suite) deregister(t *testing.T) {
	svc, owner, other := s.service("deregister"), s.namingClient(t, ""), s.namingClient(t, "")
	w := s.watch(t, s.namingClient(t, ""), svc)
	a := instance{ip: "10.0.0.1", port: 20000, weight: 1}
	b := instance{ip: "10.0.0.2", port: 20000, weight: 1}
	register(t, owner, svc, a)
	register(t, other, svc, b)
	w.waitFor(t, "both", a.record(), b.record())
	deregister(t, owner, svc, a)
	w.waitFor(t, "one left", b.record())
	deregister(t, other, svc, instance{ip: "10.9.9.9", port: 9})
	w.waitFor(t, "the connection's record goes, whatever address is named")
	register(t, owner, svc, a)
	w.waitFor(t, "registered again", a.record())
}

func (s *suite) clientGone(t *testing.T) {
	svc, owner, other := s.service("gone"), s.namingClient(t, ""), s.namingClient(t, "")
	w := s.watch(t, s.namingClient(t, ""), svc)
	a := instance{ip: "10.0.0.1", port: 1, weight: 1}
	b := instance{ip: "10.0.0.1", port: 2, weight: 1}
	c := instance{ip: "10.0.0.3", port: 1, weight: 1}
	batch(t, owner, svc, a, b)
	register(t, other, svc, c)
	w.waitFor(t, "all", a.record(), b.record(), c.record())
	owner.CloseClient()
	w.waitFor(t, "the closed client's are gone", c.record())
	s.waitAdmin(t, svc, c.record())
}

func (s *suite) unsubscribe(t *testing.T) {
	svc, owner, reader := s.service("unsubscribe"), s.namingClient(t, ""), s.namingClient(t, "")
	still := s.watch(t, s.namingClient(t, ""), svc)
	w := &watch{}
	p := &vo.SubscribeParam{ServiceName: svc.Name, GroupName: svc.Group, SubscribeCallback: func(list []model.Instance, _ error) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.lists = append(w.lists, list)
	}}
	if err := reader.Subscribe(p); err != nil {
		t.Fatal(err)
	}
	in := instance{ip: "10.0.0.1", port: 20000, weight: 1}
	register(t, owner, svc, in)
	w.waitFor(t, "registered", in.record())
	if err := reader.Unsubscribe(p); err != nil {
		t.Fatal(err)
	}
	was := in.record()
	in.weight = 4
	update(t, owner, svc, in)
	still.waitFor(t, "updated", in.record())
	w.waitFor(t, "nothing more is heard", was)
}

func (s *suite) groupsNamespaces(t *testing.T) {
	name := s.name("spaces")
	services := []Service{
		{Group: "DEFAULT_GROUP", Name: name}, {Group: namingGroup, Name: name},
		{Namespace: s.Namespace, Group: "DEFAULT_GROUP", Name: name}, {Namespace: s.Namespace, Group: namingGroup, Name: name},
	}
	watches := make([]*watch, len(services))
	for i, svc := range services {
		watches[i] = s.watch(t, s.namingClient(t, svc.Namespace), svc)
	}
	for i, svc := range services {
		owner := s.namingClient(t, svc.Namespace)
		in := instance{ip: "10.0.0.1", port: uint64(i + 1), weight: 1}
		register(t, owner, svc, in)
		watches[i].waitFor(t, "own", in.record())
		in.weight = 2
		update(t, owner, svc, in)
		watches[i].waitFor(t, "own updated", in.record())
		s.waitAdmin(t, svc, in.record())
	}
	for i := range services {
		for _, list := range watches[i].all() {
			for _, in := range list {
				if in.Port != uint64(i+1) {
					t.Errorf("the watcher of %+v was shown %s:%d of another", services[i], in.Ip, in.Port)
				}
			}
		}
	}
}

func (s *suite) emptyLists(t *testing.T) {
	svc, owner, reader := s.service("empty"), s.namingClient(t, ""), s.namingClient(t, "")
	got, err := reader.SelectAllInstances(vo.SelectAllInstancesParam{ServiceName: svc.Name, GroupName: svc.Group})
	if len(got) != 0 || err != nil {
		t.Errorf("a service that nobody registered: got %v, %v, want an empty list", got, err)
	}
	w := s.watch(t, reader, svc)
	in := instance{ip: "10.0.0.1", port: 20000, weight: 1}
	register(t, owner, svc, in)
	w.waitFor(t, "registered", in.record())
	deregister(t, owner, svc, in)
	w.waitFor(t, "an empty list is pushed")
	s.waitQuery(t, svc)
}

func (s *suite) serviceList(t *testing.T) {
	owner := s.namingClient(t, "")
	group := s.name("GROUP")
	want := []string{s.name("list-a"), s.name("list-b")}
	for _, name := range want {
		register(t, owner, Service{Group: group, Name: name}, instance{ip: "10.0.0.1", port: 1, weight: 1})
	}
	slices.Sort(want)
	eventually(t, "service list", func() string {
		got, err := owner.GetAllServicesInfo(vo.GetAllServiceInfoParam{GroupName: group, PageNo: 1, PageSize: 10})
		if err != nil {
			return err.Error()
		}
		slices.Sort(got.Doms)
		if !slices.Equal(got.Doms, want) || got.Count != int64(len(want)) {
			return fmt.Sprintf("got %d %q, want %q", got.Count, got.Doms, want)
		}
		return ""
	})
}
