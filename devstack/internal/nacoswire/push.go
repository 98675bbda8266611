package nacoswire

import (
	"context"
	"strconv"

	nacosgrpc "github.com/nacos-group/nacos-sdk-go/v2/api/grpc"
	"github.com/nacos-group/nacos-sdk-go/v2/common/remote/rpc/rpc_request"
)

// writer sends what the connection has been marked for, in the newest state at the moment of sending, until ctx ends.
// A client that does not read holds up its own writer only.
func (s *Server) writer(ctx context.Context, c *conn, send func(*nacosgrpc.Payload) error) {
	for n := 0; ; {
		select {
		case <-ctx.Done():
			return
		case <-c.wake:
		}
		hold := s.faults.holding()
		w := c.take(hold != nil && hold(s.describe(c)))
		for _, p := range w.outbox {
			if send(p) != nil {
				return
			}
		}
		for _, p := range s.pushes(c, w, &n) {
			if s.faults.losePush() {
				continue
			}
			if send(p) != nil {
				return
			}
		}
	}
}

// pushes renders the announcements of one round. n numbers the pushes of the connection.
func (s *Server) pushes(c *conn, w work, n *int) []*nacosgrpc.Payload {
	var all []*nacosgrpc.Payload
	add := func(typ string, body any) {
		p, err := payload(typ, body)
		if err != nil {
			s.opts.Logger.Error("a push could not be encoded", "type", typ, "error", err)
			return
		}
		all = append(all, p)
	}
	id := func() *rpc_request.Request {
		*n++
		return &rpc_request.Request{RequestId: strconv.Itoa(*n)}
	}
	for _, k := range w.services {
		info, ok := s.naming.render(c, k)
		if !ok {
			continue
		}
		add("NotifySubscriberRequest", rpc_request.NotifySubscriberRequest{
			NamingRequest: &rpc_request.NamingRequest{
				Request: id(), Namespace: k.Namespace, ServiceName: k.Name, GroupName: k.Group, Module: "naming",
			},
			ServiceInfo: info,
		})
	}
	for k, tenant := range w.configs {
		add("ConfigChangeNotifyRequest", rpc_request.ConfigChangeNotifyRequest{
			ConfigRequest: &rpc_request.ConfigRequest{
				Request: id(), Group: k.Group, DataId: k.DataID, Tenant: tenant, Module: "config",
			},
		})
	}
	return all
}
