package nacoswire

import (
	"context"
	"encoding/json"
	"log/slog"
	"maps"
	"sync"
	"testing"
	"time"

	nacosgrpc "github.com/nacos-group/nacos-sdk-go/v2/api/grpc"
	"github.com/nacos-group/nacos-sdk-go/v2/model"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

func startT(t testing.TB, opts Options) *Server {
	t.Helper()
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	s, err := Start(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// rawClient speaks the protocol without the client library.
type rawClient struct {
	t      testing.TB
	unary  nacosgrpc.RequestClient
	stream grpc.BidiStreamingClient[nacosgrpc.Payload, nacosgrpc.Payload]
	ended  chan struct{} // closed when the stream has ended

	mu     sync.Mutex
	pushes []*nacosgrpc.Payload
}

// dial connects. The setup is sent with the given fields over the usual ones; nil sends no setup. With read, pushes are
// received and collected.
func dial(t testing.TB, addr string, setup map[string]any, read bool) *rawClient {
	t.Helper()
	cc, err := grpc.NewClient(addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	c := &rawClient{t: t, unary: nacosgrpc.NewRequestClient(cc), ended: make(chan struct{})}
	if c.stream, err = nacosgrpc.NewBiRequestStreamClient(cc).RequestBiStream(ctx); err != nil {
		cancel()
		t.Fatal(err)
	}
	if read {
		go c.receive()
	} else {
		close(c.ended)
	}
	t.Cleanup(func() {
		cancel()
		_ = cc.Close()
		<-c.ended
	})
	if setup != nil {
		body := map[string]any{"clientVersion": "test", "labels": map[string]string{"module": "naming"}}
		maps.Copy(body, setup)
		c.send("ConnectionSetupRequest", body)
		eventually(t, "setup", func() bool { return c.ask("HealthCheckRequest", nil)["success"] == true })
	}
	return c
}

func (c *rawClient) receive() {
	defer close(c.ended)
	for {
		p, err := c.stream.Recv()
		if err != nil {
			return
		}
		c.mu.Lock()
		c.pushes = append(c.pushes, p)
		c.mu.Unlock()
	}
}

func (c *rawClient) send(typ string, body any) {
	c.t.Helper()
	p, err := payload(typ, body)
	if err != nil {
		c.t.Fatal(err)
	}
	if err := c.stream.Send(p); err != nil {
		c.t.Fatal(err)
	}
}

// ask returns the answer's fields and its type under "type".
func (c *rawClient) ask(typ string, body map[string]any) map[string]any {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	answer, err := c.tryAsk(ctx, typ, body)
	if err != nil {
		c.t.Fatalf("%s: %v", typ, err)
	}
	return answer
}

func (c *rawClient) tryAsk(ctx context.Context, typ string, body map[string]any) (map[string]any, error) {
	if body == nil {
		body = map[string]any{}
	}
	p, err := payload(typ, body)
	if err != nil {
		return nil, err
	}
	resp, err := c.unary.Request(ctx, p)
	if err != nil {
		return nil, err
	}
	out := map[string]any{}
	if err := json.Unmarshal(resp.GetBody().GetValue(), &out); err != nil {
		return nil, err
	}
	out["type"] = resp.GetMetadata().GetType()
	return out, nil
}

func (c *rawClient) register(service string, in model.Instance) map[string]any {
	return c.ask("InstanceRequest", map[string]any{
		"namespace": "public", "groupName": "G", "serviceName": service, "type": actionRegister, "instance": in,
	})
}

func (c *rawClient) registerAll(service string, all []model.Instance) map[string]any {
	return c.ask("BatchInstanceRequest", map[string]any{
		"namespace": "public", "groupName": "G", "serviceName": service, "type": actionBatch, "instances": all,
	})
}

func (c *rawClient) watch(service string) map[string]any {
	return c.ask("SubscribeServiceRequest", map[string]any{
		"namespace": "public", "groupName": "G", "serviceName": service, "subscribe": true,
	})
}

// pushed returns the pushes of a type.
func (c *rawClient) pushed(typ string) []*nacosgrpc.Payload {
	c.mu.Lock()
	defer c.mu.Unlock()
	var found []*nacosgrpc.Payload
	for _, p := range c.pushes {
		if p.GetMetadata().GetType() == typ {
			found = append(found, p)
		}
	}
	return found
}

// shown returns the hosts of each naming push, and their reference times.
func (c *rawClient) shown() (lists [][]model.Instance, refs []uint64) {
	c.t.Helper()
	for _, p := range c.pushed("NotifySubscriberRequest") {
		var push struct {
			ServiceInfo model.Service `json:"serviceInfo"`
		}
		if err := json.Unmarshal(p.GetBody().GetValue(), &push); err != nil {
			c.t.Fatal(err)
		}
		lists, refs = append(lists, push.ServiceInfo.Hosts), append(refs, push.ServiceInfo.LastRefTime)
	}
	return lists, refs
}

// sees returns the hosts of the newest naming push; ok is false if there was none.
func (c *rawClient) sees() (hosts []model.Instance, ok bool) {
	c.t.Helper()
	all := c.pushed("NotifySubscriberRequest")
	if len(all) == 0 {
		return nil, false
	}
	var push struct {
		ServiceInfo model.Service `json:"serviceInfo"`
	}
	if err := json.Unmarshal(all[len(all)-1].GetBody().GetValue(), &push); err != nil {
		c.t.Fatal(err)
	}
	return push.ServiceInfo.Hosts, true
}

func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	deadline := time.After(time.Minute) // only hangs take that long
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%s: not after a minute", what)
		}
	}
}

func host(port uint64, enabled bool, weight float64) model.Instance {
	return model.Instance{Ip: "10.0.0.1", Port: port, Enable: enabled, Weight: weight, Healthy: true, Ephemeral: true}
}

func startLogger() *slog.Logger { return slog.New(slog.DiscardHandler) }
