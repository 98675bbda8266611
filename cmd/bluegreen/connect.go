package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/nacos-group/nacos-sdk-go/v2/clients/naming_client/naming_cache"
	"github.com/nacos-group/nacos-sdk-go/v2/clients/naming_client/naming_grpc"
	"github.com/nacos-group/nacos-sdk-go/v2/common/constant"
	"github.com/nacos-group/nacos-sdk-go/v2/common/http_agent"
	"github.com/nacos-group/nacos-sdk-go/v2/common/nacos_server"
	"github.com/nacos-group/nacos-sdk-go/v2/model"
	"github.com/spf13/pflag"

	"github.com/bluegreen-go/bluegreen/control/store"
	"github.com/bluegreen-go/bluegreen/registry"
	"github.com/bluegreen-go/bluegreen/sdk"
	"github.com/bluegreen-go/bluegreen/sdk/nacos"
)

// Target says which Nacos a command talks to.
type Target struct {
	Address, Namespace, Group string
	User, Password            string
	// RegistryNamespace and RegistryGroup are where services register.
	RegistryNamespace, RegistryGroup string
}

func env(name, otherwise string) string {
	if v := os.Getenv(name); v != "" {
		return v
	}
	return otherwise
}

func (t *Target) flags(f *pflag.FlagSet) {
	f.StringVar(&t.Address, "nacos", env("NACOS_ADDR", "127.0.0.1:8848"), "host:port[,host:port] of Nacos")
	f.StringVar(&t.Namespace, "namespace", env("NACOS_NAMESPACE", ""), "namespace id of the rules")
	f.StringVar(&t.Group, "group", env("NACOS_GROUP", sdk.Group), "group of the rules and reports")
	f.StringVar(&t.User, "user", env("NACOS_USERNAME", ""), "user")
	f.StringVar(&t.Password, "password", "", "password (better: NACOS_PASSWORD)")
	f.StringVar(&t.RegistryNamespace, "registry-namespace", "", "namespace id where services register (default: that of the rules)")
	f.StringVar(&t.RegistryGroup, "registry-group", constant.DEFAULT_GROUP, "group where services register")
}

// Connection is what the commands work with.
type Connection struct {
	Backend store.Backend
	// Instances returns what callers may see of a service.
	Instances func(ctx context.Context, service string) ([]Instance, error)
	// Close ends the connection; nil if there is nothing to end.
	Close func(context.Context) error
}

// closeLimit bounds the goodbye to Nacos.
const closeLimit = 3 * time.Second

func (c *Connection) close() error {
	if c.Close == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), closeLimit)
	defer cancel()
	return c.Close(ctx)
}

// Instance is one instance of a service in the registry.
type Instance struct {
	Address   string    `json:"address"`
	Color     sdk.Color `json:"color"`
	Version   string    `json:"version,omitempty"`
	Weight    float64   `json:"weight"`
	Record    string    `json:"record"`    // the name that it is registered under
	Announced bool      `json:"announced"` // it names its service itself
}

// Connect opens Nacos.
func Connect(_ context.Context, t Target) (*Connection, error) {
	password := t.Password
	if password == "" {
		password = os.Getenv("NACOS_PASSWORD")
	}
	quiet := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))
	n, err := nacos.Open(nacos.Config{
		Address: t.Address, Namespace: t.Namespace, Group: t.Group, Username: t.User, Password: password, Logger: quiet,
	})
	if err != nil {
		return nil, usageError{err}
	}
	r := &records{target: t, password: password}
	return &Connection{Backend: n, Instances: r.instances, Close: n.Close}, nil
}

// records reads the registry. It uses the layer below nacos-sdk-go's naming
// client, which would open a UDP port and answer from a cache.
type records struct {
	target   Target
	password string
}

func (r *records) instances(ctx context.Context, service string) ([]Instance, error) {
	proxy, end, err := r.open(ctx)
	if err != nil {
		return nil, fmt.Errorf("registry: %w", err)
	}
	defer end()
	names, err := r.names(proxy)
	if err != nil {
		return nil, fmt.Errorf("registry: %w", err)
	}
	var found []Instance
	for _, name := range names {
		if name != service && !strings.HasPrefix(name, "providers:") {
			continue
		}
		list, err := proxy.QueryInstancesOfService(name, r.target.RegistryGroup, "", 0, false)
		if err != nil {
			return nil, fmt.Errorf("registry: %s: %w", name, err)
		}
		for _, h := range list.Hosts {
			if owner(name, h) == service && h.Enable {
				found = append(found, newInstance(name, h))
			}
		}
	}
	slices.SortFunc(found, func(a, b Instance) int { return strings.Compare(a.Address+a.Record, b.Address+b.Record) })
	return found, nil
}

// owner is the service that an instance belongs to: what it says itself, else
// what dubbo says.
func owner(record string, h model.Instance) string {
	if s := h.Metadata[registry.KeyService]; s != "" {
		return s
	}
	if strings.HasPrefix(record, "providers:") {
		return h.Metadata["application"]
	}
	return record
}

func newInstance(record string, h model.Instance) Instance {
	color, err := sdk.ParseColor(h.Metadata[registry.KeyColor])
	if err != nil {
		color = sdk.Neutral
	}
	return Instance{
		Address: fmt.Sprintf("%s:%d", h.Ip, h.Port), Color: color, Version: h.Metadata[registry.KeyVersion],
		Weight: h.Weight, Record: record, Announced: h.Metadata[registry.KeyService] != "",
	}
}

const pageSize = 500 // names per request

func (r *records) names(proxy *naming_grpc.NamingGrpcProxy) ([]string, error) {
	var names []string
	for page := uint32(1); ; page++ {
		list, err := proxy.GetServiceList(page, pageSize, r.target.RegistryGroup, r.namespace(), &model.ExpressionSelector{})
		if err != nil {
			return nil, err
		}
		names = append(names, list.Doms...)
		if len(list.Doms) == 0 || int64(len(names)) >= list.Count {
			return names, nil
		}
	}
}

func (r *records) namespace() string {
	for _, ns := range []string{r.target.RegistryNamespace, r.target.Namespace} {
		if ns != "" {
			return ns
		}
	}
	return constant.DEFAULT_NAMESPACE_ID
}

func (r *records) open(ctx context.Context) (*naming_grpc.NamingGrpcProxy, func(), error) {
	var servers []constant.ServerConfig
	for address := range strings.SplitSeq(r.target.Address, ",") {
		server, err := serverConfig(strings.TrimSpace(address))
		if err != nil {
			return nil, nil, err
		}
		servers = append(servers, server)
	}
	dir, err := os.MkdirTemp("", "bluegreen-cli-")
	if err != nil {
		return nil, nil, err
	}
	client := constant.ClientConfig{
		TimeoutMs: 5000, NamespaceId: r.namespace(), Username: r.target.User, Password: r.password,
		ContextPath: constant.DEFAULT_CONTEXT_PATH, CacheDir: dir, LogLevel: "error", NotLoadCacheAtStart: true,
	}
	ctx, cancel := context.WithCancel(ctx)
	remove := func() { cancel(); _ = os.RemoveAll(dir) }
	header := map[string][]string{"Client-Version": {constant.CLIENT_VERSION}, "Request-Module": {"Naming"}}
	server, err := nacos_server.NewNacosServer(ctx, servers, client, &http_agent.HttpAgent{}, client.TimeoutMs, "", header)
	if err != nil {
		remove()
		return nil, nil, err
	}
	holder := naming_cache.NewServiceInfoHolder(client.NamespaceId, dir, true, true)
	proxy, err := naming_grpc.NewNamingGrpcProxy(ctx, client, server, holder)
	if err != nil {
		remove()
		return nil, nil, err
	}
	return proxy, func() { proxy.CloseClient(); remove() }, nil
}

func serverConfig(address string) (constant.ServerConfig, error) {
	host, port, found := strings.Cut(address, ":")
	if !found {
		port = "8848"
	}
	var n uint64
	if _, err := fmt.Sscanf(port, "%d", &n); err != nil || host == "" {
		return constant.ServerConfig{}, errors.Join(fmt.Errorf("address %q is not host:port", address), err)
	}
	return constant.ServerConfig{
		Scheme: "http", IpAddr: host, Port: n, GrpcPort: n + 1000, ContextPath: constant.DEFAULT_CONTEXT_PATH,
	}, nil
}
