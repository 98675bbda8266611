package nacoswire

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	nacosgrpc "github.com/nacos-group/nacos-sdk-go/v2/api/grpc"
	"google.golang.org/grpc"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/stats"
)

// maxMessage is the size limit of one gRPC message, as on Nacos.
const maxMessage = 10 << 20

// ErrClosed is returned by operations on a server that has been closed.
var ErrClosed = errors.New("the development Nacos is closed")

// Options configure a server.
type Options struct {
	// Addr is the HTTP address on loopback; empty means any free pair of ports.
	Addr string
	// PushDelay is how long changes of one service are collected before they are pushed.
	PushDelay time.Duration
	// Logger receives what goes wrong; it must not be nil.
	Logger *slog.Logger
	// Unknown, if not nil, is told of every request that is not implemented. It may be called concurrently.
	Unknown func(what string)
	// IdleAfter and AnswerWithin govern the removal of silent clients; zero means as on Nacos.
	IdleAfter, AnswerWithin time.Duration
}

// Server is a running development Nacos. All methods may be called concurrently.
type Server struct {
	nacosgrpc.UnimplementedRequestServer
	nacosgrpc.UnimplementedBiRequestStreamServer

	opts    Options
	clock   clock
	configs *configStore
	naming  *namingStore
	faults  *faults
	journal journal

	httpGate, grpcGate *gate
	http               *http.Server
	grpc               *grpc.Server
	ctx                context.Context // ends with Close
	cancel             context.CancelFunc
	running            sync.WaitGroup // the serve loops and the ejector
	closing            sync.Once

	life    sync.Mutex // serialises Restart, Refuse and Close
	refused bool       // by Refuse

	nextConn atomic.Uint64
	connsMu  sync.Mutex
	conns    map[*conn]struct{}
}

// Start starts a server.
func Start(opts Options) (*Server, error) {
	if opts.IdleAfter <= 0 {
		opts.IdleAfter = idleAfter
	}
	if opts.AnswerWithin <= 0 {
		opts.AnswerWithin = answerWithin
	}
	httpGate, grpcGate, err := listenPair(opts.Addr)
	if err != nil {
		return nil, err
	}
	s := &Server{opts: opts, httpGate: httpGate, grpcGate: grpcGate, conns: map[*conn]struct{}{}}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.configs, s.naming, s.faults = newConfigStore(&s.clock), newNamingStore(&s.clock, opts.PushDelay), newFaults()
	s.http = &http.Server{
		Handler: s.routes(), ReadHeaderTimeout: 10 * time.Second,
		ErrorLog: slog.NewLogLogger(opts.Logger.Handler(), slog.LevelDebug),
	}
	s.grpc = grpc.NewServer(
		grpc.StatsHandler(transportTags{s}),
		grpc.MaxRecvMsgSize(maxMessage), grpc.MaxSendMsgSize(maxMessage),
		grpc.WaitForHandlers(true),
		// Clients ping every minute without a stream; the default policy would send them away.
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: time.Second, PermitWithoutStream: true}),
	)
	nacosgrpc.RegisterRequestServer(s.grpc, s)
	nacosgrpc.RegisterBiRequestStreamServer(s.grpc, s)
	s.running.Add(3)
	go s.serve("gRPC", func() error { return s.grpc.Serve(grpcGate) })
	go s.ejector()
	go s.serve("HTTP", func() error { return s.http.Serve(httpGate) })
	return s, nil
}

func (s *Server) serve(what string, serve func() error) {
	defer s.running.Done()
	err := serve()
	if s.ctx.Err() == nil {
		s.opts.Logger.Error("the development Nacos stopped serving", "protocol", what, "error", err)
	}
}

// Addr returns the HTTP address.
func (s *Server) Addr() string { return s.httpGate.Addr().String() }

// GRPCAddr returns the gRPC address, whose port is that of Addr plus 1000.
func (s *Server) GRPCAddr() string { return s.grpcGate.Addr().String() }

// HostPort returns the host and port of Addr.
func (s *Server) HostPort() (string, uint64) {
	host, port, err := net.SplitHostPort(s.Addr())
	if err != nil {
		return "", 0
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return "", 0
	}
	return host, n
}

// Close cuts all clients, ends all goroutines and waits for them. Further calls do nothing.
func (s *Server) Close() error {
	s.closing.Do(func() {
		s.cancel()
		s.life.Lock()
		defer s.life.Unlock()
		s.httpGate.refuse(true)
		s.grpcGate.refuse(true)
		s.cutAll()
		s.grpc.Stop()
		s.stopHTTP()
		s.running.Wait()
		s.naming.close()
	})
	return nil
}

// stopHTTP waits for the handlers, which never block, and closes what is left.
func (s *Server) stopHTTP() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	_ = s.http.Shutdown(ctx)
	_ = s.http.Close()
}

// cutAll resets all connections and removes at once what they have published.
func (s *Server) cutAll() {
	for _, c := range s.connections() {
		s.disconnect(c)
	}
	s.grpcGate.cut("")
	s.httpGate.cut("")
}

func (s *Server) connections() []*conn {
	s.connsMu.Lock()
	defer s.connsMu.Unlock()
	all := make([]*conn, 0, len(s.conns))
	for c := range s.conns {
		all = append(all, c)
	}
	return all
}

// disconnect forgets a connection. The flag is set before the stores are cleaned, so that a request that is still being
// handled cannot store anything afterwards.
func (s *Server) disconnect(c *conn) {
	if c.gone.Swap(true) {
		return
	}
	s.connsMu.Lock()
	delete(s.conns, c)
	s.connsMu.Unlock()
	s.naming.forget(c)
	s.configs.forget(c)
}

// transportTags gives each transport an identity, which is all that ties a client's unary requests together.
type transportTags struct{ s *Server }

type connKey struct{}

func connOf(ctx context.Context) *conn {
	c, _ := ctx.Value(connKey{}).(*conn)
	return c
}

// TagConn implements [stats.Handler].
func (t transportTags) TagConn(ctx context.Context, info *stats.ConnTagInfo) context.Context {
	n := t.s.nextConn.Add(1)
	c := newConn(strconv.FormatInt(time.Now().UnixMilli(), 10)+"_"+info.RemoteAddr.String()+"_"+strconv.FormatUint(n, 10),
		info.RemoteAddr.String())
	t.s.connsMu.Lock()
	t.s.conns[c] = struct{}{}
	t.s.connsMu.Unlock()
	return context.WithValue(ctx, connKey{}, c)
}

// HandleConn implements [stats.Handler]: the end of the transport is the end of the client.
func (t transportTags) HandleConn(ctx context.Context, st stats.ConnStats) {
	if _, ended := st.(*stats.ConnEnd); ended {
		if c := connOf(ctx); c != nil {
			t.s.disconnect(c)
		}
	}
}

// TagRPC implements [stats.Handler].
func (transportTags) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context { return ctx }

// HandleRPC implements [stats.Handler].
func (transportTags) HandleRPC(context.Context, stats.RPCStats) {}
