package javacaller_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bluegreen-go/bluegreen/integration/javacaller"
	"github.com/bluegreen-go/bluegreen/integration/loopback"
	"github.com/bluegreen-go/bluegreen/integration/nacos"
)

func TestMain(m *testing.M) {
	if name := os.Getenv(providerEnv); name != "" {
		if err := provide(name); err != nil {
			fmt.Fprintln(os.Stderr, "provider:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(loopback.Main(m, nacos.Prepare, javacaller.Prepare))
}

// registered is the Nacos service of an interface-level provider.
const (
	registered = "providers:" + service + "::"
	group      = "DEFAULT_GROUP"
)

func eventually(t *testing.T, within time.Duration, what string, check func() bool) {
	t.Helper()
	deadline := time.NewTimer(within)
	defer deadline.Stop()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for !check() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("not within %v: %s", within, what)
		}
	}
}

// pushedWeights is the newest push in one line, by port.
func pushedWeights(c *javacaller.Caller) string {
	pushes := c.Pushes(registered, group)
	if len(pushes) == 0 {
		return ""
	}
	var parts []string
	for _, i := range pushes[len(pushes)-1].Instances {
		parts = append(parts, fmt.Sprintf("%d=%s", i.Port, i.Metadata["weight"]))
	}
	slices.Sort(parts)
	return strings.Join(parts, " ")
}

func call(t *testing.T, c *javacaller.Caller, n int) javacaller.Tally {
	t.Helper()
	tally, err := c.Call(n, 0)
	if err != nil {
		t.Fatal(err)
	}
	return tally
}

// edit changes a registered provider as an operator does at the console.
func edit(t *testing.T, s *nacos.Server, port int, change func(*nacos.Instance)) {
	t.Helper()
	var found nacos.Instance
	eventually(t, time.Minute, fmt.Sprint("a provider at port ", port), func() bool {
		list, err := s.AdminList(t.Context(), group, registered)
		if err != nil {
			t.Fatal(err)
		}
		at := slices.IndexFunc(list, func(i nacos.Instance) bool { return i.Port == port })
		if at >= 0 {
			found = list[at]
		}
		return at >= 0
	})
	change(&found)
	if err := s.AdminUpdate(t.Context(), group, registered, found); err != nil {
		t.Fatal(err)
	}
}

func weigh(t *testing.T, s *nacos.Server, port int, weight string) {
	t.Helper()
	edit(t, s, port, func(i *nacos.Instance) { i.Metadata["weight"] = weight })
}

// TestFollowsWeightsAndEnabled is one story, because each start costs seconds:
// two providers at 9:1, one is disabled under load, the load sees no failure.
func TestFollowsWeightsAndEnabled(t *testing.T) {
	s := nacos.Shared(t)
	startProvider(t, s.Addr(), "heavy", 21001)
	startProvider(t, s.Addr(), "light", 21002)
	weigh(t, s, 21001, "900")
	weigh(t, s, 21002, "100")
	c := javacaller.Start(t, javacaller.Config{Registry: s.Addr(), Interface: service, Methods: []string{method}})
	if err := c.Watch(registered, group); err != nil {
		t.Fatal(err)
	}
	eventually(t, time.Minute, "the Java caller reaches both providers", func() bool {
		return len(call(t, c, 40).Replies) == 2
	})

	eventually(t, 30*time.Second, "both weights were pushed", func() bool {
		return pushedWeights(c) == "21001=900 21002=100"
	})
	got := call(t, c, 400)
	if heavy := got.Replies["heavy<java"].N; heavy < 320 || heavy > 395 || got.Failed() != 0 {
		t.Errorf("at 9:1: %v, want about 360 of 400 on the heavy one", got)
	}

	if err := c.Load(2, 5*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	disabled := time.Now()
	edit(t, s, 21001, func(i *nacos.Instance) { i.Enabled = false })
	eventually(t, 30*time.Second, "the Java client is pushed one instance only", func() bool {
		pushes := c.Pushes(registered, group)
		return len(pushes) > 0 && len(pushes[len(pushes)-1].Instances) == 1
	})
	eventually(t, 30*time.Second, "the load has left the disabled provider", func() bool {
		stats, err := c.LoadStats()
		return err == nil && time.Since(stats.Replies["heavy<java"].Last) > 2*time.Second
	})
	stats, err := c.StopLoad()
	if err != nil || stats.Failed() != 0 {
		t.Errorf("load during the change: %v, %v, want no failure", stats, err)
	}
	if after := stats.Replies["heavy<java"].Last.Sub(disabled); after > 3*time.Second {
		t.Errorf("last call on the disabled provider %v after the change, want within 3s", after)
	}
	t.Logf("last call on the disabled provider %v after the change; %v", stats.Replies["heavy<java"].Last.Sub(disabled), stats)

	pushes := c.Pushes(registered, group)
	last := pushes[len(pushes)-1]
	if i := last.Instances[0]; i.Port != 21002 || !i.Enabled || i.Metadata["weight"] != "100" {
		t.Errorf("last push %+v, want the light provider alone, with its metadata", last)
	}
}

func TestProvidersGoneIsAnErrorNotAHang(t *testing.T) {
	s := nacos.Shared(t)
	c := javacaller.Start(t, javacaller.Config{
		Registry: s.Addr(), Interface: "bluegreen.integration.Nobody", Methods: []string{"Ask"}, Timeout: time.Second,
	})
	got := call(t, c, 3)
	if got.Failed() != 3 || got.Total() != 3 {
		t.Errorf("calls to nobody: %v, want three errors", got)
	}
	if _, err := c.StopLoad(); err == nil {
		t.Error("StopLoad without a load = nil, want an error")
	}
}

func TestConfigIsChecked(t *testing.T) {
	for name, cfg := range map[string]javacaller.Config{
		"interface":  {Interface: "a b", Methods: []string{"M"}},
		"method":     {Interface: "a.B", Methods: []string{"M();"}},
		"no methods": {Interface: "a.B"},
	} {
		t.Run(name, func(t *testing.T) {
			if javacaller.Prepare(t.Context()) != nil {
				t.Skip("no Java here")
			}
			c, err := javacaller.Run(context.Background(), cfg)
			if err == nil {
				c.Stop()
				t.Error("Run = nil error, want one")
			}
		})
	}
}

func TestWatcherNeedsNoInterface(t *testing.T) {
	s := nacos.Shared(t)
	c := javacaller.Start(t, javacaller.Config{Registry: s.Addr()})
	if _, err := c.Call(1, 0); err == nil {
		t.Error("Call without an interface = nil, want an error")
	}
	if err := c.Watch("a b", group); err == nil {
		t.Error("Watch of a name with a space = nil, want an error")
	}
}
