// Package proxy puts a TCP proxy in front of a real server, so that a test can
// take the network away from a client without touching the server or the host.
package proxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

// state is what the proxy does with connections.
type state int

const (
	forward   state = iota // bytes pass
	cut                    // every connection is reset, new ones as well
	blackhole              // connections stay open and nothing passes
)

// Proxy listens on one or more loopback ports and forwards each to its own
// target. All its ports share one state. Methods may be called concurrently.
type Proxy struct {
	listeners []net.Listener
	wg        sync.WaitGroup

	mu      sync.Mutex
	state   state
	changed chan struct{} // closed and replaced at every change of state
	conns   map[net.Conn]struct{}
	closed  bool
}

// Route is one port of a proxy. An empty or zero port of Listen means any free one.
type Route struct{ Listen, Target string }

// Start listens on all routes.
func Start(routes ...Route) (*Proxy, error) {
	p := &Proxy{changed: make(chan struct{}), conns: map[net.Conn]struct{}{}}
	for _, r := range routes {
		l, err := net.Listen("tcp", r.Listen)
		if err != nil {
			p.Close()
			return nil, fmt.Errorf("proxy: listen on %q: %w", r.Listen, err)
		}
		p.listeners = append(p.listeners, l)
		p.wg.Add(1)
		go p.accept(l, r.Target)
	}
	return p, nil
}

// StartPair proxies a Nacos server: the HTTP port and, 1000 above it, the gRPC
// port, which clients derive from the first. The pair is chosen from free ports.
func StartPair(targetHost string, httpPort int) (*Proxy, int, error) {
	var last error
	for range 50 {
		port, err := freePort()
		if err != nil {
			return nil, 0, err
		}
		if port+1000 > 65535 {
			continue
		}
		p, err := Start(
			Route{addr("127.0.0.1", port), addr(targetHost, httpPort)},
			Route{addr("127.0.0.1", port+1000), addr(targetHost, httpPort+1000)},
		)
		if err == nil {
			return p, port, nil
		}
		last = err
	}
	return nil, 0, fmt.Errorf("proxy: no free pair of ports: %w", last)
}

func addr(host string, port int) string { return net.JoinHostPort(host, fmt.Sprint(port)) }

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// Addr is the address that route i listens on.
func (p *Proxy) Addr(i int) string { return p.listeners[i].Addr().String() }

// Cut resets every connection and every new one until Resume: a peer that went
// away and said so.
func (p *Proxy) Cut() {
	p.set(cut)
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		reset(c)
	}
}

// Blackhole keeps connections open and passes nothing until Resume: a network
// that swallows packets. What was written meanwhile arrives after Resume.
func (p *Proxy) Blackhole() { p.set(blackhole) }

// Resume forwards again. Connections that Cut has ended stay ended.
func (p *Proxy) Resume() { p.set(forward) }

// Close ends all connections and waits for all goroutines.
func (p *Proxy) Close() {
	p.mu.Lock()
	if !p.closed {
		p.closed = true
		close(p.changed)
		p.changed = make(chan struct{})
	}
	for c := range p.conns {
		reset(c)
	}
	p.mu.Unlock()
	for _, l := range p.listeners {
		_ = l.Close()
	}
	p.wg.Wait()
}

func (p *Proxy) set(s state) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.state = s
	close(p.changed)
	p.changed = make(chan struct{})
}

func (p *Proxy) accept(l net.Listener, target string) {
	defer p.wg.Done()
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		if !p.track(c) {
			reset(c)
			continue
		}
		p.wg.Add(1)
		go p.serve(c, target)
	}
}

// track remembers a connection, unless the proxy refuses connections now.
func (p *Proxy) track(c net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || p.state == cut {
		return false
	}
	p.conns[c] = struct{}{}
	return true
}

func (p *Proxy) forget(c net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, c)
}

func (p *Proxy) serve(client net.Conn, target string) {
	defer p.wg.Done()
	defer p.forget(client)
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	server, err := (&net.Dialer{}).DialContext(ctx, "tcp", target)
	cancel()
	if err != nil || !p.track(server) {
		reset(client)
		if err == nil {
			reset(server)
		}
		return
	}
	defer p.forget(server)
	done := make(chan struct{})
	go func() {
		defer close(done)
		p.pass(server, client)
	}()
	p.pass(client, server)
	<-done
	_ = client.Close()
	_ = server.Close()
}

// pass moves bytes one way. At the end it closes the other side's writing half,
// so that a half-closed connection stays one; after an error it resets both.
func (p *Proxy) pass(dst, src net.Conn) {
	buf := make([]byte, 32<<10)
	for {
		n, err := src.Read(buf)
		if n > 0 {
			if !p.wait() {
				break
			}
			if _, werr := dst.Write(buf[:n]); werr != nil {
				break
			}
		}
		if errors.Is(err, io.EOF) {
			if half, ok := dst.(*net.TCPConn); ok && half.CloseWrite() == nil {
				return
			}
		}
		if err != nil {
			break
		}
	}
	reset(src)
	reset(dst)
}

// wait returns true when bytes may pass, false when the connection must end.
func (p *Proxy) wait() bool {
	for {
		p.mu.Lock()
		s, changed, closed := p.state, p.changed, p.closed
		p.mu.Unlock()
		switch {
		case closed || s == cut:
			return false
		case s == forward:
			return true
		}
		<-changed
	}
}

// reset closes without the polite goodbye, as a lost peer does.
func reset(c net.Conn) {
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = c.Close()
}
