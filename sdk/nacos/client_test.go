package nacos

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bluegreen-go/bluegreen/devstack"
	"github.com/bluegreen-go/bluegreen/sdk"
)

// rulesAt puts channel "checkout" at a revision into the server, and the index.
func rulesAt(t testing.TB, srv *devstack.Server, revision int64) {
	t.Helper()
	ch := &sdk.Channel{
		APIVersion: sdk.APIVersion, Name: "checkout", Revision: revision, State: sdk.Active, Services: []string{"order"},
		Share: sdk.PerColor[int]{Blue: 1, Green: 1}, Stage: sdk.Both(sdk.Full), WhenEmpty: sdk.UseOther,
	}
	jitter := sdk.Duration(0)
	index := &sdk.Index{
		APIVersion: sdk.APIVersion, Revision: revision, Channels: map[string]int64{"checkout": revision},
		Owners: map[string]string{"order": "checkout"}, Settings: sdk.Settings{JitterMax: &jitter},
	}
	for dataID, doc := range map[string]interface{ Document() (string, error) }{sdk.ChannelDataID("checkout"): ch, sdk.IndexDataID: index} {
		text, err := doc.Document()
		if err != nil {
			t.Fatal(err)
		}
		if err := srv.Publish(sdk.Group, dataID, text); err != nil {
			t.Fatal(err)
		}
	}
}

// startClient starts service order in green.
func startClient(t testing.TB, cfg Config, opts ...sdk.Option) *sdk.Client {
	t.Helper()
	t.Setenv(sdk.EnvColor, "green")
	opts = append([]sdk.Option{sdk.WithLastGoodFile(""), sdk.WithLogger(cfg.Logger)}, opts...)
	c, err := Start("order", cfg, opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := c.Shutdown(ctx); err != nil {
			t.Errorf("shutdown: %v", err)
		}
	})
	return c
}

func revision(c *sdk.Client) int64 {
	if ch := c.Rules().Channel("checkout"); ch != nil {
		return ch.Revision
	}
	return 0
}

func TestStart(t *testing.T) {
	srv := devstack.RunT(t)
	rulesAt(t, srv, 1)
	control := open(t, testConfig(t, srv))
	c := startClient(t, testConfig(t, srv))
	ctx := testContext(t)
	begin := time.Now()
	if err := c.WaitLoaded(ctx); err != nil {
		t.Fatal(err)
	}
	if d := time.Since(begin); d > 2*time.Second {
		t.Errorf("the first rules took %v", d)
	}
	within(t, "the agent reports revision 1", func() bool {
		agents, err := control.Agents(ctx)
		if err != nil || len(agents) != 1 {
			return false
		}
		ch, _ := agents[0].Of("checkout")
		return agents[0].Identity.Boot == c.Identity().Boot && agents[0].Identity.Color == sdk.Green && ch.Converged == 1
	})
	rulesAt(t, srv, 2)
	within(t, "revision 2", func() bool { return revision(c) == 2 })
	if err := c.Shutdown(ctx); err != nil {
		t.Fatal(err)
	}
	within(t, "no agent", func() bool {
		agents, err := control.Agents(ctx)
		return err == nil && len(agents) == 0
	})
}

func TestStartRefuses(t *testing.T) {
	cfg := Config{Address: "127.0.0.1:1", CacheDir: t.TempDir()}
	t.Setenv(sdk.EnvColor, "red")
	if _, err := Start("order", cfg); err == nil {
		t.Error("an unknown colour is accepted")
	}
	t.Setenv(sdk.EnvColor, "")
	if _, err := Start("", cfg); err == nil {
		t.Error("a process without a name is accepted")
	}
	if _, err := Start("order", Config{}); err == nil {
		t.Error("no address is accepted")
	}
	left, err := os.ReadDir(cfg.CacheDir)
	if err != nil || len(left) != 0 {
		t.Errorf("left over in the cache directory: %v, %v", left, err)
	}
}

func TestServerAwayAtStart(t *testing.T) {
	srv := devstack.RunT(t)
	srv.Refuse(true)
	begin := time.Now()
	c := startClient(t, testConfig(t, srv))
	if d := time.Since(begin); d > time.Second {
		t.Errorf("Start took %v without a server", d)
	}
	rulesAt(t, srv, 1)
	within(t, "loads fail", func() bool { return c.Stats().LoadErrors > 0 })
	srv.Refuse(false)
	within(t, "revision 1", func() bool { return revision(c) == 1 })
	within(t, "a report", func() bool { return len(srv.Instances(sdk.Group, "agent.order")) > 0 })
}

func TestServerRestart(t *testing.T) {
	srv := devstack.RunT(t)
	rulesAt(t, srv, 1)
	c := startClient(t, testConfig(t, srv))
	within(t, "a report of revision 1", func() bool { return revision(c) == 1 && len(srv.Instances(sdk.Group, "agent.order")) > 0 })
	if err := srv.Restart(300 * time.Millisecond); err != nil {
		t.Fatal(err)
	}
	rulesAt(t, srv, 2)
	within(t, "the report is back", func() bool { return len(srv.Instances(sdk.Group, "agent.order")) > 0 })
	within(t, "revision 2", func() bool { return revision(c) == 2 })
}

func TestLostPushesAreHealedByPolling(t *testing.T) {
	srv := devstack.RunT(t)
	rulesAt(t, srv, 1)
	c := startClient(t, testConfig(t, srv), sdk.WithPollInterval(300*time.Millisecond))
	within(t, "revision 1", func() bool { return revision(c) == 1 })
	srv.LosePushes(-1)
	rulesAt(t, srv, 2)
	within(t, "revision 2", func() bool { return revision(c) == 2 })
}

func TestManyPublishes(t *testing.T) {
	srv := devstack.RunT(t)
	rulesAt(t, srv, 1)
	c := startClient(t, testConfig(t, srv), sdk.WithPollInterval(500*time.Millisecond))
	within(t, "revision 1", func() bool { return revision(c) == 1 })
	var mu sync.Mutex
	var got []int64
	cancel := c.Subscribe(func(r *sdk.Rules) {
		mu.Lock()
		defer mu.Unlock()
		got = append(got, r.Channel("checkout").Revision)
	})
	defer cancel()
	const last = 100
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for rev := int64(2); rev <= last; rev++ {
		<-tick.C
		rulesAt(t, srv, rev)
	}
	within(t, "the last revision", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return got[len(got)-1] == last
	})
	mu.Lock()
	defer mu.Unlock()
	for i := 1; i < len(got); i++ {
		if got[i] < got[i-1] {
			t.Fatalf("revisions %v go back", got)
		}
	}
}

func TestWatchAgents(t *testing.T) {
	srv := devstack.RunT(t)
	control, n := open(t, testConfig(t, srv)), open(t, testConfig(t, srv))
	ctx, cancel := context.WithCancel(testContext(t))
	defer cancel()
	views := make(chan []sdk.Report, 100)
	done := make(chan error, 1)
	go func() { done <- control.WatchAgents(ctx, func(r []sdk.Report) { views <- r }) }()
	expect := func(what string, ok func([]sdk.Report) bool) {
		t.Helper()
		for {
			select {
			case v := <-views:
				if ok(v) {
					return
				}
			case <-time.After(patience):
				t.Fatalf("not within %v: %s", patience, what)
			}
		}
	}
	expect("nobody", func(v []sdk.Report) bool { return len(v) == 0 })
	for seq := range int64(3) {
		if err := n.Report(ctx, bigReport(seq)); err != nil {
			t.Fatal(err)
		}
		expect(fmt.Sprint("report ", seq), func(v []sdk.Report) bool { return len(v) == 1 && v[0].Seq == seq })
	}
	if got := srv.Subscribers(sdk.Group, "agent.order"); got != 1 {
		t.Errorf("%d subscribers, want 1", got)
	}
	if err := n.Close(ctx); err != nil {
		t.Fatal(err)
	}
	expect("nobody again", func(v []sdk.Report) bool { return len(v) == 0 })
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("WatchAgents = %v, want %v", err, context.Canceled)
	}
	within(t, "no subscribers", func() bool { return srv.Subscribers(sdk.Group, "agent.order") == 0 })
}

// TestWatchAgentsIsPushed looks at most once by polling: the rest is pushes.
func TestWatchAgentsIsPushed(t *testing.T) {
	srv := devstack.RunT(t)
	control, n := open(t, testConfig(t, srv)), open(t, testConfig(t, srv))
	ctx, cancel := context.WithCancel(testContext(t))
	if err := n.Report(ctx, bigReport(1)); err != nil {
		t.Fatal(err)
	}
	seqs := make(chan int64, 100)
	done := make(chan error, 1)
	go func() {
		done <- control.watchAgents(ctx, time.Hour, func(r []sdk.Report) { seqs <- r[0].Seq })
	}()
	for want := range int64(3) {
		if got := <-seqs; got != want+1 {
			t.Errorf("report %d, want %d", got, want+1)
		}
		within(t, "a subscription", func() bool { return srv.Subscribers(sdk.Group, "agent.order") == 1 })
		if err := n.Report(ctx, bigReport(want+2)); err != nil {
			t.Fatal(err)
		}
	}
	cancel()
	if err := <-done; err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("watch ended with %v", err)
	}
}

func TestCoreLinksNoNacos(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", "github.com/bluegreen-go/bluegreen/sdk").Output()
	if err != nil {
		t.Skipf("no go command: %v", err)
	}
	for dep := range strings.Lines(string(out)) {
		if strings.Contains(dep, "nacos") {
			t.Errorf("package sdk links %s", strings.TrimSpace(dep))
		}
	}
}
