package devstack

import (
	"github.com/nacos-group/nacos-sdk-go/v2/model"

	"github.com/bluegreen-go/bluegreen/devstack/internal/nacoswire"
)

// Space is the state of one namespace, for tests to look at and to change. An empty group means DEFAULT_GROUP. All
// methods may be called concurrently; what they return belongs to the caller.
type Space struct {
	nacos     *nacoswire.Server
	namespace string
}

func (s *Space) service(group, name string) nacoswire.ServiceKey {
	return nacoswire.NewServiceKey(s.namespace, group, name)
}

func (s *Space) config(group, dataID string) nacoswire.ConfigKey {
	return nacoswire.NewConfigKey(s.namespace, group, dataID)
}

// Config returns the content of a config and whether there is one.
func (s *Space) Config(group, dataID string) (content string, ok bool) {
	return s.nacos.Config(s.config(group, dataID))
}

// Publish stores a config and tells those who listen. It fails on names that Nacos does not accept.
func (s *Space) Publish(group, dataID, content string) error {
	return s.nacos.Publish(s.config(group, dataID), content)
}

// RemoveConfig removes a config, if there is one, and tells those who listen.
func (s *Space) RemoveConfig(group, dataID string) { s.nacos.RemoveConfig(s.config(group, dataID)) }

// Instances returns all instances of a service, also the disabled ones, with the values in force: those of the owner
// with the console's edits over them.
func (s *Space) Instances(group, service string) []model.Instance {
	return s.nacos.Instances(s.service(group, service))
}

// Services returns the names of the services that have an instance, sorted.
func (s *Space) Services(group string) []string { return s.nacos.Services(s.namespace, group) }

// Subscribers returns how many connections watch a service.
func (s *Space) Subscribers(group, service string) int {
	return s.nacos.Subscribers(s.service(group, service))
}

// UpdateInstance edits an instance of the default cluster as the console does. The edit wins over what the owner
// registers from then on, and is forgotten a minute after the instance has gone. The instance must exist.
func (s *Space) UpdateInstance(group, service, ip string, port uint64, edit Overlay) error {
	return s.nacos.UpdateInstance(s.service(group, service), ip, port, "", nacoswire.Overlay(edit))
}

// Visible returns, for each change of what watchers of a service may see, the new list of enabled instances. It is
// recorded before changes are merged, so an instance that is in none of the lists was never visible for a moment. Of a
// very long run only the newest changes are kept, at least 25 000 over all services.
func (s *Space) Visible(group, service string) []Visibility {
	return convert(s.nacos.Visible(s.service(group, service)), newVisibility)
}
