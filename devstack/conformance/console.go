package conformance

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	nacosgrpc "github.com/nacos-group/nacos-sdk-go/v2/api/grpc"
	"github.com/nacos-group/nacos-sdk-go/v2/common/remote/rpc/rpc_request"
	"github.com/nacos-group/nacos-sdk-go/v2/model"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/anypb"
)

func (s *suite) edit(t testing.TB, svc Service, e Edit) {
	t.Helper()
	if err := s.Admin.Edit(context.Background(), svc, e); err != nil {
		t.Fatalf("console edit: %v", err)
	}
}

func (s *suite) consoleEdit(t *testing.T) {
	svc, owner := s.service("console"), s.namingClient(t, "")
	w := s.watch(t, s.namingClient(t, ""), svc)
	in := instance{ip: "10.0.0.1", port: 20000, weight: 1, meta: map[string]string{"own": "1", "both": "owner"}}
	register(t, owner, svc, in)
	w.waitFor(t, "registered", in.record())
	s.edit(t, svc, Edit{IP: in.ip, Port: in.port, Weight: 50, Enabled: true, Metadata: map[string]string{"both": "console", "console": "1"}})
	shown := in
	shown.weight = 50
	shown.meta = map[string]string{"own": "1", "both": "console", "console": "1"}
	w.waitFor(t, "edited", shown.record())
	in.weight, in.off = 3, true
	in.meta = map[string]string{"own": "2", "both": "owner again", "new": "1"}
	update(t, owner, svc, in)
	shown.meta = map[string]string{"own": "2", "both": "console", "console": "1", "new": "1"}
	w.waitFor(t, "the console's weight, enabled and keys win, the owner's other keys follow", shown.record())
	s.waitAdmin(t, svc, shown.record())
}

func (s *suite) consoleOutlives(t *testing.T) {
	svc, owner := s.service("outlives"), s.namingClient(t, "")
	w := s.watch(t, s.namingClient(t, ""), svc)
	in := instance{ip: "10.0.0.1", port: 20000, weight: 1}
	register(t, owner, svc, in)
	w.waitFor(t, "registered", in.record())
	s.edit(t, svc, Edit{IP: in.ip, Port: in.port, Weight: 42, Enabled: true})
	shown := in
	shown.weight = 42
	w.waitFor(t, "edited", shown.record())
	deregister(t, owner, svc, in)
	w.waitFor(t, "deregistered")
	register(t, owner, svc, in)
	w.waitFor(t, "the edit is remembered", shown.record())
}

// consoleEjects: an instance taken out at the console stays out, whatever its owner says.
func (s *suite) consoleEjects(t *testing.T) {
	svc, owner, other := s.service("ejects"), s.namingClient(t, ""), s.namingClient(t, "")
	w := s.watch(t, s.namingClient(t, ""), svc)
	a := instance{ip: "10.0.0.1", port: 20000, weight: 1}
	b := instance{ip: "10.0.0.2", port: 20000, weight: 1}
	register(t, owner, svc, a)
	register(t, other, svc, b)
	w.waitFor(t, "both", a.record(), b.record())
	s.edit(t, svc, Edit{IP: a.ip, Port: a.port, Weight: 1, Enabled: false})
	w.waitFor(t, "ejected", b.record())
	a.meta = map[string]string{"insists": "1"}
	update(t, owner, svc, a)
	ejected := a
	ejected.off = true
	s.waitAdmin(t, svc, ejected.record(), b.record())
	s.waitQuery(t, svc, b.record())
	s.edit(t, svc, Edit{IP: a.ip, Port: a.port, Weight: 1, Enabled: true})
	w.waitFor(t, "back", a.record(), b.record())
}

// silentClient: a client whose connection stands but which says nothing any more is removed, with what it registered.
func (s *suite) silentClient(t *testing.T) {
	if s.SkipEjection {
		t.Skip("the target asked to leave out this test, which takes half a minute")
	}
	svc := s.service("silent")
	w := s.watch(t, s.namingClient(t, ""), svc)
	in := instance{ip: "10.0.0.1", port: 20000, weight: 1}
	s.registerAndFallSilent(t, svc, in)
	w.waitFor(t, "registered", in.record())
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for diff(w.last(), nil) != "" {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("the silent client's instance is still listed after a minute: %+v", w.last())
		}
	}
}

func (s *suite) registerAndFallSilent(t testing.TB, svc Service, i instance) {
	t.Helper()
	server := s.Servers[0]
	port := server.GrpcPort
	if port == 0 {
		port = server.Port + 1000
	}
	cc, err := grpc.NewClient(fmt.Sprintf("%s:%d", server.IpAddr, port), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cc.Close() })
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	unary := nacosgrpc.NewRequestClient(cc)
	if _, err := unary.Request(ctx, message(t, "ServerCheckRequest", rpc_request.NewServerCheckRequest())); err != nil {
		t.Fatal(err)
	}
	stream, err := nacosgrpc.NewBiRequestStreamClient(cc).RequestBiStream(ctx)
	if err != nil {
		t.Fatal(err)
	}
	setup := rpc_request.NewConnectionSetupRequest()
	setup.ClientVersion, setup.Labels = "Nacos-Go-Client:conformance", map[string]string{"source": "sdk", "module": "naming"}
	if err := stream.Send(message(t, "ConnectionSetupRequest", setup)); err != nil {
		t.Fatal(err)
	}
	namespace := svc.Namespace
	if namespace == "" {
		namespace = "public"
	}
	req := rpc_request.NewInstanceRequest(namespace, svc.Name, svc.Group, "registerInstance", model.Instance{
		Ip: i.ip, Port: i.port, Weight: i.weight, Enable: true, Healthy: true, Ephemeral: true,
	})
	eventually(t, "raw registration", func() string { // the setup is not acknowledged
		resp, err := unary.Request(ctx, message(t, "InstanceRequest", req))
		if err != nil {
			return err.Error()
		}
		if got := resp.GetMetadata().GetType(); got != "InstanceResponse" {
			return got
		}
		return ""
	})
}

func message(t testing.TB, typ string, body any) *nacosgrpc.Payload {
	t.Helper()
	raw, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	return &nacosgrpc.Payload{
		Metadata: &nacosgrpc.Metadata{Type: typ, ClientIp: "127.0.0.1"}, Body: &anypb.Any{Value: raw},
	}
}
