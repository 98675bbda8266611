package rpc

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"dubbo.apache.org/dubbo-go/v3/common"
	"dubbo.apache.org/dubbo-go/v3/common/constant"
	dubbonacos "dubbo.apache.org/dubbo-go/v3/remoting/nacos"

	gostnacos "github.com/dubbogo/gost/database/kv/nacos"

	nacosconstant "github.com/nacos-group/nacos-sdk-go/v2/common/constant"

	"github.com/bluegreen-go/bluegreen/internal/naming"
	"github.com/bluegreen-go/bluegreen/registry"
	"github.com/bluegreen-go/bluegreen/sdk"
)

// Registry names a Nacos registry that dubbo-go uses. Address and Namespace must
// be exactly what dubbo-go's configuration says: they are how dubbo-go finds the
// connection that Install makes for it. The rest decides how that connection is
// made; dubbo-go's own settings for it are not looked at.
type Registry struct {
	Address   string // host:port, several with commas; as in dubbo-go's configuration
	Namespace string // namespace id, "" for public

	Username, Password   string
	AccessKey, SecretKey string
	Endpoint             string
	Timeout              time.Duration // of a request; 0: 10 s
	TLS                  nacosconstant.TLSConfig
	CacheDir, LogDir     string // "": below the user's cache directory
}

// poolPrefix is how dubbo-go names its registries' connections in the pool.
const poolPrefix = constant.RegistryConfigPrefix + "-" + constant.NacosKey + "-"

// own puts a decorated naming client where dubbo-go will look for its own.
func (r Registry) own(client *sdk.Client, opts []registry.Option) (*registry.Naming, error) {
	servers, cfg, err := r.config()
	if err != nil {
		return nil, err
	}
	entry, err := gostnacos.NewNacosNamingClient(poolPrefix+r.Address+r.Namespace, true, servers, cfg)
	if err != nil {
		return nil, err
	}
	reader := registry.WithReader(func() (registry.Reader, error) { return naming.Open(servers, cfg) })
	owner := registry.Decorate(entry.Client(), client, append([]registry.Option{reader}, opts...)...)
	entry.SetClient(patient{owner, client.Logger()})
	return owner, nil
}

// config translates as dubbo-go does, so that both mean the same server.
func (r Registry) config() ([]nacosconstant.ServerConfig, nacosconstant.ClientConfig, error) {
	location, path := r.Address, ""
	if _, rest, ok := strings.Cut(location, "://"); ok {
		location = rest
	}
	if host, rest, ok := strings.Cut(location, "/"); ok {
		location, path = host, "/"+rest
	}
	timeout := r.Timeout
	if timeout <= 0 {
		timeout = 10 * time.Second
	}
	url := common.NewURLWithOptions(
		common.WithLocation(location), common.WithPath(path),
		common.WithParamsValue(constant.NacosNamespaceID, r.Namespace),
		common.WithParamsValue(constant.NacosUsername, r.Username),
		common.WithParamsValue(constant.NacosPassword, r.Password),
		common.WithParamsValue(constant.NacosAccessKey, r.AccessKey),
		common.WithParamsValue(constant.NacosSecretKey, r.SecretKey),
		common.WithParamsValue(constant.NacosEndpoint, r.Endpoint),
		common.WithParamsValue(constant.NacosTimeout, strconv.FormatInt(timeout.Milliseconds(), 10)+"ms"),
		common.WithParamsValue(constant.NacosCacheDirKey, dirOr(r.CacheDir, "naming")),
		common.WithParamsValue(constant.NacosLogDirKey, dirOr(r.LogDir, "log")),
		common.WithParamsValue(constant.NacosLogLevelKey, "warn"),
	)
	url.Location = location // NewURLWithOptions puts its own ip and port there
	servers, cfg, err := dubbonacos.GetNacosConfig(url)
	cfg.TLSCfg = r.TLS
	return servers, cfg, err
}

func dirOr(dir, name string) string {
	if dir != "" {
		return dir
	}
	base, err := os.UserCacheDir()
	if err != nil {
		base = os.TempDir()
	}
	return filepath.Join(base, "bluegreen", name)
}
