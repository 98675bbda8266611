package nacoswire

import (
	"fmt"

	"github.com/nacos-group/nacos-sdk-go/v2/common/remote/rpc/rpc_request"
	"github.com/nacos-group/nacos-sdk-go/v2/common/remote/rpc/rpc_response"
	"github.com/nacos-group/nacos-sdk-go/v2/model"
)

// What an instance request can ask for.
const (
	actionRegister   = "registerInstance"
	actionDeregister = "deregisterInstance"
	actionBatch      = "batchRegisterInstance"
)

func (s *Server) instance(c *conn, body []byte) (answer, error) {
	req, err := decode[rpc_request.InstanceRequest](body)
	if err != nil {
		return answer{}, err
	}
	k := NewServiceKey(req.Namespace, req.GroupName, req.ServiceName)
	switch req.Type {
	case actionRegister:
		s.naming.put(c, k, []model.Instance{req.Instance})
	case actionDeregister:
		s.naming.drop(c, k)
	default:
		return answer{}, fmt.Errorf("unsupported request type %q", req.Type)
	}
	return plain("InstanceResponse", success()), nil
}

func (s *Server) batch(c *conn, body []byte) (answer, error) {
	req, err := decode[rpc_request.BatchInstanceRequest](body)
	if err != nil {
		return answer{}, err
	}
	if req.Type != actionBatch {
		return answer{}, fmt.Errorf("unsupported request type %q", req.Type)
	}
	s.naming.put(c, NewServiceKey(req.Namespace, req.GroupName, req.ServiceName), req.Instances)
	return plain("BatchInstanceResponse", success()), nil
}

func (s *Server) subscribe(c *conn, body []byte) (answer, error) {
	req, err := decode[rpc_request.SubscribeServiceRequest](body)
	if err != nil {
		return answer{}, err
	}
	k := NewServiceKey(req.Namespace, req.GroupName, req.ServiceName)
	change := s.naming.unsubscribe
	if req.Subscribe {
		change = s.naming.subscribe
	}
	head := success()
	return newAnswer("SubscribeServiceResponse", head,
		rpc_response.SubscribeServiceResponse{Response: head, ServiceInfo: change(c, k, req.Clusters)}), nil
}

func (s *Server) serviceQuery(_ *conn, body []byte) (answer, error) {
	req, err := decode[rpc_request.ServiceQueryRequest](body)
	if err != nil {
		return answer{}, err
	}
	info := s.naming.query(NewServiceKey(req.Namespace, req.GroupName, req.ServiceName), req.Cluster, req.HealthyOnly)
	head := success()
	return newAnswer("QueryServiceResponse", head, rpc_response.QueryServiceResponse{Response: head, ServiceInfo: info}), nil
}

func (s *Server) serviceList(_ *conn, body []byte) (answer, error) {
	req, err := decode[rpc_request.ServiceListRequest](body)
	if err != nil {
		return answer{}, err
	}
	names := s.naming.names(req.Namespace, req.GroupName)
	head := success()
	return newAnswer("ServiceListResponse", head, rpc_response.ServiceListResponse{
		Response: head, Count: len(names), ServiceNames: page(names, req.PageNo, req.PageSize),
	}), nil
}

// page cuts out one page; pages count from 1, and a size below 1 means everything.
func page[T any](all []T, no, size int) []T {
	if size < 1 {
		return all
	}
	first := min((max(no, 1)-1)*size, len(all))
	return all[first:min(first+size, len(all))]
}
