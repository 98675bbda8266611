package nacoswire

import (
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	nacosgrpc "github.com/nacos-group/nacos-sdk-go/v2/api/grpc"
)

// Conn describes a client's gRPC connection.
type Conn struct {
	// ID is the connection id handed out at the server check.
	ID string
	// RemoteAddr is the client's end of the connection.
	RemoteAddr string
	// App is the application name among the labels, "" if the client sent none.
	App string
	// Version and Namespace are what the client said of itself.
	Version, Namespace string
	// Labels are all labels of the connection.
	Labels map[string]string
	// Published lists the services that the connection has published or, when a write is being judged, is about to.
	Published []ServiceKey
	// Subscribed lists the services that the connection watches.
	Subscribed []ServiceKey
}

// conn is the server's side of one transport. A client has one for naming and one or more for configs.
type conn struct {
	id     string
	remote string
	gone   atomic.Bool   // set once; nothing is stored for the connection afterwards
	wake   chan struct{} // capacity 1
	active atomic.Int64  // when the client last said anything, unix nanoseconds
	probed atomic.Int64  // when it was asked whether it is alive; zero: not asked

	mu       sync.Mutex
	ready    bool // the setup request has arrived
	app      string
	version  string
	tenant   string
	labels   map[string]string
	services map[ServiceKey]struct{} // services to be pushed
	configs  map[ConfigKey]string    // configs to be announced, with the client's spelling of the namespace
	outbox   []*nacosgrpc.Payload    // messages to be sent as they are
}

func newConn(id, remote string) *conn {
	c := &conn{
		id: id, remote: remote, wake: make(chan struct{}, 1),
		services: map[ServiceKey]struct{}{}, configs: map[ConfigKey]string{},
	}
	c.touch()
	return c
}

// touch notes that the client is alive.
func (c *conn) touch() { c.active.Store(time.Now().UnixNano()) }

func (c *conn) lastActive() time.Time { return time.Unix(0, c.active.Load()) }

func (c *conn) signal() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

func (c *conn) markService(k ServiceKey) {
	c.mu.Lock()
	c.services[k] = struct{}{}
	c.mu.Unlock()
	c.signal()
}

func (c *conn) markConfig(k ConfigKey, tenant string) {
	c.mu.Lock()
	c.configs[k] = tenant
	c.mu.Unlock()
	c.signal()
}

func (c *conn) post(p *nacosgrpc.Payload) {
	c.mu.Lock()
	c.outbox = append(c.outbox, p)
	c.mu.Unlock()
	c.signal()
}

// work is what a writer takes away in one go.
type work struct {
	outbox   []*nacosgrpc.Payload
	services []ServiceKey
	configs  map[ConfigKey]string
}

// take empties what is to be sent; with hold, the announcements stay.
func (c *conn) take(hold bool) work {
	c.mu.Lock()
	defer c.mu.Unlock()
	if hold {
		w := work{outbox: c.outbox}
		c.outbox = nil
		return w
	}
	w := work{outbox: c.outbox, services: slices.Collect(maps.Keys(c.services)), configs: c.configs}
	c.outbox, c.configs = nil, map[ConfigKey]string{}
	clear(c.services)
	return w
}

func (c *conn) isReady() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ready && !c.gone.Load()
}

// describe returns the connection's own description; what it publishes and watches is the naming store's to add.
func (c *conn) describe() Conn {
	c.mu.Lock()
	defer c.mu.Unlock()
	return Conn{
		ID: c.id, RemoteAddr: c.remote, App: c.app, Version: c.version, Namespace: c.tenant,
		Labels: maps.Clone(c.labels),
	}
}
