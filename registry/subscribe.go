package registry

import (
	"slices"
	"sync"

	"github.com/nacos-group/nacos-sdk-go/v2/model"
	"github.com/nacos-group/nacos-sdk-go/v2/vo"
)

// Subscribe subscribes and then hands the present list to the callback, on top
// of what is pushed. nacos-sdk-go hands a subscriber nothing of a service that
// the process follows already, and frameworks look at the instances first and
// subscribe then: what was pushed in between would stay unknown to them until
// the service changes again, which may be days. The callback is never called
// concurrently, and its last list is the newest.
func (n *Naming) Subscribe(param *vo.SubscribeParam) error {
	if param == nil || param.SubscribeCallback == nil {
		return n.INamingClient.Subscribe(param)
	}
	deliver := param.SubscribeCallback
	var order sync.Mutex
	// In place: Unsubscribe knows a callback by its address in the param.
	param.SubscribeCallback = func(list []model.Instance, err error) {
		order.Lock()
		defer order.Unlock()
		deliver(list, err)
	}
	if err := n.INamingClient.Subscribe(param); err != nil {
		return err
	}
	order.Lock()
	defer order.Unlock()
	// Read under the lock: a push that this list does not have comes after it.
	list, err := n.SelectAllInstances(vo.SelectAllInstancesParam{
		ServiceName: param.ServiceName, GroupName: param.GroupName, Clusters: param.Clusters,
	})
	if err == nil && len(list) > 0 {
		deliver(slices.Clone(list), nil)
	}
	return nil
}
