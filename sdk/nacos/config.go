package nacos

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/nacos-group/nacos-sdk-go/v2/common/constant"

	"github.com/bluegreen-go/bluegreen/sdk"
)

// DefaultTimeout is how long Nacos may take for one request.
const DefaultTimeout = 3 * time.Second

const (
	defaultPort = 8848
	grpcOffset  = 1000 // the port that clients talk to, above the one that is configured
)

// Config says where Nacos is and who asks. Address or Endpoint must be set.
type Config struct {
	// Address is host:port, or several with commas between them; the port is
	// the HTTP one and defaults to 8848.
	Address string
	// Endpoint is the host:port of an address server that lists the servers,
	// as cloud offerings have it. It is used if Address is empty.
	Endpoint string
	// Namespace is the namespace id; empty is the public one.
	Namespace string
	// Group is the group of rules and reports; empty is [sdk.Group].
	Group string
	// Username and Password log in at Nacos, if it asks for that.
	Username, Password string
	// AccessKey and SecretKey sign requests, as cloud offerings have it.
	AccessKey, SecretKey string
	// ContextPath is that of the server's HTTP API; empty is /nacos.
	ContextPath string
	// CacheDir is where a directory for nacos-sdk-go's files is made, which
	// [Nacos.Close] removes; empty is the system's directory for temporary files.
	CacheDir string
	// LogDir makes nacos-sdk-go write warnings to a file of its own there;
	// empty sends them to Logger.
	LogDir string
	// TLS is used for the connections if its Enable is set.
	TLS constant.TLSConfig
	// Timeout is for one request; a few may be needed where one fails. Zero is
	// [DefaultTimeout].
	Timeout time.Duration
	// Logger gets the warnings; nil is slog.Default(). nacos-sdk-go has one
	// logger for the process, which each Open sets (unless LogDir is set).
	Logger *slog.Logger
}

// withDefaults fills in what is empty and names what is wrong.
func (c Config) withDefaults() (Config, error) {
	if c.Address == "" && c.Endpoint == "" {
		return c, errors.New("nacos: neither address nor endpoint")
	}
	if c.Group == "" {
		c.Group = sdk.Group
	}
	if c.Namespace == constant.DEFAULT_NAMESPACE_ID {
		c.Namespace = "" // config documents know it by this name only
	}
	if c.ContextPath == "" {
		c.ContextPath = constant.DEFAULT_CONTEXT_PATH
	}
	if c.Timeout < 0 {
		return c, fmt.Errorf("nacos: negative timeout %v", c.Timeout)
	}
	if c.Timeout == 0 {
		c.Timeout = DefaultTimeout
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	return c, nil
}

// servers parses Address. nacos-sdk-go writes into the slice that it is given,
// so each client gets its own.
func (c Config) servers() ([]constant.ServerConfig, error) {
	if c.Address == "" {
		return nil, nil
	}
	var servers []constant.ServerConfig
	for address := range strings.SplitSeq(c.Address, ",") {
		host, port, err := splitAddress(strings.TrimSpace(address))
		if err != nil {
			return nil, err
		}
		servers = append(servers, constant.ServerConfig{
			Scheme: c.scheme(), IpAddr: host, Port: port, GrpcPort: port + grpcOffset, ContextPath: c.ContextPath,
		})
	}
	return servers, nil
}

func (c Config) scheme() string {
	if c.TLS.Enable {
		return "https"
	}
	return "http"
}

func splitAddress(address string) (string, uint64, error) {
	host, text, err := net.SplitHostPort(address)
	if err != nil {
		host, text = address, strconv.Itoa(defaultPort)
	}
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil || port == 0 || port+grpcOffset > 65535 || host == "" || strings.ContainsAny(host, "/ ") {
		return "", 0, fmt.Errorf("nacos: address %q is not host:port", address)
	}
	if strings.Contains(host, ":") && !strings.HasPrefix(host, "[") {
		host = "[" + host + "]"
	}
	return host, port, nil
}

// client is the configuration of one nacos-sdk-go client with its files in dir.
// Its snapshots are not used as answers: an error stays an error.
func (c Config) client(dir string) constant.ClientConfig {
	tls := c.TLS
	tls.Appointed = tls.Appointed || tls.Enable // else it is read from the environment
	return constant.ClientConfig{
		TimeoutMs: uint64(c.Timeout.Milliseconds()), NamespaceId: c.Namespace, Endpoint: c.Endpoint,
		AccessKey: c.AccessKey, SecretKey: c.SecretKey, Username: c.Username, Password: c.Password,
		ContextPath: c.ContextPath, CacheDir: dir, LogDir: c.LogDir, LogLevel: "warn", TLSCfg: tls,
		DisableUseSnapShot: true, NotLoadCacheAtStart: true, UpdateCacheWhenEmpty: true, UpdateThreadNum: 1,
	}
}
