package nacos

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bluegreen-go/bluegreen/devstack"
	"github.com/bluegreen-go/bluegreen/sdk"
)

func TestSelfTestFindsServerWithoutCAS(t *testing.T) {
	srv := devstack.RunT(t)
	n, ctx := open(t, testConfig(t, srv)), testContext(t)
	srv.Control("ConfigPublishRequest", func(r devstack.Request) (bool, error) {
		var body struct{ DataID, Group, Content string }
		if err := json.Unmarshal(r.Body, &body); err != nil {
			return false, err
		}
		return true, srv.Publish(body.Group, body.DataID, body.Content) // compares nothing
	})
	for range 2 {
		if err := n.Publish(ctx, "doc", "new", ""); !errors.Is(err, ErrNoCAS) {
			t.Fatalf("Publish = %v, want %v", err, ErrNoCAS)
		}
	}
	if got, ok := srv.Config(sdk.Group, "doc"); ok {
		t.Errorf("%q was published", got)
	}
	srv.Control("ConfigPublishRequest", nil)
	if err := n.Publish(ctx, "doc", "new", ""); err != nil {
		t.Errorf("Publish after an upgrade of the server = %v", err)
	}
}

func TestSelfTestAtOnce(t *testing.T) {
	srv := devstack.RunT(t)
	ctx := testContext(t)
	var wg sync.WaitGroup
	for range 3 {
		n := open(t, testConfig(t, srv))
		for range 2 {
			wg.Go(func() {
				if err := n.SelfTest(ctx); err != nil {
					t.Error(err)
				}
			})
		}
	}
	wg.Wait()
	if got, _ := srv.Config(sdk.Group, SelfTestDataID); got != selfTestContent {
		t.Errorf("%s = %q, want it untouched", SelfTestDataID, got)
	}
}

func TestSelfTestServerAway(t *testing.T) {
	srv := devstack.RunT(t)
	n, ctx := open(t, testConfig(t, srv)), testContext(t)
	srv.Refuse(true)
	if err := n.SelfTest(ctx); err == nil || errors.Is(err, ErrNoCAS) {
		t.Errorf("SelfTest without a server = %v, want another error than %v", err, ErrNoCAS)
	}
	srv.Refuse(false)
	within(t, "the test passes", func() bool { return n.SelfTest(ctx) == nil })
}

// TestPublishWithLostAnswer publishes, but the answer says that it failed: the
// client library tries again and is told of a conflict with itself.
func TestPublishWithLostAnswer(t *testing.T) {
	srv := devstack.RunT(t)
	n, ctx := open(t, testConfig(t, srv)), testContext(t)
	if err := n.Publish(ctx, "doc", "one", ""); err != nil {
		t.Fatal(err)
	}
	var tries atomic.Int32
	srv.Control("ConfigPublishRequest", func(devstack.Request) (bool, error) {
		if tries.Add(1) == 1 {
			return false, errors.Join(errors.New("lost"), srv.Publish(sdk.Group, "doc", "two"))
		}
		return false, nil
	})
	if err := n.Publish(ctx, "doc", "two", "one"); err != nil {
		t.Errorf("Publish = %v, want nil since it happened", err)
	}
	if tries.Load() < 2 {
		t.Errorf("%d tries, want the library's second one", tries.Load())
	}
}

func TestPublishUncertain(t *testing.T) {
	srv := devstack.RunT(t)
	n := open(t, testConfig(t, srv))
	if err := n.SelfTest(testContext(t)); err != nil {
		t.Fatal(err)
	}
	srv.Stall("ConfigPublishRequest", time.Minute)
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	begin := time.Now()
	if err := n.Publish(ctx, "doc", "new", ""); !errors.Is(err, ErrUncertain) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Publish = %v, want %v because of the deadline", err, ErrUncertain)
	}
	if d := time.Since(begin); d > 2*time.Second {
		t.Errorf("it took %v, want about 200 ms", d)
	}
	srv.Stall("ConfigPublishRequest", 0)
	if err := n.Publish(testContext(t), "doc", "new", ""); err != nil {
		t.Errorf("Publish of the same content again = %v", err)
	}
}

func TestLoadIsLimitedNotFailed(t *testing.T) {
	srv := devstack.RunT(t)
	n, ctx := open(t, testConfig(t, srv)), testContext(t)
	if err := srv.Publish(sdk.Group, "limited", "x"); err != nil {
		t.Fatal(err)
	}
	for range 12 {
		if got, err := n.Load(ctx, "limited"); got != "x" || err != nil {
			t.Fatalf("Load = %q, %v", got, err)
		}
	}
	short, cancel := context.WithTimeout(ctx, time.Millisecond)
	defer cancel()
	for range 12 {
		if _, err := n.Load(short, "limited"); err != nil {
			return
		}
	}
	t.Error("no load failed though there was no time to wait")
}

func TestLoadDoesNotAnswerFromDisk(t *testing.T) {
	srv := devstack.RunT(t)
	n, ctx := open(t, testConfig(t, srv)), testContext(t)
	if err := srv.Publish(sdk.Group, "ondisk", "x"); err != nil {
		t.Fatal(err)
	}
	if got, err := n.Load(ctx, "ondisk"); got != "x" || err != nil {
		t.Fatalf("Load = %q, %v", got, err)
	}
	srv.Refuse(true)
	if got, err := n.Load(ctx, "ondisk"); err == nil {
		t.Errorf("Load = %q without a server, want an error", got)
	}
}

func TestReportIsBoundedAndInOrder(t *testing.T) {
	srv := devstack.RunT(t)
	n, ctx := open(t, testConfig(t, srv)), testContext(t)
	report := sdk.Report{Identity: sdk.Identity{Service: "order", Boot: "b1"}, Seq: 1}
	if err := n.Report(ctx, report); err != nil {
		t.Fatal(err)
	}
	var writes atomic.Int32
	release := make(chan struct{})
	first := []byte(fmt.Sprintf("%q:%q", keySeq, "1"))
	srv.Control("BatchInstanceRequest", func(r devstack.Request) (bool, error) {
		// nacos-sdk-go repeats what it has after the first connect.
		if !bytes.Contains(r.Body, first) && writes.Add(1) == 1 {
			<-release
		}
		return false, nil
	})
	for report.Seq = 2; report.Seq < 4; report.Seq++ {
		short, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
		begin := time.Now()
		if err := n.Report(short, report); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Report = %v, want %v", err, context.DeadlineExceeded)
		}
		if d := time.Since(begin); d > time.Second {
			t.Errorf("Report took %v, want about 100 ms", d)
		}
		cancel()
	}
	if n := writes.Load(); n != 1 {
		t.Errorf("%d writes under way, want 1: a later one could be overtaken", n)
	}
	close(release)
	if err := n.Report(ctx, report); err != nil {
		t.Fatal(err)
	}
	agents, err := n.Agents(ctx)
	if err != nil || len(agents) != 1 || agents[0].Seq != 4 {
		t.Errorf("Agents = %+v, %v, want report 4", agents, err)
	}
}

func TestReportRefused(t *testing.T) {
	srv := devstack.RunT(t)
	n, ctx := open(t, testConfig(t, srv)), testContext(t)
	srv.Control("BatchInstanceRequest", func(devstack.Request) (bool, error) { return false, errors.New("no") })
	if err := n.Report(ctx, sdk.Report{Identity: sdk.Identity{Service: "order", Boot: "b1"}}); err == nil {
		t.Error("Report = nil though the server refused")
	}
}

func TestAgentsNameWhatCannotBeRead(t *testing.T) {
	srv := devstack.RunT(t)
	good, bad, ctx := open(t, testConfig(t, srv)), open(t, testConfig(t, srv)), testContext(t)
	if err := good.Report(ctx, sdk.Report{Identity: sdk.Identity{Service: "order", Boot: "good"}}); err != nil {
		t.Fatal(err)
	}
	if err := bad.Report(ctx, sdk.Report{Identity: sdk.Identity{Service: "order", Boot: "bad"}}); err != nil {
		t.Fatal(err)
	}
	edit := devstack.Overlay{Metadata: map[string]string{keyData: "{"}}
	if err := srv.UpdateInstance(sdk.Group, "agent.order", hostIP(), basePort("bad"), edit); err != nil {
		t.Fatal(err)
	}
	agents, err := good.Agents(ctx)
	if len(agents) != 1 || agents[0].Identity.Boot != "good" {
		t.Errorf("agents %+v, want the good one", agents)
	}
	if err == nil || !contains(err, "order/bad") {
		t.Errorf("error %v, want one that names order/bad", err)
	}
}

// TestHungServer connects to a server that accepts and never says anything.
func TestHungServer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var conns []net.Conn
	accepted := make(chan struct{})
	go func() {
		defer close(accepted)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			conns = append(conns, c)
			mu.Unlock()
		}
	}()
	port := uint64(l.Addr().(*net.TCPAddr).Port)
	if port <= grpcOffset {
		t.Skip("no room below the port")
	}
	dir := t.TempDir()
	n, err := Open(Config{Address: net.JoinHostPort("127.0.0.1", utoa(port-grpcOffset)), CacheDir: dir, Timeout: 500 * time.Millisecond, Logger: discard()})
	if err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	bounded := func(what string, f func(context.Context) error) {
		t.Helper()
		ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
		defer cancel()
		if err := f(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s = %v, want %v", what, err, context.DeadlineExceeded)
		}
	}
	if _, err := n.Watch("doc", func(string) {}); err != nil {
		t.Errorf("Watch = %v, want nil without waiting", err)
	}
	bounded("Load", func(ctx context.Context) error { _, err := n.Load(ctx, "doc"); return err })
	bounded("Agents", func(ctx context.Context) error { _, err := n.Agents(ctx); return err })
	bounded("Report", func(ctx context.Context) error { return n.Report(ctx, bigReport(1)) })
	bounded("Close", n.Close)
	if d := time.Since(begin); d > 3*time.Second {
		t.Errorf("all took %v", d)
	}
	if _, err := n.Watch("doc", func(string) {}); !errors.Is(err, ErrClosed) {
		t.Errorf("Watch after Close = %v, want %v", err, ErrClosed)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("left over: %v, %v", left, err)
	}
	l.Close()
	<-accepted
	mu.Lock()
	defer mu.Unlock()
	for _, c := range conns {
		c.Close()
	}
}
