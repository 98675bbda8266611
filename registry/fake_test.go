package registry

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nacos-group/nacos-sdk-go/v2/clients/naming_client"
	"github.com/nacos-group/nacos-sdk-go/v2/model"
	"github.com/nacos-group/nacos-sdk-go/v2/vo"
	"go.uber.org/goleak"

	"github.com/bluegreen-go/bluegreen/sdk"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreCurrent()) // what nacos-sdk-go starts when it is linked
}

// fake is a registry in memory, as one client sees it.
type fake struct {
	naming_client.INamingClient

	mu      sync.Mutex
	records map[string][]vo.RegisterInstanceParam // by service
	others  map[string][]model.Instance           // of other clients
	overlay map[string]float64                    // service → weight set on the console
	writes  int
	fail    error
	refuse  bool
	closed  bool
}

func newFake() *fake {
	return &fake{records: map[string][]vo.RegisterInstanceParam{}, others: map[string][]model.Instance{}, overlay: map[string]float64{}}
}

func (f *fake) put(service string, list []vo.RegisterInstanceParam) (bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.writes++
	if f.fail != nil {
		return false, f.fail
	}
	for _, p := range list {
		if f.refuse || size(p.Metadata) > metadataLimit {
			return false, nil
		}
	}
	f.records[service] = list
	return true, nil
}

func (f *fake) RegisterInstance(p vo.RegisterInstanceParam) (bool, error) {
	return f.put(p.ServiceName, []vo.RegisterInstanceParam{p})
}

func (f *fake) BatchRegisterInstance(p vo.BatchRegisterInstanceParam) (bool, error) {
	return f.put(p.ServiceName, p.Instances)
}

func (f *fake) DeregisterInstance(p vo.DeregisterInstanceParam) (bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.records, p.ServiceName)
	return f.fail == nil, f.fail
}

func (f *fake) SelectAllInstances(p vo.SelectAllInstancesParam) ([]model.Instance, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fail != nil {
		return nil, f.fail
	}
	list := append([]model.Instance(nil), f.others[p.ServiceName]...)
	for _, r := range f.records[p.ServiceName] {
		if !r.Enable {
			continue
		}
		w := r.Weight
		if o, ok := f.overlay[p.ServiceName]; ok {
			w = o
		}
		list = append(list, model.Instance{Ip: r.Ip, Port: r.Port, Weight: w, Enable: true, Healthy: true, Metadata: r.Metadata})
	}
	return list, nil
}

func (f *fake) CloseClient() { f.closed = true }

// get returns the first record of a service.
func (f *fake) get(service string) vo.RegisterInstanceParam {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.records[service]) == 0 {
		return vo.RegisterInstanceParam{}
	}
	return f.records[service][0]
}

func (f *fake) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.writes
}

func (f *fake) set(change func(*fake)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change(f)
}

// bench is a process with one record, under synctest.
type bench struct {
	t      *testing.T
	fake   *fake
	source *sdk.MemorySource
	client *sdk.Client
	naming *Naming
	rev    int64
}

const (
	service = "providers:x.order::"
	jitter  = 5 * time.Second
)

// inBubble runs a test with a blue process of service order that has the given
// first rules (nil: the source does not answer).
func inBubble(t *testing.T, first *sdk.Channel, test func(*bench)) {
	synctest.Test(t, func(t *testing.T) {
		b := &bench{t: t, fake: newFake()}
		var err error
		if b.source, err = sdk.NewMemorySource(); err != nil {
			t.Fatal(err)
		}
		if first == nil {
			b.source.SetError(errors.New("down"))
		} else {
			b.publish(first)
		}
		b.client, err = sdk.NewClient(sdk.Identity{Service: "order", Color: sdk.Blue, Version: "v1"}, b.source, sdk.WithLastGoodFile(""))
		if err != nil {
			t.Fatal(err)
		}
		b.naming = Decorate(b.fake, b.client)
		defer func() {
			if err := b.client.Shutdown(context.Background()); err != nil {
				t.Errorf("shutdown: %v", err)
			}
		}()
		synctest.Wait()
		test(b)
	})
}

func (b *bench) publish(ch *sdk.Channel) {
	b.t.Helper()
	b.rev++
	ch = ch.Clone()
	ch.Revision = b.rev
	doc, err := ch.Document()
	if err != nil {
		b.t.Fatal(err)
	}
	ix := sdk.Index{APIVersion: sdk.APIVersion, Revision: b.rev + 1, Channels: map[string]int64{ch.Name: ch.Revision}}
	index, err := ix.Document()
	if err != nil {
		b.t.Fatal(err)
	}
	b.source.Put(sdk.ChannelDataID(ch.Name), doc)
	b.source.Put(sdk.IndexDataID, index)
}

// after lets time pass.
func (b *bench) after(d time.Duration) {
	time.Sleep(d) // in the bubble
	synctest.Wait()
}

func (b *bench) register() {
	b.t.Helper()
	ok, err := b.naming.RegisterInstance(param())
	if !ok || err != nil {
		b.t.Fatalf("register: %t, %v", ok, err)
	}
}

func (b *bench) want(enabled bool, weight float64, meta string) {
	b.t.Helper()
	got := b.fake.get(service)
	if got.Enable != enabled || got.Weight != weight || got.Metadata["weight"] != meta {
		b.t.Errorf("record is enabled=%t weight=%g meta=%q, want %t %g %q", got.Enable, got.Weight, got.Metadata["weight"], enabled, weight, meta)
	}
}

func param() vo.RegisterInstanceParam {
	return vo.RegisterInstanceParam{
		Ip: "10.0.0.1", Port: 20000, ServiceName: service, Weight: 1, Enable: true, Healthy: true, Ephemeral: true,
		Metadata: map[string]string{"application": "order", "weight": "0"},
	}
}

func green() []model.Instance {
	return []model.Instance{{Ip: "10.0.0.2", Port: 20000, Enable: true, Healthy: true, Metadata: map[string]string{KeyColor: "green"}}}
}

func split(blue, green int, stageBlue, stageGreen sdk.Stage) *sdk.Channel {
	return &sdk.Channel{
		APIVersion: sdk.APIVersion, Name: "checkout", Revision: 1, State: sdk.Active, Services: []string{"order"},
		Share: sdk.PerColor[int]{Blue: blue, Green: green}, Stage: sdk.PerColor[sdk.Stage]{Blue: stageBlue, Green: stageGreen}, WhenEmpty: sdk.UseOther,
	}
}

func long(n int) string { return strings.Repeat("x", n) }
