package nacoswire

import (
	"context"
	"encoding/json"
	"time"

	nacosgrpc "github.com/nacos-group/nacos-sdk-go/v2/api/grpc"
	"github.com/nacos-group/nacos-sdk-go/v2/common/remote/rpc/rpc_response"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/anypb"
)

// Codes of the protocol.
const (
	resultOK        = 200
	resultFail      = 500
	codeNotFound    = 300
	codeUnregister  = 301 // the client connects anew
	codeNoHandler   = 302
	codeBadRequest  = 400
	codeServerError = 500
)

// The types of the requests that are not about configs or naming.
const (
	typeServerCheck = "ServerCheckRequest"
	typeHealthCheck = "HealthCheckRequest"
	typeSetup       = "ConnectionSetupRequest"
	typeSetupAck    = "SetupAckRequest"
	typeError       = "ErrorResponse"
)

// answer is a response and its type.
type answer struct {
	typ  string
	body any
	head *rpc_response.Response // embedded in body
}

func newAnswer(typ string, head *rpc_response.Response, body any) answer {
	return answer{typ: typ, body: body, head: head}
}

func success() *rpc_response.Response {
	return &rpc_response.Response{ResultCode: resultOK, Success: true}
}

func failure(code int, message string) *rpc_response.Response {
	return &rpc_response.Response{ResultCode: resultFail, ErrorCode: code, Message: message}
}

// plain is the answer that consists of the head alone, which is what most write requests get.
func plain(typ string, head *rpc_response.Response) answer { return newAnswer(typ, head, head) }

func errorAnswer(code int, message string) answer { return plain(typeError, failure(code, message)) }

// handler answers one type of unary request.
type handler struct {
	answers string // the type of the answer
	serve   func(s *Server, c *conn, body []byte) (answer, error)
}

func handlers() map[string]handler {
	return map[string]handler{
		typeHealthCheck:            {"HealthCheckResponse", (*Server).health},
		"ConfigQueryRequest":       {"ConfigQueryResponse", (*Server).configQuery},
		"ConfigPublishRequest":     {"ConfigPublishResponse", (*Server).configPublish},
		"ConfigRemoveRequest":      {"ConfigRemoveResponse", (*Server).configRemove},
		"ConfigBatchListenRequest": {"ConfigChangeBatchListenResponse", (*Server).configListen},
		"InstanceRequest":          {"InstanceResponse", (*Server).instance},
		"BatchInstanceRequest":     {"BatchInstanceResponse", (*Server).batch},
		"SubscribeServiceRequest":  {"SubscribeServiceResponse", (*Server).subscribe},
		"ServiceQueryRequest":      {"QueryServiceResponse", (*Server).serviceQuery},
		"ServiceListRequest":       {"ServiceListResponse", (*Server).serviceList},
	}
}

// requestHandlers is never written.
var requestHandlers = handlers()

// Request implements the unary method of the protocol.
func (s *Server) Request(ctx context.Context, p *nacosgrpc.Payload) (*nacosgrpc.Payload, error) {
	c := connOf(ctx)
	if c == nil {
		return nil, status.Error(codes.Internal, "the transport has no identity")
	}
	c.touch()
	typ, body := p.GetMetadata().GetType(), p.GetBody().GetValue()
	a := s.answer(c, typ, body)
	if err := s.faults.stalled(ctx, s.ctx, typ); err != nil {
		return nil, status.FromContextError(err).Err()
	}
	a.head.RequestId = requestID(body)
	return payload(a.typ, a.body)
}

// answer applies the faults, then the request.
func (s *Server) answer(c *conn, typ string, body []byte) answer {
	if typ != typeServerCheck && !c.isReady() {
		return errorAnswer(codeUnregister, "Connection is unregistered.")
	}
	h, known := requestHandlers[typ]
	if !known && typ != typeServerCheck {
		s.unknown("gRPC " + typ)
		return errorAnswer(codeNoHandler, "not implemented in the embedded server: "+typ)
	}
	if typ == typeServerCheck {
		h = handler{"ServerCheckResponse", (*Server).serverCheck}
	}
	write, isWrite := writeOf(c, typ, body)
	a, applied := s.judge(c, typ, body, write, h)
	if isWrite {
		write.Applied = applied && a.head.Success
		s.journal.add(write)
	}
	return a
}

// judge lets the faults decide first. applied tells whether the request has reached its handler.
func (s *Server) judge(c *conn, typ string, body []byte, w Write, h handler) (a answer, applied bool) {
	if s.faults.failing(typ) {
		if typ == typeServerCheck {
			return plain(h.answers, failure(codeNotFound, "server is starting now, please try again later")), false
		}
		return errorAnswer(codeServerError, "failed on request of the test"), false
	}
	if w.Type != "" && s.excluded(c, &w.Service) {
		return errorAnswer(codeUnregister, "Connection is unregistered."), false
	}
	if control := s.faults.control(typ); control != nil {
		handled, err := control(Request{Type: typ, Conn: s.describe(c), Body: body})
		if err != nil {
			return errorAnswer(codeServerError, err.Error()), false
		}
		if handled {
			return plain(h.answers, success()), false
		}
	}
	a, err := h.serve(s, c, body)
	if err != nil {
		return plain(h.answers, failure(codeServerError, err.Error())), false
	}
	return a, true
}

func (s *Server) unknown(what string) {
	s.opts.Logger.Error("not implemented in the embedded Nacos", "request", what)
	if s.opts.Unknown != nil {
		s.opts.Unknown(what)
	}
}

func (s *Server) serverCheck(c *conn, _ []byte) (answer, error) {
	head := success()
	return newAnswer("ServerCheckResponse", head, struct {
		*rpc_response.ServerCheckResponse
		SupportAbilityNegotiation bool `json:"supportAbilityNegotiation"`
	}{&rpc_response.ServerCheckResponse{Response: head, ConnectionId: c.id}, true}), nil
}

func (s *Server) health(*conn, []byte) (answer, error) {
	return plain("HealthCheckResponse", success()), nil
}

// RequestBiStream implements the stream of the protocol: the client sends its setup and acknowledgements, the server pushes.
func (s *Server) RequestBiStream(stream grpc.BidiStreamingServer[nacosgrpc.Payload, nacosgrpc.Payload]) error {
	c := connOf(stream.Context())
	if c == nil {
		return status.Error(codes.Internal, "the transport has no identity")
	}
	ctx, cancel := context.WithCancel(stream.Context())
	written := make(chan struct{})
	go func() {
		defer close(written)
		s.writer(ctx, c, stream.Send)
	}()
	defer func() {
		s.cut(c) // also frees a writer that waits for a client that does not read
		cancel()
		<-written
	}()
	for {
		p, err := stream.Recv()
		if err != nil {
			return nil //nolint:nilerr // the client has gone, which is how streams end
		}
		c.touch()
		if p.GetMetadata().GetType() == typeSetup {
			if err := s.setup(c, p.GetBody().GetValue()); err != nil {
				return status.Error(codes.InvalidArgument, err.Error())
			}
		}
		// All else are acknowledgements; like Nacos the server goes on without them.
	}
}

// setup makes the connection usable. A client that carries an ability table waits for the acknowledgement.
func (s *Server) setup(c *conn, body []byte) error {
	req, err := decode[setupRequest](body)
	if err != nil {
		return err
	}
	c.mu.Lock()
	c.ready, c.version, c.tenant, c.labels = true, req.ClientVersion, req.Tenant, req.Labels
	for _, label := range []string{"AppName", "Client-AppName"} {
		if c.app == "" {
			c.app = req.Labels[label]
		}
	}
	c.mu.Unlock()
	if s.excluded(c, nil) {
		return nil
	}
	if req.AbilityTable != nil {
		p, err := payload(typeSetupAck, map[string]any{"module": "internal", "requestId": c.id, "abilityTable": map[string]bool{}})
		if err != nil {
			return err
		}
		c.post(p)
	}
	return nil
}

// payload encodes a message. The server has to name an address; it names loopback.
func payload(typ string, body any) (*nacosgrpc.Payload, error) {
	raw, err := json.Marshal(body)
	if err != nil {
		return nil, status.Errorf(codes.Internal, "encode %s: %v", typ, err)
	}
	return &nacosgrpc.Payload{
		Metadata: &nacosgrpc.Metadata{Type: typ, ClientIp: "127.0.0.1"},
		Body:     &anypb.Any{Value: raw},
	}, nil
}

func requestID(body []byte) string {
	var head struct {
		RequestID string `json:"requestId"`
	}
	if err := json.Unmarshal(body, &head); err != nil {
		return ""
	}
	return head.RequestID
}

// millis is the form in which the protocol carries times.
func millis(t time.Time) int64 { return t.UnixMilli() }
