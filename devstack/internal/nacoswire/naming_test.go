package nacoswire

import (
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nacos-group/nacos-sdk-go/v2/model"
)

func key(name string) ServiceKey { return NewServiceKey("", "G", name) }

// marked takes away what the connection has been marked for and reports whether the service was among it.
func marked(c *conn, k ServiceKey) bool {
	return slices.Contains(c.take(false).services, k)
}

func TestPushesAreMergedFromTheFirstChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newNamingStore(&clock{}, 500*time.Millisecond)
		owner, watcher := newConn("o", "o"), newConn("w", "w")
		s.subscribe(watcher, key("svc"), "")
		for i := range 4 { // at 0, 150, 300 and 450 ms
			s.put(owner, key("svc"), []model.Instance{host(1, true, float64(i+1))})
			time.Sleep(150 * time.Millisecond)
			synctest.Wait()
			if early, want := marked(watcher, key("svc")), i == 3; early != want {
				t.Errorf("after change %d and 150 ms: pushed %v, want %v", i, early, want)
			}
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		if marked(watcher, key("svc")) {
			t.Error("the change at 450 ms was pushed again; it was within the first delay")
		}
		s.put(owner, key("svc"), []model.Instance{host(1, true, 4)})
		time.Sleep(time.Hour)
		synctest.Wait()
		if marked(watcher, key("svc")) {
			t.Error("an identical registration was pushed")
		}
		s.put(owner, key("svc"), []model.Instance{host(1, false, 4)})
		s.close()
		if marked(watcher, key("svc")) {
			t.Error("a push came at close")
		}
	})
}

func TestDisabledChangesAreNotPushed(t *testing.T) {
	s := newNamingStore(&clock{}, 0)
	owner, watcher := newConn("o", "o"), newConn("w", "w")
	before := s.subscribe(watcher, key("svc"), "").LastRefTime
	s.put(owner, key("svc"), []model.Instance{host(1, false, 1)})
	s.put(owner, key("svc"), []model.Instance{host(1, false, 9)})
	s.drop(owner, key("svc"))
	if marked(watcher, key("svc")) {
		t.Error("changes of a disabled instance were pushed")
	}
	if got := s.query(key("svc"), "", false).LastRefTime; got != before {
		t.Errorf("reference time: got %d, want %d: watchers see no change", got, before)
	}
	if got := s.visibility(key("svc")); len(got) != 0 {
		t.Errorf("visibility: got %v, want none", got)
	}
}

func TestGoneConnectionStoresNothing(t *testing.T) {
	s, cs := newNamingStore(&clock{}, 0), newConfigStore(&clock{})
	c := newConn("c", "c")
	c.gone.Store(true)
	s.put(c, key("svc"), []model.Instance{host(1, true, 1)})
	s.subscribe(c, key("svc"), "")
	cs.listen(c, NewConfigKey("", "G", "d"), "", "")
	if len(s.instances(key("svc"))) != 0 || s.subscribers(key("svc")) != 0 || len(cs.listeners) != 0 {
		t.Error("a connection that is gone left something behind")
	}
}

func TestOverlay(t *testing.T) {
	weight, off := 30.0, false
	clk := &clock{}
	s := newNamingStore(clk, 0)
	owner := newConn("o", "o")
	if err := s.edit(key("svc"), "10.0.0.1", 1, "", Overlay{}); !errors.Is(err, errNoService) {
		t.Errorf("edit of an unknown service: got %v, want %v", err, errNoService)
	}
	s.put(owner, key("svc"), []model.Instance{host(1, true, 7)})
	if err := s.edit(key("svc"), "10.0.0.1", 2, "", Overlay{}); !errors.Is(err, errNoInstance) {
		t.Errorf("edit of an unknown instance: got %v, want %v", err, errNoInstance)
	}
	if err := s.edit(key("svc"), "10.0.0.1", 1, "", Overlay{Weight: &weight, Metadata: map[string]string{"a": "1"}}); err != nil {
		t.Fatal(err)
	}
	if err := s.edit(key("svc"), "10.0.0.1", 1, "", Overlay{Metadata: map[string]string{"b": "2"}}); err != nil {
		t.Fatal(err)
	}
	check := func(what string, weight float64, enabled bool, metadata int) {
		t.Helper()
		got := s.instances(key("svc"))
		if len(got) != 1 || got[0].Weight != weight || got[0].Enable != enabled || len(got[0].Metadata) != metadata {
			t.Errorf("%s: got %+v, want weight %v, enabled %v, %d metadata", what, got, weight, enabled, metadata)
		}
	}
	check("edited twice", 30, true, 2)
	s.put(owner, key("svc"), []model.Instance{host(1, false, 8)})
	check("the owner's enabled is frozen by an edit that left it out", 30, true, 2)
	if err := s.edit(key("svc"), "10.0.0.1", 1, "", Overlay{Enabled: &off}); err != nil {
		t.Fatal(err)
	}
	check("disabled", 30, false, 2)

	s.drop(owner, key("svc"))
	clk.step(59 * time.Second)
	s.put(owner, key("svc"), []model.Instance{host(1, true, 8)})
	check("back within a minute", 30, false, 2)
	s.drop(owner, key("svc"))
	clk.step(62 * time.Second)
	s.put(owner, key("svc"), []model.Instance{host(1, true, 8)})
	check("back after a minute", 8, true, 0)
}

func TestClusters(t *testing.T) {
	s := newNamingStore(&clock{}, 0)
	a, b := newConn("a", "a"), newConn("b", "b")
	east, west := host(1, true, 1), host(2, true, 1)
	east.ClusterName, west.ClusterName, west.Healthy = "east", "west", false
	s.put(a, key("svc"), []model.Instance{east})
	s.put(b, key("svc"), []model.Instance{west})
	for _, tc := range []struct {
		clusters    string
		healthyOnly bool
		want        int
	}{{"", false, 2}, {"east", false, 1}, {"east,west", false, 2}, {"north", false, 0}, {"", true, 1}, {"west", true, 0}} {
		info := s.query(key("svc"), tc.clusters, tc.healthyOnly)
		if len(info.Hosts) != tc.want || info.Clusters != tc.clusters {
			t.Errorf("query(%q, %v): got %d hosts and clusters %q, want %d", tc.clusters, tc.healthyOnly, len(info.Hosts), info.Clusters, tc.want)
		}
	}
	got := s.query(key("svc"), "east", false).Hosts[0]
	if want := "10.0.0.1#1#east#G@@svc"; got.InstanceId != want {
		t.Errorf("instance id: got %q, want %q", got.InstanceId, want)
	}
}

func TestAnswersAreCopies(t *testing.T) {
	s := newNamingStore(&clock{}, 0)
	in := host(1, true, 1)
	in.Metadata = map[string]string{"k": "v"}
	s.put(newConn("o", "o"), key("svc"), []model.Instance{in})
	s.instances(key("svc"))[0].Metadata["k"] = "changed"
	s.visibility(key("svc"))[0].Instances[0].Metadata["k"] = "changed"
	if got := s.instances(key("svc"))[0].Metadata["k"]; got != "v" {
		t.Errorf("metadata: got %q, want %q", got, "v")
	}
}

func TestServiceKeys(t *testing.T) {
	want := ServiceKey{"public", "G", "svc"}
	for _, got := range []ServiceKey{NewServiceKey("", "G", "svc"), NewServiceKey("public", "", "G@@svc")} {
		if got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
	if got := NewServiceKey("", "", "svc").Group; got != DefaultGroup {
		t.Errorf("group: got %q, want %q", got, DefaultGroup)
	}
}

func TestPage(t *testing.T) {
	all := []int{1, 2, 3, 4, 5}
	for _, tc := range []struct{ no, size, want int }{{1, 2, 2}, {3, 2, 1}, {4, 2, 0}, {0, 3, 3}, {1, 0, 5}, {-1, -1, 5}, {100, 100, 0}} {
		if got := len(page(all, tc.no, tc.size)); got != tc.want {
			t.Errorf("page(%d, %d): got %d, want %d", tc.no, tc.size, got, tc.want)
		}
	}
}
