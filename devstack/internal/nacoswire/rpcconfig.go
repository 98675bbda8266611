package nacoswire

import (
	"errors"

	"github.com/nacos-group/nacos-sdk-go/v2/common/remote/rpc/rpc_response"
	"github.com/nacos-group/nacos-sdk-go/v2/model"
)

// configAnswer is the answer to a query. The client library's own type gives the tag as a boolean, which clients in
// other languages do not read.
type configAnswer struct {
	*rpc_response.Response
	Content      string `json:"content"`
	ContentType  string `json:"contentType"`
	MD5          string `json:"md5"`
	LastModified int64  `json:"lastModified"`
}

func (s *Server) configQuery(_ *conn, body []byte) (answer, error) {
	req, err := decode[configRequest](body)
	if err != nil {
		return answer{}, err
	}
	found, ok := s.configs.get(req.key())
	if !ok {
		head := failure(codeNotFound, errNoConfig.Error())
		return newAnswer("ConfigQueryResponse", head, configAnswer{Response: head}), nil
	}
	head := success()
	return newAnswer("ConfigQueryResponse", head, configAnswer{
		Response: head, Content: found.Content, ContentType: found.Type, MD5: found.MD5, LastModified: millis(found.Modified),
	}), nil
}

func (s *Server) configPublish(_ *conn, body []byte) (answer, error) {
	req, err := decode[configRequest](body)
	if err != nil {
		return answer{}, err
	}
	c := Config{
		Key: req.key(), Content: req.Content,
		Type: contentType(req.AdditionMap["type"]), App: req.AdditionMap["appName"],
	}
	if req.Content == "" {
		return answer{}, errors.New("content is empty")
	}
	if err := s.configs.publish(c, req.CasMD5); err != nil {
		return answer{}, err
	}
	return plain("ConfigPublishResponse", success()), nil
}

func contentType(named string) string {
	if named == "" {
		return "text"
	}
	return named
}

func (s *Server) configRemove(_ *conn, body []byte) (answer, error) {
	req, err := decode[configRequest](body)
	if err != nil {
		return answer{}, err
	}
	s.configs.remove(req.key())
	return plain("ConfigRemoveResponse", success()), nil
}

func (s *Server) configListen(c *conn, body []byte) (answer, error) {
	req, err := decode[listenRequest](body)
	if err != nil {
		return answer{}, err
	}
	changed := []model.ConfigContext{}
	for _, l := range req.Contexts {
		k := NewConfigKey(l.Tenant, l.Group, l.DataId)
		if !req.Listen {
			s.configs.unlisten(c, k)
			continue
		}
		if s.configs.listen(c, k, l.Tenant, l.Md5) {
			changed = append(changed, model.ConfigContext{Group: l.Group, DataId: l.DataId, Tenant: l.Tenant})
		}
	}
	head := success()
	return newAnswer("ConfigChangeBatchListenResponse", head,
		rpc_response.ConfigChangeBatchListenResponse{Response: head, ChangedConfigs: changed}), nil
}
