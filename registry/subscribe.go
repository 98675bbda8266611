package registry

import (
	"slices"
	"sync"
	"time"

	"github.com/nacos-group/nacos-sdk-go/v2/model"
	"github.com/nacos-group/nacos-sdk-go/v2/vo"
)

// Subscribe subscribes and then hands the present list to the callback, on top
// of what is pushed. nacos-sdk-go hands a subscriber nothing of a service that
// the process follows already, and frameworks look at the instances first and
// subscribe then: what was pushed in between would stay unknown to them until
// the service changes again, which may be days. The callback is never called
// concurrently, and its last list is the newest.
//
// That a service has no instance any more is told only once it lasts: after an
// outage callers are often back before those who serve, and an instance that is
// gone fails a call no worse than none.
func (n *Naming) Subscribe(param *vo.SubscribeParam) error {
	if param == nil || param.SubscribeCallback == nil {
		return n.INamingClient.Subscribe(param)
	}
	sub := &subscriber{deliver: param.SubscribeCallback}
	// In place: Unsubscribe knows a callback by its address in the param.
	param.SubscribeCallback = sub.take
	if err := n.INamingClient.Subscribe(param); err != nil {
		return err
	}
	sub.mu.Lock()
	defer sub.mu.Unlock()
	// Read under the lock: a push that this list does not have comes after it.
	list, err := n.SelectAllInstances(vo.SelectAllInstancesParam{
		ServiceName: param.ServiceName, GroupName: param.GroupName, Clusters: param.Clusters,
	})
	if err == nil && len(list) > 0 {
		sub.hand(slices.Clone(list), nil)
	}
	return nil
}

// emptyHold is how long a service must have been without an instance before its
// subscribers are told. Clients of Nacos register again within a few seconds
// after an outage.
const emptyHold = 10 * time.Second

// subscriber is one callback and what it has heard.
type subscriber struct {
	mu      sync.Mutex // held while deliver runs
	deliver func([]model.Instance, error)
	had     bool        // the last list had instances
	empty   *time.Timer // tells that there are none any more; nil: there are
}

func (s *subscriber) take(list []model.Instance, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hand(list, err)
}

// hand delivers a list, at once or later; the caller holds s.mu.
func (s *subscriber) hand(list []model.Instance, err error) {
	if len(list) == 0 && err == nil && s.had {
		if s.empty == nil {
			s.empty = time.AfterFunc(emptyHold, s.expire)
		}
		return
	}
	if s.empty != nil {
		s.empty.Stop()
		s.empty = nil
	}
	s.had = len(list) > 0
	s.deliver(list, err)
}

func (s *subscriber) expire() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.empty == nil {
		return // instances have come while this waited for the lock
	}
	s.empty, s.had = nil, false
	s.deliver(nil, nil)
}
