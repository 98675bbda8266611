package conformance

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nacos-group/nacos-sdk-go/v2/clients"
	"github.com/nacos-group/nacos-sdk-go/v2/clients/config_client"
	"github.com/nacos-group/nacos-sdk-go/v2/clients/naming_client"
	"github.com/nacos-group/nacos-sdk-go/v2/common/constant"
	"github.com/nacos-group/nacos-sdk-go/v2/common/logger"
	"github.com/nacos-group/nacos-sdk-go/v2/model"
	"github.com/nacos-group/nacos-sdk-go/v2/vo"
)

// patience is how long anything may take. Whatever takes longer is broken, not slow.
const patience = 20 * time.Second

// suite is one run against one target.
type suite struct {
	Target
	run string // makes names unique
}

// name returns a name that no other test and no other run uses.
func (s *suite) name(what string) string { return what + "-" + s.run + "-" + fmt.Sprint(rand.Uint32()) }

// quiet keeps the client library's log, of which there is one per process, away from files and from the test's output.
type quiet struct{}

func (quiet) Info(...any)           {}
func (quiet) Warn(...any)           {}
func (quiet) Error(...any)          {}
func (quiet) Debug(...any)          {}
func (quiet) Infof(string, ...any)  {}
func (quiet) Warnf(string, ...any)  {}
func (quiet) Errorf(string, ...any) {}
func (quiet) Debugf(string, ...any) {}
func (quiet) Close() error          { return nil }

// SilenceClients makes nacos-sdk-go log nothing in this process. The library has one logger per process, which it
// creates with the first client and which writes files, so call it before that. Run does it, too.
func SilenceClients() { silence() }

var silence = sync.OnceFunc(func() { logger.SetLogger(quiet{}) })

func (s *suite) param(t testing.TB, namespace string) vo.NacosClientParam {
	t.Helper()
	silence()
	// Not t.TempDir: the library still writes while its client is being closed, and that must not fail the test.
	dir, err := os.MkdirTemp("", "nacos-conformance-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return vo.NacosClientParam{
		ServerConfigs: slices.Clone(s.Servers),
		ClientConfig: &constant.ClientConfig{
			TimeoutMs: 5_000, NamespaceId: namespace, CacheDir: dir, LogDir: dir, LogLevel: "error",
			NotLoadCacheAtStart: true, UpdateCacheWhenEmpty: true, DisableUseSnapShot: true, UpdateThreadNum: 1,
		},
	}
}

func (s *suite) namingClient(t testing.TB, namespace string) naming_client.INamingClient {
	t.Helper()
	c, err := clients.NewNamingClient(s.param(t, namespace))
	if err != nil {
		t.Fatalf("new naming client: %v", err)
	}
	t.Cleanup(func() { closeSoon(c.CloseClient) })
	return c
}

func (s *suite) configClient(t testing.TB, namespace string) config_client.IConfigClient {
	t.Helper()
	c, err := clients.NewConfigClient(s.param(t, namespace))
	if err != nil {
		t.Fatalf("new config client: %v", err)
	}
	t.Cleanup(func() { closeSoon(c.CloseClient) })
	return c
}

// closeSoon closes a client, but does not wait for ever: the library's close can hang when the server is away.
func closeSoon(closeClient func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		closeClient()
	}()
	select {
	case <-done:
	case <-time.After(5 * time.Second):
	}
}

// eventually polls until ok returns "", which means that all is well; else it fails with what ok said last.
func eventually(t testing.TB, what string, ok func() string) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(patience)
	for {
		said := ok()
		if said == "" {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%s: not after %v: %s", what, patience, said)
		}
	}
}

// watch is a subscription that remembers all that it was told.
type watch struct {
	mu    sync.Mutex
	lists [][]model.Instance
	errs  []error
}

func (s *suite) watch(t testing.TB, c naming_client.INamingClient, service Service) *watch {
	t.Helper()
	w := &watch{}
	err := c.Subscribe(&vo.SubscribeParam{
		ServiceName: service.Name, GroupName: service.Group,
		SubscribeCallback: func(list []model.Instance, err error) {
			w.mu.Lock()
			defer w.mu.Unlock()
			if err != nil {
				w.errs = append(w.errs, err)
				return
			}
			w.lists = append(w.lists, slices.Clone(list))
		},
	})
	if err != nil {
		t.Fatalf("subscribe: %v", err)
	}
	return w
}

func (w *watch) all() [][]model.Instance {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.lists)
}

func (w *watch) last() []model.Instance {
	all := w.all()
	if len(all) == 0 {
		return nil
	}
	return all[len(all)-1]
}

// waitFor waits until the newest list consists of exactly the given records.
func (w *watch) waitFor(t testing.TB, what string, want ...record) {
	t.Helper()
	eventually(t, what, func() string {
		all := w.all()
		if len(all) == 0 && len(want) > 0 {
			return "nothing was pushed"
		}
		return diff(w.last(), want)
	})
}

// record is what the suite compares of an instance.
type record struct {
	addr     string // ip:port
	weight   float64
	disabled bool
	meta     string // sorted, k=v joined by commas
}

func recordOf(in model.Instance) record {
	pairs := make([]string, 0, len(in.Metadata))
	for k, v := range in.Metadata {
		pairs = append(pairs, k+"="+v)
	}
	slices.Sort(pairs)
	return record{addr: fmt.Sprintf("%s:%d", in.Ip, in.Port), weight: in.Weight, disabled: !in.Enable, meta: strings.Join(pairs, ",")}
}

// diff compares sets; "" means equal.
func diff(got []model.Instance, want []record) string {
	var have []record
	for _, in := range got {
		have = append(have, recordOf(in))
	}
	less := func(a, b record) int {
		return compareStrings(fmt.Sprint(a), fmt.Sprint(b))
	}
	slices.SortFunc(have, less)
	sorted := slices.SortedFunc(slices.Values(want), less)
	if slices.Equal(have, sorted) {
		return ""
	}
	return fmt.Sprintf("got %+v, want %+v", have, sorted)
}

func compareStrings(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}
