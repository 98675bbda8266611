package dubbotest

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"dubbo.apache.org/dubbo-go/v3"
	"dubbo.apache.org/dubbo-go/v3/client"
	"dubbo.apache.org/dubbo-go/v3/graceful_shutdown"
	_ "dubbo.apache.org/dubbo-go/v3/imports" // every cluster, balancer and filter
	dubbolog "dubbo.apache.org/dubbo-go/v3/logger"
	"dubbo.apache.org/dubbo-go/v3/metadata"
	"dubbo.apache.org/dubbo-go/v3/protocol"
	dubboregistry "dubbo.apache.org/dubbo-go/v3/registry"
	"dubbo.apache.org/dubbo-go/v3/server"

	"github.com/bluegreen-go/bluegreen/registry"
	"github.com/bluegreen-go/bluegreen/rpc"
	"github.com/bluegreen-go/bluegreen/sdk"
	"github.com/bluegreen-go/bluegreen/sdk/nacos"
	"github.com/bluegreen-go/bluegreen/tracing"
)

// EnvNode holds the node's configuration; set, it makes a test binary a node.
const EnvNode = "BLUEGREEN_TEST_NODE"

// Modes of registration.
const (
	Interface   = "interface"
	Application = "application"
	All         = "all"
)

// Config says what a node is.
type Config struct {
	App        string
	Color      string
	Version    string
	Registry   string   // host:port
	RulesGroup string   // "": the default
	Mode       string   // "": Interface
	Port       int      // of the triple protocol; needed with Provide
	Provide    []string // interfaces that it offers
	Consume    []string // interfaces that it subscribes to at start
	Plain      bool     // without the SDK
	PollMs     int      // least time between two looks at the index; 0: the default
	Dir        string   // for caches and logs
	ReconcileS int      // reconcile interval in seconds; 0: the default
	Cluster    string   // cluster strategy of calls; "": failover
	Balancer   string   // load balancer of calls; "": random
	Retries    int      // of calls
	Quick      bool     // stop without the 3 s that dubbo-go gives callers to notice
	Service    string   // BLUE_GREEN_SERVICE
	Installed  string   // the address that Install is told; "": Registry
	HTTPPort   int      // serve an HTTP edge on this port; 0: none
	TrustHTTP  bool     // the edge accepts what requests carry
}

// command and answer are lines of JSON.
type command struct {
	ID       int    `json:"id"`
	Op       string `json:"op"` // call, state, naming, load, usage, follow
	Iface    string `json:"iface,omitempty"`
	Arg      string `json:"arg,omitempty"`
	N        int    `json:"n,omitempty"`
	Parallel int    `json:"parallel,omitempty"`
	Root     bool   `json:"root,omitempty"` // all calls belong to one request
}

type answer struct {
	ID      int               `json:"id"`
	Error   string            `json:"error,omitempty"`
	Replies map[string]int    `json:"replies,omitempty"`
	Errors  map[string]int    `json:"errors,omitempty"`
	State   *sdk.Report       `json:"state,omitempty"`
	Naming  *registry.Status  `json:"naming,omitempty"`
	Load    *Load             `json:"load,omitempty"`
	Usage   *Usage            `json:"usage,omitempty"`
	Ago     time.Duration     `json:"ago,omitempty"`
	Counts  *tracing.Snapshot `json:"counts,omitempty"`
}

// Main runs the node and ends the process if this process was started as one;
// else it returns at once.
func Main() {
	raw := os.Getenv(EnvNode)
	if raw == "" {
		return
	}
	var cfg Config
	if err := json.Unmarshal([]byte(raw), &cfg); err != nil {
		fmt.Fprintln(os.Stderr, "node:", err)
		os.Exit(2)
	}
	if err := run(cfg); err != nil {
		fmt.Fprintln(os.Stderr, "node:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// node is the running process.
type node struct {
	cfg       Config
	sdk       *sdk.Client
	tracer    *tracing.Tracer
	installed *rpc.Installed
	instance  *dubbo.Instance
	client    *client.Client

	mu       sync.Mutex
	stopping atomic.Bool
	stubs    map[string]*client.Connection
	out      sync.Mutex
	odd      odd
	stream   *stream
}

func run(cfg Config) error {
	n := &node{cfg: cfg, stubs: map[string]*client.Connection{}, odd: odd{gate: make(chan struct{})}}
	if err := n.start(); err != nil {
		return err
	}
	n.print(answer{}) // ready
	commands := make(chan command)
	go read(commands)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM)
	for {
		select {
		case <-signals:
			return n.stop()
		case c, ok := <-commands:
			if !ok {
				return n.stop()
			}
			go func() { n.print(n.do(c)) }()
		}
	}
}

// read hands out the commands on standard input until it ends.
func read(commands chan<- command) {
	defer close(commands)
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 1<<20)
	for in.Scan() {
		var c command
		if json.Unmarshal(in.Bytes(), &c) == nil {
			commands <- c
		}
	}
}

func (n *node) print(a answer) {
	n.out.Lock()
	defer n.out.Unlock()
	_ = json.NewEncoder(os.Stdout).Encode(a)
}

func (n *node) start() (err error) {
	if !n.cfg.Plain {
		if err := n.install(); err != nil {
			return err
		}
	}
	if n.instance, err = n.newInstance(); err != nil {
		return err
	}
	n.client, err = n.instance.NewClient(client.WithClientNoCheck(), client.WithClientRetries(n.cfg.Retries), client.WithClientRequestTimeout(3*time.Second))
	if err != nil {
		return err
	}
	for _, iface := range n.cfg.Consume {
		if _, err := n.stub(iface); err != nil {
			return err
		}
	}
	if n.cfg.HTTPPort != 0 {
		if err := n.serveHTTP(); err != nil {
			return err
		}
	}
	if len(n.cfg.Provide) == 0 {
		return nil
	}
	return n.serve()
}

func (n *node) install() (err error) {
	opts := []sdk.Option{sdk.WithLastGoodFile(filepath.Join(n.cfg.Dir, "last-good.yaml"))}
	if n.cfg.PollMs > 0 {
		opts = append(opts, sdk.WithPollInterval(time.Duration(n.cfg.PollMs)*time.Millisecond))
	}
	n.sdk, err = nacos.Start(n.cfg.App, nacos.Config{
		Address: n.cfg.Registry, Group: n.cfg.RulesGroup,
		CacheDir: filepath.Join(n.cfg.Dir, "cache"), LogDir: filepath.Join(n.cfg.Dir, "log"),
	}, opts...)
	if err != nil {
		return err
	}
	n.tracer = tracing.New(n.sdk)
	var naming []registry.Option
	if n.cfg.ReconcileS > 0 {
		naming = append(naming, registry.WithReconcileInterval(time.Duration(n.cfg.ReconcileS)*time.Second))
	}
	n.installed, err = rpc.Install(n.tracer, []rpc.Registry{n.registry()}, append(n.quick(), rpc.WithRegistryOptions(naming...))...)
	return err
}

func (n *node) registry() rpc.Registry {
	address := n.cfg.Installed
	if address == "" {
		address = n.cfg.Registry
	}
	return rpc.Registry{Address: address, CacheDir: filepath.Join(n.cfg.Dir, "naming"), LogDir: filepath.Join(n.cfg.Dir, "log")}
}

func (n *node) quick() []rpc.Option {
	if !n.cfg.Quick {
		return nil
	}
	return []rpc.Option{rpc.WithShutdown(graceful_shutdown.WithConsumerUpdateWaitTime(time.Millisecond))}
}

func (n *node) newInstance() (*dubbo.Instance, error) {
	reg := []dubboregistry.Option{
		dubboregistry.WithNacos(), dubboregistry.WithAddress(n.cfg.Registry),
		dubboregistry.WithoutUseAsConfigCenter(), dubboregistry.WithoutUseAsMetaReport(),
	}
	switch n.cfg.Mode {
	case Application:
		reg = append(reg, dubboregistry.WithRegisterService())
	case All:
		reg = append(reg, dubboregistry.WithRegisterServiceAndInterface())
	default:
		reg = append(reg, dubboregistry.WithRegisterInterface())
	}
	opts := []dubbo.InstanceOption{
		dubbo.WithName(n.cfg.App),
		dubbo.WithRemoteMetadata(),
		dubbo.WithRegistry(reg...),
		dubbo.WithMetadataReport(metadata.WithNacos(), metadata.WithAddress(n.cfg.Registry)),
		dubbo.WithLogger(dubbolog.WithZap(), dubbolog.WithLevel("error")),
	}
	if n.cfg.Port != 0 {
		opts = append(opts, dubbo.WithProtocol(protocol.WithTriple(), protocol.WithIp("127.0.0.1"), protocol.WithPort(n.cfg.Port)))
	}
	return dubbo.NewInstance(opts...)
}

func (n *node) serve() error {
	srv, err := n.instance.NewServer()
	if err != nil {
		return err
	}
	for _, iface := range n.cfg.Provide {
		if err := srv.Register(&Echo{n}, serviceInfo(iface), server.WithInterface(iface)); err != nil {
			return err
		}
	}
	failed := make(chan error, 1)
	go func() {
		err := srv.Serve()
		failed <- err
		if err != nil && !n.stopping.Load() { // stopped while it registers, it cannot but fail
			fmt.Fprintln(os.Stderr, "node: serve:", err)
			os.Exit(1)
		}
	}()
	return waitListening(n.cfg.Port, failed)
}

func (n *node) stop() error {
	n.stopping.Store(true)
	if n.sdk == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	return n.sdk.Shutdown(ctx)
}
