package nacoswire

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nacos-group/nacos-sdk-go/v2/model"
	"go.uber.org/goleak"
)

func TestRequestsBeforeSetupAreRefused(t *testing.T) {
	s := startT(t, Options{})
	c := dial(t, s.GRPCAddr(), nil, true)
	if got := c.ask("ServerCheckRequest", nil); got["success"] != true || got["connectionId"] == "" {
		t.Errorf("server check: got %v, want success and a connection id", got)
	}
	got := c.register("svc", host(1, true, 1))
	if got["type"] != typeError || got["errorCode"] != float64(codeUnregister) {
		t.Errorf("register before the setup: got %v, want an error with code %d", got, codeUnregister)
	}
	if got := s.Instances(NewServiceKey("", "G", "svc")); len(got) != 0 {
		t.Errorf("instances: got %v, want none", got)
	}
}

func TestSetupIsAcknowledgedToThoseWhoAsk(t *testing.T) {
	s := startT(t, Options{})
	table := dial(t, s.GRPCAddr(), map[string]any{"abilityTable": map[string]bool{"x": true}}, true)
	plain := dial(t, s.GRPCAddr(), map[string]any{}, true)
	eventually(t, "acknowledgement", func() bool { return len(table.pushed(typeSetupAck)) == 1 })
	if got := plain.pushed(typeSetupAck); len(got) != 0 {
		t.Errorf("a client without an ability table got %d acknowledgements, want none", len(got))
	}
}

func TestUnknownRequest(t *testing.T) {
	var mu sync.Mutex
	var seen []string
	s := startT(t, Options{Unknown: func(what string) {
		mu.Lock()
		defer mu.Unlock()
		seen = append(seen, what)
	}})
	c := dial(t, s.GRPCAddr(), map[string]any{}, true)
	got := c.ask("LockOperationRequest", map[string]any{"requestId": "r-1"})
	if got["type"] != typeError || got["errorCode"] != float64(codeNoHandler) || got["requestId"] != "r-1" {
		t.Errorf("got %v, want an error with code %d and the request's id", got, codeNoHandler)
	}
	mu.Lock()
	defer mu.Unlock()
	if len(seen) != 1 || !strings.Contains(seen[0], "LockOperationRequest") {
		t.Errorf("reported: got %q, want the request's type", seen)
	}
}

func TestMalformedRequests(t *testing.T) {
	s := startT(t, Options{})
	c := dial(t, s.GRPCAddr(), map[string]any{}, true)
	for typ := range requestHandlers {
		if typ == typeHealthCheck {
			continue
		}
		for _, body := range []string{``, `{`, `[]`, `"x"`, `null`, `{}`, `{"instance":7}`, `{"configListenContexts":{}}`} {
			p, err := payload(typ, nil)
			if err != nil {
				t.Fatal(err)
			}
			p.Body.Value = []byte(body)
			if _, err := c.unary.Request(context.Background(), p); err != nil {
				t.Errorf("%s %q: got %v, want an answer", typ, body, err)
			}
		}
	}
	if got := c.ask("HealthCheckRequest", nil); got["success"] != true {
		t.Errorf("health after malformed requests: got %v", got)
	}
}

// TestMany connects 200 clients, each with an instance of one service that all watch.
func TestMany(t *testing.T) {
	const n = 200
	s := startT(t, Options{PushDelay: 50 * time.Millisecond})
	all := make([]*rawClient, n)
	var wg sync.WaitGroup
	for i := range all {
		wg.Go(func() {
			c := dial(t, s.GRPCAddr(), map[string]any{}, true)
			c.watch("svc")
			c.register("svc", host(uint64(i+1), true, 1))
			all[i] = c
		})
	}
	wg.Wait()
	k := NewServiceKey("", "G", "svc")
	if got := len(s.Instances(k)); got != n {
		t.Fatalf("instances: got %d, want %d", got, n)
	}
	if got := s.Subscribers(k); got != n {
		t.Fatalf("subscribers: got %d, want %d", got, n)
	}
	begin := time.Now()
	all[0].register("svc", host(1, false, 1))
	for i, c := range all {
		eventually(t, fmt.Sprintf("push to client %d", i), func() bool {
			hosts, ok := c.sees()
			return ok && len(hosts) == n-1
		})
	}
	t.Logf("the change reached %d watchers after %v, of which %v is the push delay", n, time.Since(begin), s.opts.PushDelay)
	s.DropConnections()
	if got := s.Instances(k); len(got) != 0 {
		t.Errorf("instances after all were cut: got %d, want none", len(got))
	}
	if got := s.Subscribers(k); got != 0 {
		t.Errorf("subscribers after all were cut: got %d, want none", got)
	}
}

// TestSlowWatcher has a watcher that never reads; the others must not notice.
func TestSlowWatcher(t *testing.T) {
	s := startT(t, Options{})
	slow := dial(t, s.GRPCAddr(), map[string]any{}, false)
	slow.watch("svc")
	quick := dial(t, s.GRPCAddr(), map[string]any{}, true)
	quick.watch("svc")
	owner := dial(t, s.GRPCAddr(), map[string]any{}, true)
	bulk := make([]model.Instance, 100)
	for i := range 50 { // far more than a connection buffers
		for n := range bulk {
			bulk[n] = host(uint64(n+1), true, float64(i+1))
			bulk[n].Metadata = map[string]string{"bulk": strings.Repeat("x", 1000)}
		}
		owner.registerAll("svc", bulk)
		eventually(t, "push to the quick watcher", func() bool {
			hosts, ok := quick.sees()
			return ok && len(hosts) == len(bulk) && hosts[0].Weight == float64(i+1)
		})
	}
	if err := s.Close(); err != nil {
		t.Errorf("close with a blocked writer: %v", err)
	}
}

func TestSilentClientIsEjected(t *testing.T) {
	s := startT(t, Options{IdleAfter: 100 * time.Millisecond, AnswerWithin: 100 * time.Millisecond})
	silent := dial(t, s.GRPCAddr(), map[string]any{}, true)
	silent.register("svc", host(1, true, 1))
	k := NewServiceKey("", "G", "svc")
	eventually(t, "ejection", func() bool { return len(s.Instances(k)) == 0 })
	if got := silent.pushed("ClientDetectionRequest"); len(got) != 1 {
		t.Errorf("the client was asked %d times before it was removed, want 1", len(got))
	}
	<-silent.ended
}

func TestAnsweringClientIsNotEjected(t *testing.T) {
	s := startT(t, Options{IdleAfter: 50 * time.Millisecond, AnswerWithin: 30 * time.Second})
	c := dial(t, s.GRPCAddr(), map[string]any{}, true)
	c.register("svc", host(1, true, 1))
	for asked := 1; asked <= 3; asked++ {
		eventually(t, "detection", func() bool { return len(c.pushed("ClientDetectionRequest")) >= asked })
		c.send("ClientDetectionResponse", map[string]any{"resultCode": 200})
	}
	if got := s.Instances(NewServiceKey("", "G", "svc")); len(got) != 1 {
		t.Errorf("instances: got %v, want the answering client's", got)
	}
}

func TestStreamEndIsClientEnd(t *testing.T) {
	s := startT(t, Options{})
	c := dial(t, s.GRPCAddr(), map[string]any{}, true)
	c.register("svc", host(1, true, 1))
	if err := c.stream.CloseSend(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "end of the client", func() bool { return len(s.Instances(NewServiceKey("", "G", "svc"))) == 0 })
}

func TestReferenceTimeGrows(t *testing.T) {
	s := startT(t, Options{})
	c := dial(t, s.GRPCAddr(), map[string]any{}, true)
	c.watch("svc")
	c.register("svc", host(1, true, 1))
	eventually(t, "first push", func() bool { lists, _ := c.shown(); return len(lists) >= 1 })
	for i, d := range []time.Duration{-time.Hour, 0, 2 * time.Hour, -3 * time.Hour} {
		s.StepClock(d)
		c.register("svc", host(1, true, float64(i+2)))
		eventually(t, "push", func() bool { lists, _ := c.shown(); return len(lists) >= i+2 })
	}
	_, refs := c.shown()
	for i := 1; i < len(refs); i++ {
		if refs[i] <= refs[i-1] {
			t.Errorf("reference times: got %v, want them to grow", refs)
		}
	}
	if err := s.Restart(0); err != nil {
		t.Fatal(err)
	}
	again := dial(t, s.GRPCAddr(), map[string]any{}, true)
	info, err := json.Marshal(again.watch("svc")["serviceInfo"])
	if err != nil {
		t.Fatal(err)
	}
	var svc model.Service
	if err := json.Unmarshal(info, &svc); err != nil {
		t.Fatal(err)
	}
	if last := refs[len(refs)-1]; svc.LastRefTime <= last || len(svc.Hosts) != 0 {
		t.Errorf("after a restart: got %d with %d hosts, want above %d and none", svc.LastRefTime, len(svc.Hosts), last)
	}
}

func TestCloseEndsEverything(t *testing.T) {
	before := goleak.IgnoreCurrent()
	s, err := Start(Options{Logger: startLogger(), PushDelay: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	var clients []*rawClient
	for i := range 5 {
		c := dial(t, s.GRPCAddr(), map[string]any{}, true)
		c.watch("svc")
		c.register("svc", host(uint64(i+1), true, 1)) // leaves a push waiting for an hour
		clients = append(clients, c)
	}
	s.Stall("", time.Hour)
	done := make(chan error)
	go func() {
		_, err := clients[0].tryAsk(context.Background(), "HealthCheckRequest", nil)
		done <- err
	}()
	for range 2 {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	}
	if err := <-done; err == nil {
		t.Error("a stalled request outlived the server: got an answer, want an error")
	}
	for _, c := range clients {
		<-c.ended
	}
	if err := s.Restart(0); err != ErrClosed { //nolint:errorlint // the value itself is promised
		t.Errorf("restart after close: got %v, want %v", err, ErrClosed)
	}
	if c, err := net.Dial("tcp", s.GRPCAddr()); err == nil {
		_ = c.Close()
		t.Error("the port is still open after Close")
	}
	goleak.VerifyNone(t, before, goleak.IgnoreAnyFunction("google.golang.org/grpc.(*ClientConn).Connect"),
		goleak.IgnoreAnyFunction("google.golang.org/grpc/internal/grpcsync.(*CallbackSerializer).run"))
}

func TestWritesThatFailAreJournaled(t *testing.T) {
	s := startT(t, Options{})
	c := dial(t, s.GRPCAddr(), map[string]any{}, true)
	persistent := host(1, true, 1)
	persistent.Ephemeral = false
	for _, step := range []struct {
		what    string
		arrange func()
		in      model.Instance
		applied bool
	}{
		{"plain", func() {}, host(1, true, 1), true},
		{"failed", func() { s.FailNext("InstanceRequest", 1) }, host(1, true, 2), false},
		{"handled by the test", func() {
			s.Control("InstanceRequest", func(Request) (bool, error) { return true, nil })
		}, host(1, true, 3), false},
		{"persistent", func() { s.Control("InstanceRequest", nil) }, persistent, false},
	} {
		step.arrange()
		c.register("svc", step.in)
		writes := s.Writes()
		if got := writes[len(writes)-1]; got.Applied != step.applied || got.Instances[0].Weight != step.in.Weight {
			t.Errorf("%s: got %+v, want applied %v", step.what, got, step.applied)
		}
	}
	if got := s.Instances(NewServiceKey("", "G", "svc")); len(got) != 1 || got[0].Weight != 1 {
		t.Errorf("instances: got %+v, want the applied write's", got)
	}
}
