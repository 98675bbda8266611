// Package shop_test runs the demonstration on a real Nacos, with a Java caller.
package shop_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/bluegreen-go/bluegreen/integration/internal/proc"
	"github.com/bluegreen-go/bluegreen/integration/javacaller"
	"github.com/bluegreen-go/bluegreen/integration/nacos"
)

const (
	// runID ends the names of the run's groups in Nacos.
	runID         = "integration"
	rulesGroup    = "BLUE_GREEN_" + runID
	registryGroup = "SHOP_" + runID
	// channel is the one that the release runs in.
	channel = "shop"
	// certificates is how often the release drains a colour: blue twice, green once.
	certificates = 3
	// startLimit and releaseLimit bound the run.
	startLimit   = 2 * time.Minute
	releaseLimit = 5 * time.Minute
	// abortWindow is how long after an abort requests may still cross.
	abortWindow = 3 * time.Second
	// threads and gap are the Java caller's load: about 25 purchases a second.
	threads = 2
	gap     = 80 * time.Millisecond
	// callTimeout is longer than what order takes if one of its own calls times out
	// after 3 s and is tried again: a slow machine is not a failure.
	callTimeout = 10 * time.Second
	// leastCalls is fewer than the load makes in any complete release.
	leastCalls = 500
)

// TestReleaseWithAJavaCaller: the run of examples/shop that everybody can start
// on the built-in Nacos exits 0 on a real one as well, while a Java Dubbo caller
// that has never heard of this module makes purchases all the time, without
// retries: none fails, none reaches a drained process anywhere in the tree of
// calls, and none is served by both colours.
func TestReleaseWithAJavaCaller(t *testing.T) {
	server := nacos.Shared(t)
	java := javacaller.Start(t, javacaller.Config{
		Registry: server.Addr(), Group: registryGroup, Interface: "demo.shop.order", Methods: []string{"Call"},
		Request: "purchase", Timeout: callTimeout,
	})
	log := watchRelease(t, server.Addr())
	verdictFile := filepath.Join(t.TempDir(), "verdict.json")
	shop := start(t, "-fast", "-nacos", server.Addr(), "-run", runID, "-json", verdictFile)

	log.await(t, shop, startLimit, "the Java caller reaches order", func() bool { return reaches(t, java) })
	if err := java.Load(threads, gap); err != nil {
		t.Fatal(err)
	}
	loaded := time.Now()
	log.await(t, shop, releaseLimit, "the release ends", log.finished)
	load, err := java.StopLoad()
	if err != nil {
		t.Fatal(err)
	}
	select {
	case <-shop.Done():
	case <-time.After(time.Minute):
		t.Fatal("the shop does not end after its release")
	}
	t.Logf("%s", shop.Tail(200))
	judgeVerdict(t, shop, verdictFile)
	log.judge(t, loaded, load)
}

// start runs the demonstration.
func start(t *testing.T, args ...string) *proc.Process {
	t.Helper()
	exe := os.Getenv(binaryEnv)
	if _, err := os.Stat(exe); err != nil {
		t.Fatalf("the shop was not built: %v", err)
	}
	p, err := proc.Start(proc.Config{Path: exe, Args: args, Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.Stop(20 * time.Second)
		if t.Failed() {
			t.Logf("last lines of the shop:\n%s", p.Tail(40))
		}
	})
	return p
}

// reaches reports whether a few Java calls in a row are answered.
func reaches(t *testing.T, java *javacaller.Caller) bool {
	t.Helper()
	tally, err := java.Call(1, 0)
	if err == nil && tally.Failed() == 0 {
		tally, err = java.Call(5, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	return tally.Failed() == 0
}

// judgeVerdict looks at what the shop says of itself. Its processes count the
// calls that they received while they were drained, the Java caller's too.
func judgeVerdict(t *testing.T, shop *proc.Process, file string) {
	t.Helper()
	if err := shop.Err(); err != nil {
		t.Errorf("the shop ended with %v, want exit code 0", err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var v struct {
		OK           bool     `json:"ok"`
		Failures     []string `json:"failures"`
		Roots        int      `json:"roots"`
		Failed       int      `json:"failed"`
		OnDrained    *int     `json:"callsOnDrained"`
		Certificates int      `json:"certificates"`
	}
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	if !v.OK || v.Failed != 0 || v.OnDrained == nil || *v.OnDrained != 0 || v.Certificates != certificates || v.Roots == 0 {
		t.Errorf("verdict %s, want ok with %d certificates", text, certificates)
	}
}
