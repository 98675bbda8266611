// Package regsuite proves that dubbo-go's registrations follow the rules. The
// same suite runs against the devstack and against a real Nacos.
package regsuite

import (
	"context"
	"fmt"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/nacos-group/nacos-sdk-go/v2/clients"
	"github.com/nacos-group/nacos-sdk-go/v2/clients/naming_client"
	"github.com/nacos-group/nacos-sdk-go/v2/common/constant"
	"github.com/nacos-group/nacos-sdk-go/v2/model"
	"github.com/nacos-group/nacos-sdk-go/v2/vo"

	"github.com/bluegreen-go/bluegreen/internal/dubbotest"
	"github.com/bluegreen-go/bluegreen/sdk"
	"github.com/bluegreen-go/bluegreen/sdk/nacos"
)

// Target is the server under test.
type Target struct {
	Addr   string // host:port, gRPC 1000 above
	Server constant.ServerConfig
	// Listed returns all records of a service, the disabled ones too.
	Listed func(t *testing.T, service string) []model.Instance
	// Restarts is how often a drained process is restarted in each mode.
	Restarts int
	// Cut cuts the connections of all clients for a while; nil: not possible.
	Cut func(t *testing.T)
}

// Run runs the suite.
func Run(t *testing.T, target Target) {
	t.Run("born drained", func(t *testing.T) { bornDrained(t, target) })
	t.Run("follows the rules", func(t *testing.T) { follows(t, target) })
	t.Run("stays as wanted over a cut", func(t *testing.T) { cut(t, target) })
	t.Run("stops clean", func(t *testing.T) { stopsClean(t, target) })
}

var modes = []string{dubbotest.Interface, dubbotest.Application, dubbotest.All}

// services returns the names that a node registers under.
func services(mode, app, iface string) []string {
	byInterface := "providers:" + iface + "::"
	switch mode {
	case dubbotest.Application:
		return []string{app}
	case dubbotest.All:
		return []string{app, byInterface}
	}
	return []string{byInterface}
}

// rules publishes documents as control would.
type rules struct {
	t     *testing.T
	n     *nacos.Nacos
	index sdk.Index
	last  map[string]string // what was published: a read right after a publish may be old
}

func newRules(t *testing.T, target Target, group string) *rules {
	n, err := nacos.Open(nacos.Config{Address: target.Addr, Group: group, CacheDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = n.Close(ctx)
	})
	zero := sdk.Duration(0)
	r := &rules{t: t, n: n, last: map[string]string{}, index: sdk.Index{APIVersion: sdk.APIVersion, Channels: map[string]int64{}}}
	r.index.Settings.JitterMax = &zero
	return r
}

// publish writes a channel as its next revision, and the index.
func (r *rules) publish(ch *sdk.Channel) {
	r.t.Helper()
	ch = ch.Clone()
	ch.Revision = r.index.Channels[ch.Name] + 1
	doc, err := ch.Document()
	if err != nil {
		r.t.Fatal(err)
	}
	r.put(sdk.ChannelDataID(ch.Name), doc)
	r.index.Channels[ch.Name] = ch.Revision
	r.index.Revision++
	if doc, err = r.index.Document(); err != nil {
		r.t.Fatal(err)
	}
	r.put(sdk.IndexDataID, doc)
}

func (r *rules) put(dataID, doc string) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := r.n.Publish(ctx, dataID, doc, r.last[dataID]); err != nil {
		r.t.Fatalf("publish %s: %v", dataID, err)
	}
	r.last[dataID] = doc
}

func channel(service string, blue, green int, stageBlue, stageGreen sdk.Stage) *sdk.Channel {
	return &sdk.Channel{
		APIVersion: sdk.APIVersion, Name: "release", State: sdk.Active, Services: []string{service},
		Share: sdk.PerColor[int]{Blue: blue, Green: green}, Stage: sdk.PerColor[sdk.Stage]{Blue: stageBlue, Green: stageGreen},
		WhenEmpty: sdk.UseOther,
	}
}

// watcher is a plain nacos-sdk-go subscriber that remembers every list it was given.
type watcher struct {
	mu    sync.Mutex
	lists [][]model.Instance
}

func watch(t *testing.T, target Target, service string) *watcher {
	t.Helper()
	client := namingClient(t, target)
	w := &watcher{}
	err := client.Subscribe(&vo.SubscribeParam{ServiceName: service, GroupName: "DEFAULT_GROUP", SubscribeCallback: func(list []model.Instance, err error) {
		if err != nil {
			list = nil // nacos-sdk-go calls an empty list an error
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		w.lists = append(w.lists, append([]model.Instance(nil), list...))
	}})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func namingClient(t *testing.T, target Target) naming_client.INamingClient {
	t.Helper()
	client, err := clients.NewNamingClient(vo.NacosClientParam{
		ServerConfigs: []constant.ServerConfig{target.Server},
		ClientConfig: constant.NewClientConfig(constant.WithTimeoutMs(5000), constant.WithNotLoadCacheAtStart(true),
			constant.WithUpdateCacheWhenEmpty(true), constant.WithCacheDir(t.TempDir()), constant.WithLogDir(t.TempDir()), constant.WithLogLevel("error")),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.CloseClient)
	return client
}

// ports returns every port that was ever shown.
func (w *watcher) ports() map[uint64]bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	seen := map[uint64]bool{}
	for _, list := range w.lists {
		for _, i := range list {
			seen[i.Port] = true
		}
	}
	return seen
}

// now returns what the newest list says of a port.
func (w *watcher) now(port int) (model.Instance, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.lists) == 0 {
		return model.Instance{}, false
	}
	for _, i := range w.lists[len(w.lists)-1] {
		if i.Port == uint64(port) {
			return i, true
		}
	}
	return model.Instance{}, false
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(40 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("not within 40 s: %s", what)
		}
		<-time.After(30 * time.Millisecond)
	}
}

// bornDrained restarts a process of a drained colour again and again, by turns
// with and without a goodbye: no subscriber may ever be shown it.
func bornDrained(t *testing.T, target Target) {
	for _, mode := range modes {
		t.Run(mode, func(t *testing.T) {
			app, iface := "drained-"+mode, "reg.Drained"+mode
			group := "BG_DRAINED_" + mode
			r := newRules(t, target, group)
			r.publish(channel(app, 0, 1, sdk.Out, sdk.Full))
			names := services(mode, app, iface)
			var watchers []*watcher
			for _, name := range names {
				watchers = append(watchers, watch(t, target, name))
			}
			green := dubbotest.Start(t, dubbotest.Config{
				App: app, Color: "green", Registry: target.Addr, RulesGroup: group, Mode: mode, Provide: []string{iface},
			})
			for _, w := range watchers {
				eventually(t, "green is shown", func() bool { _, ok := w.now(green.Cfg.Port); return ok })
			}
			restart(t, target, mode, group, app, iface, names)
			for i, w := range watchers {
				if seen := w.ports(); len(seen) != 1 || !seen[uint64(green.Cfg.Port)] {
					t.Errorf("%s: ports %v were shown, want only %d", names[i], seen, green.Cfg.Port)
				}
			}
			green.Stop()
		})
	}
}

func restart(t *testing.T, target Target, mode, group, app, iface string, names []string) {
	port := dubbotest.FreePort(t)
	for i := range target.Restarts {
		blue := dubbotest.Start(t, dubbotest.Config{
			App: app, Color: "blue", Version: fmt.Sprint(i), Registry: target.Addr, RulesGroup: group,
			Mode: mode, Port: port, Provide: []string{iface}, Quick: true,
		})
		for _, name := range names {
			eventually(t, fmt.Sprintf("restart %d: %s has a disabled record", i, name), func() bool {
				for _, x := range target.Listed(t, name) {
					if x.Port == uint64(port) {
						if x.Enable {
							t.Fatalf("restart %d: %s: registered enabled", i, name)
						}
						return true
					}
				}
				return false
			})
		}
		if i%2 == 0 {
			blue.Kill()
		} else {
			blue.Stop()
		}
	}
}

// follows takes a colour through its stages and looks at what subscribers see.
func follows(t *testing.T, target Target) {
	for _, mode := range modes {
		t.Run(mode, func(t *testing.T) {
			app, iface, group := "follow-"+mode, "reg.Follow"+mode, "BG_FOLLOW_"+mode
			r := newRules(t, target, group)
			r.publish(channel(app, 1, 1, sdk.Full, sdk.Full))
			start := func(color string) *dubbotest.Node {
				return dubbotest.Start(t, dubbotest.Config{
					App: app, Color: color, Registry: target.Addr, RulesGroup: group, Mode: mode, Provide: []string{iface},
				})
			}
			blue, green := start("blue"), start("green")
			for _, name := range services(mode, app, iface) {
				checkStages(t, r, watch(t, target, name), app, blue, green)
			}
			for _, n := range []*dubbotest.Node{blue, green} {
				n.Stop()
			}
		})
	}
}

func checkStages(t *testing.T, r *rules, w *watcher, app string, blue, green *dubbotest.Node) {
	t.Helper()
	expect := func(what string, n *dubbotest.Node, weight float64, meta string) {
		t.Helper()
		var got model.Instance
		defer func() {
			if t.Failed() {
				t.Logf("%s: last seen %+v", what, got)
			}
		}()
		eventually(t, what, func() bool {
			var ok bool
			got, ok = w.now(n.Cfg.Port)
			return ok && got.Weight == weight && got.Metadata["weight"] == meta
		})
	}
	r.publish(channel(app, 1, 1, sdk.Full, sdk.Full))
	expect("blue 1:1", blue, 100, "100")
	expect("green 1:1", green, 100, "100")
	r.publish(channel(app, 1, 3, sdk.Full, sdk.Full))
	expect("blue 1:3", blue, 33, "33")
	r.publish(channel(app, 0, 1, sdk.Registered, sdk.Full))
	expect("blue 0:1", blue, 1, "0")
	r.publish(channel(app, 0, 1, sdk.Out, sdk.Full))
	eventually(t, "blue is out", func() bool { _, ok := w.now(blue.Cfg.Port); return !ok })
	r.publish(channel(app, 9, 1, sdk.Full, sdk.Full))
	expect("blue 9:1", blue, 100, "100")
	expect("green 9:1", green, 11, "11")
}

// cut cuts all connections: a drained process stays hidden, and a change that was
// published meanwhile is in force afterwards.
func cut(t *testing.T, target Target) {
	if target.Cut == nil {
		t.Skip("this target cannot cut connections")
	}
	app, iface, group := "cut", "reg.Cut", "BG_CUT"
	r := newRules(t, target, group)
	r.publish(channel(app, 0, 1, sdk.Out, sdk.Full))
	w := watch(t, target, "providers:"+iface+"::")
	start := func(color string) *dubbotest.Node {
		return dubbotest.Start(t, dubbotest.Config{
			App: app, Color: color, Registry: target.Addr, RulesGroup: group, Provide: []string{iface},
		})
	}
	green, blue := start("green"), start("blue")
	eventually(t, "green is shown", func() bool { _, ok := w.now(green.Cfg.Port); return ok })
	target.Cut(t)
	eventually(t, "green is back", func() bool {
		_, ok := w.now(green.Cfg.Port)
		return ok && len(target.Listed(t, "providers:"+iface+"::")) == 2
	})
	if w.ports()[uint64(blue.Cfg.Port)] {
		t.Error("blue was shown, although it is out")
	}
	r.publish(channel(app, 1, 1, sdk.Full, sdk.Full))
	eventually(t, "blue is shown once it is in", func() bool { _, ok := w.now(blue.Cfg.Port); return ok })
	green.Stop()
	blue.Stop()
}

// stopsClean stops serving processes: both of the registrations of `all` mode
// are taken back, none comes back.
func stopsClean(t *testing.T, target Target) {
	for _, mode := range modes {
		t.Run(mode, func(t *testing.T) {
			app, iface, group := "stop-"+mode, "reg.Stop"+mode, "BG_STOP_"+mode
			n := dubbotest.Start(t, dubbotest.Config{
				App: app, Color: "blue", Registry: target.Addr, RulesGroup: group, Mode: mode, Provide: []string{iface},
			})
			var watchers []*watcher
			for _, name := range services(mode, app, iface) {
				w := watch(t, target, name)
				watchers = append(watchers, w)
				eventually(t, "shown", func() bool { _, ok := w.now(n.Cfg.Port); return ok })
			}
			n.Signal(syscall.SIGTERM)
			for _, w := range watchers {
				eventually(t, "gone before the process ends", func() bool {
					_, ok := w.now(n.Cfg.Port)
					select {
					case <-n.Gone():
						if ok {
							t.Fatal("the process has ended and is still shown")
						}
					default:
					}
					return !ok
				})
			}
			<-n.Gone()
			for _, w := range watchers {
				if _, back := w.now(n.Cfg.Port); back {
					t.Error("shown again after the stop")
				}
			}
		})
	}
}
