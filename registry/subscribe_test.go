package registry

import (
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/nacos-group/nacos-sdk-go/v2/model"
	"github.com/nacos-group/nacos-sdk-go/v2/vo"
)

// silent hands a new subscriber nothing, as nacos-sdk-go does for a service that
// the process follows already.
type silent struct {
	*fake
	err    error
	pushed func([]model.Instance, error)
}

func (s *silent) Subscribe(p *vo.SubscribeParam) error {
	if p == nil {
		return s.err
	}
	s.pushed = p.SubscribeCallback
	return s.err
}

func ports(list []model.Instance) (out []uint64) {
	for _, i := range list {
		out = append(out, i.Port)
	}
	return out
}

func TestSubscriberIsToldWhatCameBeforeIt(t *testing.T) {
	inner := &silent{fake: newFake()}
	inner.others[service] = []model.Instance{{Port: 1}, {Port: 2}}
	n := &Naming{INamingClient: inner}
	var mu sync.Mutex
	var got [][]uint64
	param := &vo.SubscribeParam{ServiceName: service, SubscribeCallback: func(list []model.Instance, _ error) {
		mu.Lock()
		defer mu.Unlock()
		got = append(got, ports(list))
	}}
	if err := n.Subscribe(param); err != nil {
		t.Fatal(err)
	}
	inner.pushed([]model.Instance{{Port: 3}}, nil)
	if want := [][]uint64{{1, 2}, {3}}; !slices.EqualFunc(got, want, slices.Equal) {
		t.Errorf("the subscriber was told %v, want %v", got, want)
	}
}

// TestPushDuringTheFirstListComesAfterIt: a push that arrives while the present
// list is read must not be overtaken by it.
func TestPushDuringTheFirstListComesAfterIt(t *testing.T) {
	inner := &reading{silent: silent{fake: newFake()}}
	inner.others[service] = []model.Instance{{Port: 1}}
	n := &Naming{INamingClient: inner}
	var last []uint64
	param := &vo.SubscribeParam{ServiceName: service, SubscribeCallback: func(list []model.Instance, _ error) { last = ports(list) }}
	if err := n.Subscribe(param); err != nil {
		t.Fatal(err)
	}
	inner.wg.Wait()
	if want := []uint64{1, 2}; !slices.Equal(last, want) {
		t.Errorf("the subscriber was told %v last, want %v", last, want)
	}
}

// reading is pushed to after a list was read and before it is handed out.
type reading struct {
	silent
	wg sync.WaitGroup
}

func (r *reading) SelectAllInstances(p vo.SelectAllInstancesParam) ([]model.Instance, error) {
	list, err := r.silent.SelectAllInstances(p)
	started := make(chan struct{})
	r.wg.Go(func() {
		close(started)
		r.pushed([]model.Instance{{Port: 1}, {Port: 2}}, nil)
	})
	<-started
	return list, err
}

func TestSubscribeFails(t *testing.T) {
	inner := &silent{fake: newFake(), err: errors.New("no connection")}
	inner.others[service] = []model.Instance{{Port: 1}}
	n := &Naming{INamingClient: inner}
	told := 0
	param := &vo.SubscribeParam{ServiceName: service, SubscribeCallback: func([]model.Instance, error) { told++ }}
	if err := n.Subscribe(param); !errors.Is(err, inner.err) || told != 0 {
		t.Errorf("Subscribe = %v, told %d times; want %v and nothing", err, told, inner.err)
	}
	if err := n.Subscribe(nil); !errors.Is(err, inner.err) {
		t.Errorf("Subscribe(nil) = %v, want what the client says", err)
	}
}
