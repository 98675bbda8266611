package nacoswire

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/nacos-group/nacos-sdk-go/v2/model"
)

// The requests as the server reads them. The client library's own types embed pointers, which are nil when a message
// leaves out all of their fields.

type setupRequest struct {
	ClientVersion string            `json:"clientVersion"`
	Tenant        string            `json:"tenant"`
	Labels        map[string]string `json:"labels"`
	AbilityTable  map[string]bool   `json:"abilityTable"` // nil: the client does not negotiate
}

type configRequest struct {
	DataID      string            `json:"dataId"`
	Group       string            `json:"group"`
	Tenant      string            `json:"tenant"`
	Content     string            `json:"content"`
	CasMD5      string            `json:"casMd5"`
	AdditionMap map[string]string `json:"additionMap"`
}

func (r configRequest) key() ConfigKey { return NewConfigKey(r.Tenant, r.Group, r.DataID) }

type listenRequest struct {
	Listen   bool                        `json:"listen"`
	Contexts []model.ConfigListenContext `json:"configListenContexts"`
}

type serviceRequest struct {
	Namespace   string `json:"namespace"`
	ServiceName string `json:"serviceName"`
	GroupName   string `json:"groupName"`
}

var errNoServiceName = errors.New("param 'serviceName' is illegal, serviceName is blank")

func (r serviceRequest) key() (ServiceKey, error) {
	k := NewServiceKey(r.Namespace, r.GroupName, r.ServiceName)
	if k.Name == "" {
		return k, errNoServiceName
	}
	return k, nil
}

type instanceRequest struct {
	serviceRequest
	Type      string           `json:"type"`
	Instance  model.Instance   `json:"instance"`
	Instances []model.Instance `json:"instances"`
}

type subscribeRequest struct {
	serviceRequest
	Subscribe bool   `json:"subscribe"`
	Clusters  string `json:"clusters"`
}

type queryRequest struct {
	serviceRequest
	Cluster     string `json:"cluster"`
	HealthyOnly bool   `json:"healthyOnly"`
}

type listRequest struct {
	serviceRequest
	PageNo   int `json:"pageNo"`
	PageSize int `json:"pageSize"`
}

// decode reads a request; the error names its type.
func decode[T any](body []byte) (T, error) {
	var v T
	if err := json.Unmarshal(body, &v); err != nil {
		return v, fmt.Errorf("%T: %w", v, err)
	}
	return v, nil
}
