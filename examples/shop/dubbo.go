package main

import (
	"time"

	"dubbo.apache.org/dubbo-go/v3"
	"dubbo.apache.org/dubbo-go/v3/client"
	dubbolog "dubbo.apache.org/dubbo-go/v3/logger"
	"dubbo.apache.org/dubbo-go/v3/metadata"
	"dubbo.apache.org/dubbo-go/v3/protocol"
	dubboregistry "dubbo.apache.org/dubbo-go/v3/registry"

	// What this program uses of dubbo-go; importing dubbo-go/v3/imports instead makes it a third larger.
	_ "dubbo.apache.org/dubbo-go/v3/cluster/cluster/failover"
	_ "dubbo.apache.org/dubbo-go/v3/cluster/loadbalance/random"
	_ "dubbo.apache.org/dubbo-go/v3/cluster/router/tag"
	_ "dubbo.apache.org/dubbo-go/v3/filter/accesslog"
	_ "dubbo.apache.org/dubbo-go/v3/filter/echo"
	_ "dubbo.apache.org/dubbo-go/v3/filter/exec_limit"
	_ "dubbo.apache.org/dubbo-go/v3/filter/generic"
	_ "dubbo.apache.org/dubbo-go/v3/filter/graceful_shutdown"
	_ "dubbo.apache.org/dubbo-go/v3/filter/token"
	_ "dubbo.apache.org/dubbo-go/v3/filter/tps"
	_ "dubbo.apache.org/dubbo-go/v3/logger/core/zap"
	_ "dubbo.apache.org/dubbo-go/v3/metadata/mapping/metadata"
	_ "dubbo.apache.org/dubbo-go/v3/metadata/report/nacos"
	_ "dubbo.apache.org/dubbo-go/v3/protocol/triple"
	_ "dubbo.apache.org/dubbo-go/v3/proxy/proxy_factory"
	_ "dubbo.apache.org/dubbo-go/v3/registry/directory"
	_ "dubbo.apache.org/dubbo-go/v3/registry/nacos"
	_ "dubbo.apache.org/dubbo-go/v3/registry/protocol"
	_ "dubbo.apache.org/dubbo-go/v3/registry/servicediscovery"
)

// How calls are made.
const (
	callTimeout = 3 * time.Second
	retries     = 2
)

// newInstance is an ordinary dubbo-go application on the demo's Nacos.
func newInstance(spec childSpec, opts ...dubbo.InstanceOption) (*dubbo.Instance, error) {
	all := []dubbo.InstanceOption{
		dubbo.WithName(spec.Service),
		dubbo.WithRemoteMetadata(), // else dubbo-go opens a port on all interfaces
		dubbo.WithRegistry(
			dubboregistry.WithNacos(), dubboregistry.WithAddress(spec.Nacos), dubboregistry.WithGroup(spec.RegistryGroup),
			dubboregistry.WithRegisterInterface(), dubboregistry.WithoutUseAsConfigCenter(), dubboregistry.WithoutUseAsMetaReport(),
		),
		dubbo.WithMetadataReport(
			metadata.WithNacos(), metadata.WithAddress(spec.Nacos), metadata.WithGroup(spec.RegistryGroup),
		),
		dubbo.WithLogger(dubbolog.WithZap(), dubbolog.WithLevel("error")),
	}
	if spec.Port != 0 {
		all = append(all, dubbo.WithProtocol(protocol.WithTriple(), protocol.WithIp("127.0.0.1"), protocol.WithPort(spec.Port)))
	}
	return dubbo.NewInstance(append(all, opts...)...)
}

// newStubs subscribes to the services. They need not be there yet.
func newStubs(ins *dubbo.Instance, names []string) (map[string]*stub, error) {
	cli, err := ins.NewClient(client.WithClientNoCheck(), client.WithClientRetries(retries), client.WithClientRequestTimeout(callTimeout))
	if err != nil {
		return nil, err
	}
	stubs := make(map[string]*stub, len(names))
	for _, name := range names {
		if stubs[name], err = newStub(cli, name); err != nil {
			return nil, err
		}
	}
	return stubs, nil
}
