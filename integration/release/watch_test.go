package release_test

import (
	"sync"
	"testing"
	"time"

	"github.com/nacos-group/nacos-sdk-go/v2/clients"
	"github.com/nacos-group/nacos-sdk-go/v2/common/constant"
	"github.com/nacos-group/nacos-sdk-go/v2/model"
	"github.com/nacos-group/nacos-sdk-go/v2/vo"

	"github.com/bluegreen-go/bluegreen/integration/nacos"
)

// view is what a subscriber was shown, oldest first.
type view struct {
	name  string
	lists []list
}

// list is one pushed list.
type list struct {
	at    time.Time
	ports []int
}

// ports is the list that was in force at a time.
func (v view) ports(at time.Time) (ports []int) {
	for _, l := range v.lists {
		if !l.at.After(at) {
			ports = l.ports
		}
	}
	return ports
}

// watchers returns what the plain nacos-sdk-go subscriber and the Java one were
// shown so far.
func (s *stage) watchers() []view {
	java := view{name: "Java"}
	for _, p := range s.java.Pushes(registered, group) {
		l := list{at: p.At()}
		for _, i := range p.Instances {
			l.ports = append(l.ports, i.Port)
		}
		java.lists = append(java.lists, l)
	}
	return []view{s.plain.view(), java}
}

// watcher is a plain nacos-sdk-go subscriber that remembers every list it was given.
type watcher struct {
	mu    sync.Mutex
	lists []list
}

func watchPlainly(t *testing.T, server *nacos.Server) *watcher {
	t.Helper()
	client, err := clients.NewNamingClient(vo.NacosClientParam{
		ServerConfigs: []constant.ServerConfig{*constant.NewServerConfig(server.Host(), uint64(server.Port()))},
		ClientConfig: constant.NewClientConfig(constant.WithTimeoutMs(5000), constant.WithNotLoadCacheAtStart(true),
			constant.WithUpdateCacheWhenEmpty(true), constant.WithCacheDir(t.TempDir()), constant.WithLogDir(t.TempDir()), constant.WithLogLevel("error")),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.CloseClient)
	w := &watcher{}
	err = client.Subscribe(&vo.SubscribeParam{ServiceName: registered, GroupName: group, SubscribeCallback: w.on})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// on takes a list; nacos-sdk-go calls an empty one an error.
func (w *watcher) on(instances []model.Instance, _ error) {
	l := list{at: time.Now()}
	for _, i := range instances {
		l.ports = append(l.ports, int(i.Port))
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lists = append(w.lists, l)
}

func (w *watcher) view() view {
	w.mu.Lock()
	defer w.mu.Unlock()
	return view{name: "nacos-sdk-go", lists: append([]list(nil), w.lists...)}
}
