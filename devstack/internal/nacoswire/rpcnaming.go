package nacoswire

import (
	"fmt"
	"unicode/utf16"

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
	req, k, err := readService[instanceRequest](body)
	if err != nil {
		return answer{}, err
	}
	switch req.Type {
	case actionRegister:
		if err := s.register(c, k, []model.Instance{req.Instance}); err != nil {
			return answer{}, err
		}
	case actionDeregister:
		s.naming.drop(c, k)
	default:
		return answer{}, fmt.Errorf("unsupported request type %q", req.Type)
	}
	return plain("InstanceResponse", success()), nil
}

func (s *Server) batch(c *conn, body []byte) (answer, error) {
	req, k, err := readService[instanceRequest](body)
	if err != nil {
		return answer{}, err
	}
	if req.Type != actionBatch {
		return answer{}, fmt.Errorf("unsupported request type %q", req.Type)
	}
	if err := s.register(c, k, req.Instances); err != nil {
		return answer{}, err
	}
	return plain("BatchInstanceResponse", success()), nil
}

// register takes ephemeral instances only: the others do not belong to a connection.
func (s *Server) register(c *conn, k ServiceKey, instances []model.Instance) error {
	for _, in := range instances {
		if in.Ip == "" {
			return fmt.Errorf("an instance of %s has no ip", k.grouped())
		}
		if !in.Ephemeral {
			return fmt.Errorf("%s:%d of %s: persistent instances are not implemented in the embedded server", in.Ip, in.Port, k.grouped())
		}
		if metadataLength(in.Metadata) > maxMetadataLength {
			return fmt.Errorf("param check invalid: param 'Metadata' is illegal, the param length should not exceed %d", maxMetadataLength)
		}
	}
	s.naming.put(c, k, instances)
	return nil
}

// maxMetadataLength is what the real server accepts of one instance unless its parameter check is switched off.
const maxMetadataLength = 1024

// metadataLength counts keys and values in UTF-16 units, as the real server does.
func metadataLength(metadata map[string]string) int {
	n := 0
	for k, v := range metadata {
		n += len(utf16.Encode([]rune(k))) + len(utf16.Encode([]rune(v)))
	}
	return n
}

func (s *Server) subscribe(c *conn, body []byte) (answer, error) {
	req, k, err := readService[subscribeRequest](body)
	if err != nil {
		return answer{}, err
	}
	change := s.naming.unsubscribe
	if req.Subscribe {
		change = s.naming.subscribe
	}
	head := success()
	return newAnswer("SubscribeServiceResponse", head,
		rpc_response.SubscribeServiceResponse{Response: head, ServiceInfo: change(c, k, req.Clusters)}), nil
}

func (s *Server) serviceQuery(_ *conn, body []byte) (answer, error) {
	req, k, err := readService[queryRequest](body)
	if err != nil {
		return answer{}, err
	}
	info := s.naming.query(k, req.Cluster, req.HealthyOnly)
	head := success()
	return newAnswer("QueryServiceResponse", head, rpc_response.QueryServiceResponse{Response: head, ServiceInfo: info}), nil
}

func (s *Server) serviceList(_ *conn, body []byte) (answer, error) {
	req, err := decode[listRequest](body)
	if err != nil {
		return answer{}, err
	}
	names := s.naming.names(req.Namespace, req.GroupName)
	head := success()
	return newAnswer("ServiceListResponse", head, rpc_response.ServiceListResponse{
		Response: head, Count: len(names), ServiceNames: page(names, req.PageNo, req.PageSize),
	}), nil
}

// readService decodes a request that names a service.
func readService[T interface{ key() (ServiceKey, error) }](body []byte) (T, ServiceKey, error) {
	req, err := decode[T](body)
	if err != nil {
		return req, ServiceKey{}, err
	}
	k, err := req.key()
	return req, k, err
}

// page cuts out one page; pages count from 1, and a size below 1 means everything.
func page[T any](all []T, no, size int) []T {
	if size < 1 {
		return all
	}
	first := min((max(no, 1)-1)*size, len(all))
	return all[first:min(first+size, len(all))]
}
