// Package naming is a connection to Nacos' registry that asks the server each
// time. It is the layer below nacos-sdk-go's naming client, because that one
// cannot ask for a service's instances (it answers from what it was told last),
// and opens a UDP port on all interfaces for servers of version 1.
package naming

import (
	"context"
	"fmt"

	"github.com/nacos-group/nacos-sdk-go/v2/clients/naming_client/naming_cache"
	"github.com/nacos-group/nacos-sdk-go/v2/clients/naming_client/naming_grpc"
	"github.com/nacos-group/nacos-sdk-go/v2/common/constant"
	"github.com/nacos-group/nacos-sdk-go/v2/common/http_agent"
	"github.com/nacos-group/nacos-sdk-go/v2/common/nacos_server"
	"github.com/nacos-group/nacos-sdk-go/v2/model"
)

// Client is one connection. Its methods may be called concurrently.
type Client struct {
	*naming_grpc.NamingGrpcProxy
	Holder *naming_cache.ServiceInfoHolder // what was pushed
	cancel context.CancelFunc
}

// Open connects. It may wait for the server.
func Open(servers []constant.ServerConfig, client constant.ClientConfig) (*Client, error) {
	if client.NamespaceId == "" {
		client.NamespaceId = constant.DEFAULT_NAMESPACE_ID
	}
	ctx, cancel := context.WithCancel(context.Background())
	agent := &http_agent.HttpAgent{TlsConfig: client.TLSCfg}
	header := map[string][]string{"Client-Version": {constant.CLIENT_VERSION}, "User-Agent": {constant.CLIENT_VERSION}, "Request-Module": {"Naming"}}
	server, err := nacos_server.NewNacosServer(ctx, servers, client, agent, client.TimeoutMs, client.Endpoint, header)
	if err != nil {
		cancel()
		return nil, fmt.Errorf("nacos: %w", err)
	}
	holder := naming_cache.NewServiceInfoHolder(client.NamespaceId, client.CacheDir, client.UpdateCacheWhenEmpty, client.NotLoadCacheAtStart)
	proxy, err := naming_grpc.NewNamingGrpcProxy(ctx, client, server, holder)
	if err != nil {
		cancel()
		return nil, fmt.Errorf("nacos: %w", err)
	}
	return &Client{NamingGrpcProxy: proxy, Holder: holder, cancel: cancel}, nil
}

// Instances asks the server for the enabled instances of a service; "" is the
// default group.
func (c *Client) Instances(group, service string) ([]model.Instance, error) {
	if group == "" {
		group = constant.DEFAULT_GROUP
	}
	info, err := c.QueryInstancesOfService(service, group, "", 0, false)
	if err != nil {
		return nil, err
	}
	return info.Hosts, nil
}

// Close ends the connection. It may hang where the server is away.
func (c *Client) Close() {
	c.CloseClient()
	c.cancel()
}
