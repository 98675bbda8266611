package nacoswire

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
)

// grpcOffset is the distance of the gRPC port from the HTTP port. Clients built by dubbo-go cannot be told another one.
const grpcOffset = 1000

// pairTries bounds the search for a free port pair.
const pairTries = 50

// gate is a listener that can turn connections away and cut those that it has accepted, while it keeps its port.
type gate struct {
	net.Listener

	mu     sync.Mutex
	closed bool
	conns  map[string]*gatedConn // by remote address
}

type gatedConn struct {
	net.Conn
	gate *gate
	once sync.Once
	err  error
}

func newGate(l net.Listener) *gate { return &gate{Listener: l, conns: map[string]*gatedConn{}} }

// Accept returns the next connection that the gate lets in.
func (g *gate) Accept() (net.Conn, error) {
	for {
		c, err := g.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if gc := g.admit(c); gc != nil {
			return gc, nil
		}
		reset(c)
	}
}

func (g *gate) admit(c net.Conn) *gatedConn {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return nil
	}
	gc := &gatedConn{Conn: c, gate: g}
	g.conns[c.RemoteAddr().String()] = gc
	return gc
}

// refuse turns new connections away until it is called with false.
func (g *gate) refuse(on bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = on
}

// cut resets the connections from the given remote address, or all of them if remote is empty.
func (g *gate) cut(remote string) {
	g.mu.Lock()
	var victims []*gatedConn
	for addr, c := range g.conns {
		if remote == "" || addr == remote {
			victims = append(victims, c)
		}
	}
	g.mu.Unlock()
	for _, c := range victims {
		reset(c.Conn)
		_ = c.Close()
	}
}

// Close closes the connection once and forgets it.
func (c *gatedConn) Close() error {
	c.once.Do(func() {
		c.gate.mu.Lock()
		addr := c.RemoteAddr().String()
		if c.gate.conns[addr] == c {
			delete(c.gate.conns, addr)
		}
		c.gate.mu.Unlock()
		c.err = c.Conn.Close()
	})
	return c.err
}

// reset closes a connection as a killed server would.
func reset(c net.Conn) {
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = c.Close()
}

// listenPair opens the HTTP and the gRPC listener. An empty address asks for any free pair on loopback.
func listenPair(addr string) (httpGate, grpcGate *gate, err error) {
	if addr != "" {
		return listenAt(addr)
	}
	for range pairTries {
		g, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, nil, fmt.Errorf("listen for gRPC: %w", err)
		}
		port := g.Addr().(*net.TCPAddr).Port - grpcOffset
		if port > 1024 {
			if h, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port))); err == nil {
				return newGate(h), newGate(g), nil
			}
		}
		_ = g.Close()
	}
	return nil, nil, errors.New("no free pair of ports with a distance of 1000 on loopback")
}

func listenAt(addr string) (httpGate, grpcGate *gate, err error) {
	host, portText, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, nil, fmt.Errorf("address %q: %w", addr, err)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return nil, nil, fmt.Errorf("address %q: only loopback addresses are served, there is no access control", addr)
	}
	port, err := strconv.Atoi(portText)
	if err != nil || port < 1 || port+grpcOffset > 65535 {
		return nil, nil, fmt.Errorf("address %q: the port must be between 1 and %d", addr, 65535-grpcOffset)
	}
	h, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, nil, fmt.Errorf("listen for HTTP: %w", err)
	}
	g, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(port+grpcOffset)))
	if err != nil {
		_ = h.Close()
		return nil, nil, fmt.Errorf("listen for gRPC: %w", err)
	}
	return newGate(h), newGate(g), nil
}
