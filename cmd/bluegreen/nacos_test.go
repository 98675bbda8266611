package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nacos-group/nacos-sdk-go/v2/model"

	"github.com/bluegreen-go/bluegreen/control/store"
	"github.com/bluegreen-go/bluegreen/devstack"
	"github.com/bluegreen-go/bluegreen/sdk"
	"github.com/bluegreen-go/bluegreen/sdk/nacos"
)

var silent = slog.New(slog.DiscardHandler)

// process starts one that follows and reports over Nacos.
func process(t *testing.T, addr, service string, color sdk.Color) *sdk.Client {
	t.Helper()
	n, err := nacos.Open(nacos.Config{Address: addr, Logger: silent, CacheDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	c, err := sdk.NewClient(sdk.Identity{Service: service, Color: color, Host: "host", PID: 1}, n,
		sdk.WithReporter(n.Reporter()), sdk.WithLogger(silent), sdk.WithLastGoodFile(""))
	if err != nil {
		t.Fatal(err)
	}
	c.OnShutdown(sdk.StopClients, "nacos", n.Close)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := c.Shutdown(ctx); err != nil {
			t.Errorf("shutdown %s: %v", service, err)
		}
	})
	return c
}

// The commands against a Nacos server, with processes that report over it.
func TestOverNacos(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds of real time")
	}
	srv := devstack.RunT(t)
	run := func(line string) (int, string, string) {
		var out, errs bytes.Buffer
		began := time.Now()
		defer func() { t.Logf("%s  %s\n%s", time.Since(began), line, errs.String()) }()
		code := Run(t.Context(), Streams{Out: &out, Err: &errs}, append(strings.Fields(line), "--nacos", srv.Addr()))
		return code, out.String(), errs.String()
	}
	must := func(line string) string {
		t.Helper()
		code, out, errs := run(line)
		if code != exitOK {
			t.Fatalf("bluegreen %s: exit %d\n%s%s", line, code, out, errs)
		}
		return out
	}
	must("settings --jitter-max 0s")
	for _, c := range sdk.Colors {
		process(t, srv.Addr(), "order", c)
	}
	process(t, srv.Addr(), "gateway", sdk.Neutral)
	register(t, srv.Addr(), "order", map[string]string{"bg.service": "order", "bg.color": "green"})
	must("channel create checkout --services order")
	const fast = " --settle 100ms --quiet 300ms --poll 100ms --timeout 30s"
	must("wait checkout" + fast)
	must("activate checkout" + fast)
	var cert store.Certificate
	if err := json.Unmarshal([]byte(must("close checkout blue -o json"+fast)), &cert); err != nil || !cert.Drained || len(cert.Roster) != 3 {
		t.Errorf("got certificate %+v, %v", cert, err)
	}
	must("wait checkout blue --drained" + fast)
	if got := must("explain --from gateway --to order --text #1~checkout:b:2"); !strings.Contains(got, "green: 10.0.0.9:20000") || !strings.Contains(got, "CROSSING, blue was decided") {
		t.Errorf("got %s", got)
	}
	must("open checkout blue" + fast)
	must("share checkout blue=1 green=1" + fast)
	must("promote checkout blue" + fast)
	must("finish checkout" + fast)
	if got := must("lint"); got != "nothing found\n" {
		t.Errorf("lint: %s", got)
	}
	srv.RemoveConfig(sdk.Group, sdk.ChannelDataID("checkout"))
	if code, out, _ := run("lint"); code != exitLint || !strings.Contains(out, "it is gone") {
		t.Errorf("lint: exit %d: %s", code, out)
	}
	must("repair checkout")
	must("get checkout")
}

// register puts one instance of a service into the registry.
func register(t *testing.T, addr, service string, metadata map[string]string) {
	t.Helper()
	r := &records{target: Target{Address: addr, RegistryGroup: "DEFAULT_GROUP"}}
	proxy, end, err := r.open(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(end)
	_, err = proxy.RegisterInstance(service, "DEFAULT_GROUP", model.Instance{
		Ip: "10.0.0.9", Port: 20000, Enable: true, Healthy: true, Ephemeral: true, Weight: 1, Metadata: metadata,
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestDev(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	r, w := io.Pipe()
	var wg sync.WaitGroup
	code := -1
	wg.Go(func() {
		code = Run(ctx, Streams{Out: w, Err: w}, []string{"dev", "--addr=", "-o", "json"})
		_ = w.Close()
	})
	var got map[string]string
	if err := json.NewDecoder(r).Decode(&got); err != nil || !strings.HasPrefix(got["http"], "127.0.0.1:") {
		t.Errorf("got %v, %v", got, err)
	}
	var out bytes.Buffer
	if c := Run(t.Context(), Streams{Out: &out, Err: &out}, []string{"channel", "list", "--nacos", got["http"]}); c != exitOK {
		t.Errorf("channel list: exit %d: %s", c, out.String())
	}
	cancel()
	_, _ = io.Copy(io.Discard, r)
	wg.Wait()
	if code != exitOK {
		t.Errorf("exit %d", code)
	}
}
