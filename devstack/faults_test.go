package devstack_test

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nacos-group/nacos-sdk-go/v2/clients"
	"github.com/nacos-group/nacos-sdk-go/v2/clients/config_client"
	"github.com/nacos-group/nacos-sdk-go/v2/clients/naming_client"
	"github.com/nacos-group/nacos-sdk-go/v2/common/constant"
	"github.com/nacos-group/nacos-sdk-go/v2/model"
	"github.com/nacos-group/nacos-sdk-go/v2/vo"

	"github.com/bluegreen-go/bluegreen/devstack"
)

const (
	group   = "G"
	service = "svc"
)

func clientParam(t testing.TB, srv *devstack.Server, labels map[string]string) vo.NacosClientParam {
	t.Helper()
	dir, err := os.MkdirTemp("", "devstack-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return vo.NacosClientParam{
		ServerConfigs: []constant.ServerConfig{srv.ServerConfig()},
		ClientConfig: &constant.ClientConfig{
			TimeoutMs: 2_000, CacheDir: dir, LogDir: dir, LogLevel: "error", NotLoadCacheAtStart: true,
			UpdateCacheWhenEmpty: true, DisableUseSnapShot: true, AppName: labels["app"], AppConnLabels: labels,
		},
	}
}

func namingClient(t testing.TB, srv *devstack.Server, labels map[string]string) naming_client.INamingClient {
	t.Helper()
	c, err := clients.NewNamingClient(clientParam(t, srv, labels))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.CloseClient)
	// The library repeats its registrations once after the first connect, in the background. Nothing tells when that is
	// over, and it may bring back the value before the newest; a moment without registrations keeps it out of the tests.
	idle := 0
	eventually(t, "a quiet moment", func() bool { idle++; return idle > 10 })
	return c
}

func configClient(t testing.TB, srv *devstack.Server) config_client.IConfigClient {
	t.Helper()
	c, err := clients.NewConfigClient(clientParam(t, srv, nil))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.CloseClient)
	return c
}

func register(c naming_client.INamingClient, port uint64, weight float64, enabled bool) error {
	ok, err := c.RegisterInstance(vo.RegisterInstanceParam{
		ServiceName: service, GroupName: group, Ip: "10.0.0.1", Port: port, Weight: weight, Enable: enabled,
		Healthy: true, Ephemeral: true,
	})
	if err == nil && !ok {
		err = errors.New("refused")
	}
	return err
}

func mustRegister(t testing.TB, c naming_client.INamingClient, port uint64, weight float64, enabled bool) {
	t.Helper()
	if err := register(c, port, weight, enabled); err != nil {
		t.Fatalf("register: %v", err)
	}
}

func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(time.Minute) // only hangs take that long
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%s: not after a minute", what)
		}
	}
}

// weightOf returns the weight of the only instance, and 0 if there is not exactly one.
func weightOf(srv *devstack.Server) float64 {
	if all := srv.Instances(group, service); len(all) == 1 {
		return all[0].Weight
	}
	return 0
}

func TestRestartKeepsPortsAndConfigs(t *testing.T) {
	srv := devstack.RunT(t, devstack.WithConfig(group, "seed", "content"))
	addr, grpcAddr := srv.Addr(), srv.GRPCAddr()
	c := namingClient(t, srv, nil)
	mustRegister(t, c, 1, 3, true)
	done := make(chan error, 1)
	go func() { done <- srv.Restart(300 * time.Millisecond) }()
	eventually(t, "instances gone", func() bool { return len(srv.Instances(group, service)) == 0 })
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if srv.Addr() != addr || srv.GRPCAddr() != grpcAddr {
		t.Errorf("addresses: got %s and %s, want %s and %s", srv.Addr(), srv.GRPCAddr(), addr, grpcAddr)
	}
	eventually(t, "registered again", func() bool { return weightOf(srv) == 3 })
	if got, ok := srv.Config(group, "seed"); got != "content" || !ok {
		t.Errorf("config: got %q, %v, want %q", got, ok, "content")
	}
}

func TestRefuse(t *testing.T) {
	srv := devstack.RunT(t)
	c := namingClient(t, srv, nil)
	mustRegister(t, c, 1, 1, true)
	srv.Refuse(true)
	if got := srv.Instances(group, service); len(got) != 0 {
		t.Errorf("instances while refusing: got %v, want none", got)
	}
	unreachable := func(when string) {
		t.Helper()
		if resp, err := http.Get("http://" + srv.Addr() + "/nacos/v1/console/health/readiness"); err == nil {
			_ = resp.Body.Close()
			t.Errorf("readiness %s: got %s, want no connection", when, resp.Status)
		}
	}
	unreachable("while refusing")
	if err := register(c, 1, 2, true); err == nil {
		t.Error("register while refusing: got no error")
	}
	if err := srv.Restart(0); err != nil {
		t.Fatal(err)
	}
	unreachable("after a restart while refusing")
	srv.Refuse(false)
	eventually(t, "the newest value is registered", func() bool { return weightOf(srv) == 2 })
}

func TestDropConnections(t *testing.T) {
	srv := devstack.RunT(t)
	c := namingClient(t, srv, nil)
	mustRegister(t, c, 1, 1, true)
	first := srv.Clients()[0].ID
	srv.DropConnections()
	eventually(t, "redo", func() bool { return weightOf(srv) == 1 })
	if again := srv.Clients(); len(again) != 1 || again[0].ID == first {
		t.Errorf("clients: got %+v, want one new connection, not %s", again, first)
	}
}

func TestExcludeClient(t *testing.T) {
	srv := devstack.RunT(t)
	blue := namingClient(t, srv, map[string]string{"color": "blue"})
	green := namingClient(t, srv, map[string]string{"color": "green"})
	mustRegister(t, blue, 1, 1, true)
	mustRegister(t, green, 2, 1, true)
	only := func(port uint64) bool {
		all := srv.Instances(group, service)
		return len(all) == 1 && all[0].Port == port
	}
	isBlue := func(c devstack.Conn) bool {
		for _, v := range c.Labels {
			if v == "blue" {
				return true
			}
		}
		return false
	}
	if got := srv.ExcludeClient(isBlue); got != 1 {
		t.Errorf("cut: got %d, want 1", got)
	}
	if !only(2) {
		t.Errorf("instances: got %+v, want green's", srv.Instances(group, service))
	}
	if err := register(blue, 1, 5, true); err == nil {
		t.Error("register by an excluded client: got no error")
	}
	if !only(2) {
		t.Errorf("instances: got %+v, want green's", srv.Instances(group, service))
	}
	srv.Readmit()
	eventually(t, "blue is back", func() bool { return len(srv.Instances(group, service)) == 2 })
	// By what they publish: nothing else tells them apart when they come back.
	if got := srv.DropClient(func(c devstack.Conn) bool { return c.Publishes("other") }); got != 0 {
		t.Errorf("dropped %d clients of a service that nobody publishes", got)
	}
	srv.ExcludeClient(func(c devstack.Conn) bool { return c.Publishes(service) })
	writes := len(srv.Writes())
	eventually(t, "a refused redo", func() bool { return len(srv.Writes()) > writes })
	if got := srv.Instances(group, service); len(got) != 0 {
		t.Errorf("instances: got %+v, want none", got)
	}
	if last := srv.Writes()[writes]; last.Applied {
		t.Errorf("write of an excluded client: got %+v, want it not applied", last)
	}
	srv.Readmit()
	eventually(t, "both are back", func() bool { return len(srv.Instances(group, service)) == 2 })
}

func TestStall(t *testing.T) {
	srv := devstack.RunT(t)
	c := namingClient(t, srv, nil)
	mustRegister(t, c, 1, 1, true)
	srv.Stall("InstanceRequest", time.Hour)
	done := make(chan error, 1)
	go func() { done <- register(c, 1, 2, true) }()
	eventually(t, "the stalled request takes effect", func() bool { return weightOf(srv) == 2 })
	select {
	case err := <-done:
		t.Fatalf("the stalled request was answered: %v", err)
	default:
	}
	srv.Stall("InstanceRequest", 0)
	if err := <-done; err != nil {
		t.Errorf("after the stall: %v", err)
	}
}

func TestFailNext(t *testing.T) {
	srv := devstack.RunT(t)
	c := configClient(t, srv)
	publish := func(content string) error {
		_, err := c.PublishConfig(vo.ConfigParam{DataId: "d", Group: group, Content: content})
		return err
	}
	srv.FailNext("ConfigPublishRequest", 1)
	if err := publish("one"); err != nil {
		t.Errorf("one failure: got %v, want the client's second try to succeed", err)
	}
	srv.FailNext("ConfigPublishRequest", 3)
	if err := publish("two"); err == nil {
		t.Error("three failures: got no error, want the client to give up")
	}
	if got, _ := srv.Config(group, "d"); got != "one" {
		t.Errorf("content: got %q, want %q: failed requests are not applied", got, "one")
	}
	srv.FailNext("", 1)
	eventually(t, "publish", func() bool { return publish("three") == nil })
}

func TestControl(t *testing.T) {
	srv := devstack.RunT(t)
	c := configClient(t, srv)
	publish := func(content string) error {
		_, err := c.PublishConfig(vo.ConfigParam{DataId: "d", Group: group, Content: content})
		return err
	}
	if err := publish("one"); err != nil {
		t.Fatal(err)
	}
	var seen atomic.Int32
	srv.Control("ConfigPublishRequest", func(r devstack.Request) (bool, error) {
		seen.Add(1)
		switch {
		case strings.Contains(string(r.Body), "swallow"):
			return true, nil
		case strings.Contains(string(r.Body), "fail"):
			return false, errors.New("as the test wishes")
		}
		return false, nil
	})
	if err := publish("swallow"); err != nil {
		t.Errorf("swallowed: got %v, want success", err)
	}
	if err := publish("fail"); err == nil || !strings.Contains(err.Error(), "as the test wishes") {
		t.Errorf("failed: got %v, want the test's error", err)
	}
	if got, _ := srv.Config(group, "d"); got != "one" {
		t.Errorf("content: got %q, want %q", got, "one")
	}
	if err := publish("two"); err != nil {
		t.Errorf("let through: %v", err)
	}
	srv.Control("ConfigPublishRequest", nil)
	before := seen.Load()
	if err := publish("three"); err != nil || seen.Load() != before {
		t.Errorf("removed: got %v and %d calls, want %d", err, seen.Load(), before)
	}
	if got, _ := srv.Config(group, "d"); got != "three" {
		t.Errorf("content: got %q, want %q", got, "three")
	}
}

func TestLosePushes(t *testing.T) {
	srv := devstack.RunT(t)
	reader, writer := namingClient(t, srv, nil), namingClient(t, srv, nil)
	var seen atomic.Uint64 // weight of the newest push
	err := reader.Subscribe(&vo.SubscribeParam{ServiceName: service, GroupName: group, SubscribeCallback: func(in []model.Instance, _ error) {
		if len(in) == 1 {
			seen.Store(uint64(in[0].Weight))
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	mustRegister(t, writer, 1, 1, true)
	eventually(t, "push", func() bool { return seen.Load() == 1 })
	srv.LosePushes(1)
	mustRegister(t, writer, 1, 2, true)
	// The lost push is not repeated; the next change shows that the wait was long enough.
	eventually(t, "the loss", func() bool { mustRegister(t, writer, 1, 3, true); return seen.Load() != 1 })
	if got := seen.Load(); got != 3 {
		t.Errorf("weight after a lost push: got %d, want 3", got)
	}
	srv.LosePushes(-1)
	mustRegister(t, writer, 1, 4, true)
	mustRegister(t, writer, 1, 5, true)
	srv.DropConnections()
	eventually(t, "redo tells without a push", func() bool { return seen.Load() == 5 || weightOf(srv) == 5 })
	srv.LosePushes(0)
	mustRegister(t, writer, 1, 6, true)
	eventually(t, "push", func() bool { return seen.Load() == 6 })
}

func TestJournals(t *testing.T) {
	srv := devstack.RunT(t)
	c := namingClient(t, srv, nil)
	mustRegister(t, c, 1, 1, false)
	mustRegister(t, c, 1, 2, true)
	mustRegister(t, c, 1, 2, true)
	mustRegister(t, c, 1, 2, false)
	if _, err := c.DeregisterInstance(vo.DeregisterInstanceParam{ServiceName: service, GroupName: group, Ip: "10.0.0.1", Port: 1, Ephemeral: true}); err != nil {
		t.Fatal(err)
	}
	writes := srv.Writes()
	var kinds []string
	for _, w := range writes {
		kinds = append(kinds, fmt.Sprintf("%s %v %v", w.Type, w.Enabled, w.Weight))
		if w.Service != service || w.Group != group || w.Namespace != "public" || w.Port != 1 || w.Conn == "" || !w.Applied || w.Time.IsZero() {
			t.Errorf("write: got %+v", w)
		}
	}
	if len(kinds) < 5 { // the client may repeat the first one: its redo runs after the first connect too
		t.Errorf("writes: got %q, want all five, also the identical one", kinds)
	}
	want := []string{"register false 1", "register true 2", "register false 2", "deregister false 0"}
	if got := slices.Compact(kinds); !slices.Equal(got, want) {
		t.Errorf("writes: got %q, want %q", got, want)
	}
	visible := srv.Visible(group, service)
	if len(visible) != 2 || len(visible[0].Instances) != 1 || len(visible[1].Instances) != 0 {
		t.Errorf("visible: got %+v, want the instance once and then nothing", visible)
	}
}

func TestNamespaces(t *testing.T) {
	srv := devstack.RunT(t)
	other := srv.Namespace("other")
	if err := other.Publish(group, "d", "x"); err != nil {
		t.Fatal(err)
	}
	if _, ok := srv.Config(group, "d"); ok {
		t.Error("the config of another namespace is in the public one")
	}
	if got, ok := srv.Namespace("other").Config(group, "d"); got != "x" || !ok {
		t.Errorf("config: got %q, %v", got, ok)
	}
	if err := srv.Namespace("").Publish(group, "d", "y"); err != nil {
		t.Fatal(err)
	}
	if got, _ := srv.Config(group, "d"); got != "y" {
		t.Errorf("the empty namespace is not the public one: got %q", got)
	}
	other.RemoveConfig(group, "d")
	if _, ok := other.Config(group, "d"); ok {
		t.Error("the config is still there after its removal")
	}
}

func TestUpdateInstance(t *testing.T) {
	srv := devstack.RunT(t)
	c := namingClient(t, srv, nil)
	weight := 30.0
	if err := srv.UpdateInstance(group, service, "10.0.0.1", 1, devstack.Overlay{Weight: &weight}); err == nil {
		t.Error("edit of an instance that does not exist: got no error")
	}
	mustRegister(t, c, 1, 1, true)
	if err := srv.UpdateInstance(group, service, "10.0.0.1", 1, devstack.Overlay{Weight: &weight}); err != nil {
		t.Fatal(err)
	}
	mustRegister(t, c, 1, 2, true)
	if got := weightOf(srv); got != weight {
		t.Errorf("weight: got %v, want the console's %v", got, weight)
	}
}
