package rpc

import (
	"log/slog"

	"github.com/nacos-group/nacos-sdk-go/v2/model"
	"github.com/nacos-group/nacos-sdk-go/v2/vo"

	"github.com/bluegreen-go/bluegreen/registry"
)

// patient is the naming client as dubbo-go gets it. dubbo-go v3.3.2 gives up on
// a Nacos that does not answer: a consumer that starts meanwhile gets a stub
// without an invoker, and one that is told of a change right after an outage ends
// its subscription for good. With patient it tries again.
type patient struct {
	*registry.Naming
	log *slog.Logger
}

// GetAllServicesInfo answers the question for one service, by which dubbo-go
// finds out whether the registry is available, with success.
func (p patient) GetAllServicesInfo(param vo.GetAllServiceInfoParam) (model.ServiceList, error) {
	list, err := p.Naming.GetAllServicesInfo(param)
	if err != nil && param.PageSize == 1 {
		return model.ServiceList{}, nil
	}
	return list, err
}

// SelectAllInstances gives what is known before the subscription that follows:
// nothing, if it cannot be had.
func (p patient) SelectAllInstances(param vo.SelectAllInstancesParam) ([]model.Instance, error) {
	list, err := p.Naming.SelectAllInstances(param)
	if err != nil {
		p.log.Warn("bluegreen: no instances known yet", "service", param.ServiceName, "error", err)
	}
	return list, nil
}
