package nacos

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/nacos-group/nacos-sdk-go/v2/clients/naming_client/naming_cache"
	"github.com/nacos-group/nacos-sdk-go/v2/clients/naming_client/naming_grpc"
	"github.com/nacos-group/nacos-sdk-go/v2/common/constant"
	"github.com/nacos-group/nacos-sdk-go/v2/common/http_agent"
	"github.com/nacos-group/nacos-sdk-go/v2/common/nacos_server"
)

// naming is one connection to the registry. It is the layer below nacos-sdk-go's
// naming client, because that one cannot ask the server for a service's instances
// (it answers from what it was told last), and opens a UDP port on all interfaces
// for servers of version 1.
type naming struct {
	*naming_grpc.NamingGrpcProxy
	holder *naming_cache.ServiceInfoHolder
	cancel context.CancelFunc
}

// openNaming connects, with files in a directory of that name. It may wait for
// the server.
func (n *Nacos) openNaming(name string) (*naming, error) {
	servers, err := n.cfg.servers()
	if err != nil {
		return nil, err
	}
	client := n.cfg.client(filepath.Join(n.dir, name))
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
	return &naming{NamingGrpcProxy: proxy, holder: holder, cancel: cancel}, nil
}

func (c *naming) close() {
	c.CloseClient()
	c.cancel()
}
