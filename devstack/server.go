package devstack

import (
	"fmt"
	"testing"
	"time"

	"github.com/nacos-group/nacos-sdk-go/v2/common/constant"

	"github.com/bluegreen-go/bluegreen/devstack/internal/nacoswire"
)

// ErrClosed is returned by operations on a server that has been closed.
var ErrClosed = nacoswire.ErrClosed

// Server is a running devstack. The embedded [Space] is the public namespace. All methods may be called concurrently.
type Server struct {
	*Space

	nacos *nacoswire.Server
}

// Start starts a server on loopback. End it with Close.
func Start(opts ...Option) (*Server, error) {
	c := newConfig(opts)
	nacos, err := nacoswire.Start(nacoswire.Options{
		Addr: c.addr, PushDelay: c.pushDelay, Logger: c.logger, Unknown: c.unknown,
	})
	if err != nil {
		return nil, fmt.Errorf("start devstack: %w", err)
	}
	s := &Server{Space: &Space{nacos: nacos, namespace: nacoswire.PublicNamespace}, nacos: nacos}
	for _, d := range c.seeds {
		if err := s.Publish(d.group, d.dataID, d.content); err != nil {
			_ = nacos.Close()
			return nil, fmt.Errorf("start devstack: config %s/%s: %w", d.group, d.dataID, err)
		}
	}
	return s, nil
}

// RunT starts a server that is closed when the test ends. It pushes without delay unless told otherwise, and fails the
// test on any request that the server does not implement.
func RunT(t testing.TB, opts ...Option) *Server {
	t.Helper()
	all := append([]Option{
		WithPushDelay(0),
		WithUnknownRequests(func(what string) { t.Errorf("devstack: not implemented: %s", what) }),
	}, opts...)
	s, err := Start(all...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close devstack: %v", err)
		}
	})
	return s
}

// Addr returns the HTTP address as host:port.
func (s *Server) Addr() string { return s.nacos.Addr() }

// GRPCAddr returns the gRPC address as host:port; its port is that of Addr plus 1000.
func (s *Server) GRPCAddr() string { return s.nacos.GRPCAddr() }

// ServerConfig returns the address in the form that nacos-sdk-go takes.
func (s *Server) ServerConfig() constant.ServerConfig {
	host, port := s.nacos.HostPort()
	return constant.ServerConfig{IpAddr: host, Port: port, Scheme: "http", ContextPath: "/nacos"}
}

// Close cuts all clients, ends every goroutine of the server and waits for them. It may be called more than once. A
// function given to Control must have returned before Close can.
func (s *Server) Close() error { return s.nacos.Close() }

// Restart is a crash: all clients are cut, the server is away for the given time and comes back on the same ports, and
// then Restart returns. Instances that clients had registered are gone; configs and console edits are kept. The error is
// ErrClosed if the server is closed.
func (s *Server) Restart(down time.Duration) error { return s.nacos.Restart(down) }

// Refuse cuts all clients and turns every connection away, until it is called with false. Configs are kept.
func (s *Server) Refuse(on bool) { s.nacos.Refuse(on) }

// DropConnections cuts all clients, which may come back at once.
func (s *Server) DropConnections() { s.nacos.DropConnections() }

// DropClient cuts the connections that match and returns how many there were. They may come back at once.
func (s *Server) DropClient(match func(Conn) bool) int {
	return s.nacos.DropClient(func(c nacoswire.Conn) bool { return match(newConn(c)) })
}

// ExcludeClient cuts the connections that match, as DropClient does, and keeps them out until Readmit: each new
// connection is judged when its labels have arrived and again before each write, with the service about to be written
// among Conn.Published. An excluded client finds its connection cut; its write is not applied.
func (s *Server) ExcludeClient(match func(Conn) bool) int {
	return s.nacos.ExcludeClient(func(c nacoswire.Conn) bool { return match(newConn(c)) })
}

// Readmit ends all exclusions.
func (s *Server) Readmit() { s.nacos.Readmit() }

// Stall delays the answers to the given type of request ("InstanceRequest", "ConfigQueryRequest" …; empty: all types)
// while the requests themselves take effect at once. Zero ends it, also for answers that are waiting.
func (s *Server) Stall(requestType string, d time.Duration) { s.nacos.Stall(requestType, d) }

// FailNext answers the next n requests of a type (empty: any) with a server error and does not apply them. A client
// that repeats a failed request, as nacos-sdk-go does twice, uses up one for each try. For "ServerCheckRequest" the
// answer is that the server is still starting.
func (s *Server) FailNext(requestType string, n int) { s.nacos.FailNext(requestType, n) }

// LosePushes drops the next n naming and config pushes. A negative n drops all until LosePushes(0).
func (s *Server) LosePushes(n int) { s.nacos.LosePushes(n) }

// HoldPushes keeps back the pushes to the connections that match: their lists of instances stay old. It ends when it is
// called again; then what was kept back is sent in its newest state. A nil function keeps back nothing.
func (s *Server) HoldPushes(match func(Conn) bool) {
	if match == nil {
		s.nacos.HoldPushes(nil)
		return
	}
	s.nacos.HoldPushes(func(c nacoswire.Conn) bool { return match(newConn(c)) })
}

// Control sets a function that sees each request of a type (empty: of any type without its own) before the server does;
// nil removes it. If it returns an error the client is answered with it, if it reports handled the client is told
// success and nothing is done, else the request goes on. It may block, which blocks that request alone, and it may be
// called concurrently.
func (s *Server) Control(requestType string, fn func(Request) (handled bool, err error)) {
	if fn == nil {
		s.nacos.Control(requestType, nil)
		return
	}
	s.nacos.Control(requestType, func(r nacoswire.Request) (bool, error) {
		return fn(Request{Type: r.Type, Conn: newConn(r.Conn), Body: r.Body})
	})
}

// StepClock moves the server's clock, back if d is negative. Reference times of services grow all the same.
func (s *Server) StepClock(d time.Duration) { s.nacos.StepClock(d) }

// Clients describes the gRPC connections that have completed their setup.
func (s *Server) Clients() []Conn { return convert(s.nacos.Clients(), newConn) }

// Writes returns every naming write received so far, in all namespaces, in the order of arrival. Of a very long run only
// the newest are kept, at least 25 000.
func (s *Server) Writes() []Write { return convert(s.nacos.Writes(), newWrite) }

// Namespace returns the view of another namespace; empty means the public one.
func (s *Server) Namespace(id string) *Space {
	if id == "" {
		id = nacoswire.PublicNamespace
	}
	return &Space{nacos: s.nacos, namespace: id}
}
