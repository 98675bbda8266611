package nacos_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/nacos-group/nacos-sdk-go/v2/clients"
	"github.com/nacos-group/nacos-sdk-go/v2/clients/naming_client"
	"github.com/nacos-group/nacos-sdk-go/v2/common/constant"
	"github.com/nacos-group/nacos-sdk-go/v2/model"
	"github.com/nacos-group/nacos-sdk-go/v2/vo"

	"github.com/bluegreen-go/bluegreen/integration/loopback"
	"github.com/bluegreen-go/bluegreen/integration/nacos"
)

func TestMain(m *testing.M) { os.Exit(loopback.Main(m, nacos.Prepare)) }

func namingClient(t *testing.T, s *nacos.Server) naming_client.INamingClient {
	t.Helper()
	client, err := clients.NewNamingClient(vo.NacosClientParam{
		ClientConfig: &constant.ClientConfig{
			TimeoutMs: 5000, NotLoadCacheAtStart: true, UpdateCacheWhenEmpty: true, LogLevel: "error",
			LogDir: t.TempDir(), CacheDir: t.TempDir(),
		},
		ServerConfigs: []constant.ServerConfig{*constant.NewServerConfig(s.Host(), uint64(s.Port()))},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.CloseClient)
	return client
}

// eventually polls until check says true.
func eventually(t *testing.T, within time.Duration, what string, check func() bool) {
	t.Helper()
	deadline := time.NewTimer(within)
	defer deadline.Stop()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !check() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("not within %v: %s", within, what)
		}
	}
}

func instance(service string, port uint64) vo.RegisterInstanceParam {
	return vo.RegisterInstanceParam{
		Ip: "127.0.0.1", Port: port, ServiceName: service, GroupName: "G",
		Weight: 1, Enable: true, Healthy: true, Ephemeral: true, Metadata: map[string]string{"colour": "blue"},
	}
}

func TestAdminSeesAndChangesWhatClientsDoNotSee(t *testing.T) {
	s := nacos.Shared(t)
	client := namingClient(t, s)
	hidden := instance("admin", 7001)
	hidden.Enable = false
	if ok, err := client.RegisterInstance(hidden); !ok || err != nil {
		t.Fatalf("register: %v, %v", ok, err)
	}
	var list []nacos.Instance
	eventually(t, 10*time.Second, "the admin list shows the disabled instance", func() bool {
		list, _ = s.AdminList(t.Context(), "G", "admin")
		return len(list) == 1
	})
	if got := list[0]; got.Enabled || got.Port != 7001 || got.Metadata["colour"] != "blue" {
		t.Errorf("admin list = %+v, want it disabled, with its metadata", got)
	}
	if seen, err := client.SelectAllInstances(vo.SelectAllInstancesParam{ServiceName: "admin", GroupName: "G"}); err == nil && len(seen) > 0 {
		t.Errorf("a client sees %v, want nothing", seen)
	}
	edit := list[0]
	edit.Enabled, edit.Weight = true, 7
	if err := s.AdminUpdate(t.Context(), "G", "admin", edit); err != nil {
		t.Fatal(err)
	}
	eventually(t, 10*time.Second, "the client sees the operator's weight", func() bool {
		seen, err := client.SelectAllInstances(vo.SelectAllInstancesParam{ServiceName: "admin", GroupName: "G"})
		return err == nil && len(seen) == 1 && seen[0].Weight == 7
	})
}

func TestMetadataLimit(t *testing.T) {
	s := nacos.Shared(t)
	client := namingClient(t, s)
	for i, tc := range []struct {
		name  string
		value string
		want  bool
	}{
		{"1024 characters", strings.Repeat("x", 1023), true},
		{"1025 characters", strings.Repeat("x", 1024), false},
		{"characters, not bytes", strings.Repeat("蓝", 1023), true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := instance(fmt.Sprint("limit-", i), 7002)
			p.Metadata = map[string]string{"k": tc.value}
			got, err := client.RegisterInstance(p)
			if err != nil || got != tc.want {
				t.Errorf("register = %v, %v, want %v without an error", got, err, tc.want)
			}
		})
	}
}

func TestKillRestartKeepsDataAndStopRemovesIt(t *testing.T) {
	s := nacos.RunT(t)
	client := namingClient(t, s)
	pushed := make(chan int, 100)
	if err := client.Subscribe(&vo.SubscribeParam{ServiceName: "restart", GroupName: "G", SubscribeCallback: func(list []model.Instance, _ error) {
		pushed <- len(list)
	}}); err != nil {
		t.Fatal(err)
	}
	if ok, err := client.RegisterInstance(instance("restart", 7003)); !ok || err != nil {
		t.Fatalf("register: %v, %v", ok, err)
	}
	s.Kill()
	if c, err := net.DialTimeout("tcp", s.Addr(), time.Second); err == nil {
		c.Close()
		t.Fatal("the port answers after Kill")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	addr := s.Addr()
	if err := s.Restart(ctx); err != nil {
		t.Fatal(err)
	}
	if s.Addr() != addr {
		t.Errorf("address after Restart %s, want %s", s.Addr(), addr)
	}
	eventually(t, 30*time.Second, "the client registered again by itself", func() bool {
		list, err := s.AdminList(ctx, "G", "restart")
		return err == nil && len(list) == 1
	})
	s.Stop()
	s.Stop()
	if err := s.Restart(ctx); err == nil {
		t.Error("Restart after Stop = nil, want an error")
	}
	if left, _ := os.ReadDir(s.Home()); len(left) > 0 {
		t.Errorf("left after Stop: %v", left)
	}
}

func TestPortTakenIsRefused(t *testing.T) {
	s := nacos.Shared(t)
	if other, err := nacos.Start(t.Context(), nacos.Options{Port: s.Port() + 1}); err == nil {
		other.Stop()
		t.Error("Start on a taken block = nil error, want one")
	}
}
