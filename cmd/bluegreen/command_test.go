package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bluegreen-go/bluegreen/control/store"
	"github.com/bluegreen-go/bluegreen/sdk"
)

// desk is an operator's desk over an estate in memory, on a fake clock.
type desk struct {
	t       *testing.T
	memory  *store.Memory
	clients map[string]*sdk.Client
	colors  map[string][]sdk.Color // live colours by service; nil: both
}

func atDesk(t *testing.T, f func(t *testing.T, d *desk)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		d := &desk{t: t, memory: store.NewMemory(), clients: map[string]*sdk.Client{}}
		for i, who := range []sdk.Identity{
			{Service: "order", Color: sdk.Blue}, {Service: "order", Color: sdk.Green},
			{Service: "payment", Color: sdk.Blue}, {Service: "payment", Color: sdk.Green}, {Service: "gateway"},
		} {
			who.Host, who.PID, who.Boot, who.Version = "host", 100+i, fmt.Sprintf("boot%d", i), "v1"
			c, err := sdk.NewClient(who, d.memory, sdk.WithLogger(slog.New(slog.DiscardHandler)),
				sdk.WithLastGoodFile(""), sdk.WithReporter(d.memory.Reporter()))
			if err != nil {
				t.Fatal(err)
			}
			d.clients[who.Boot] = c
		}
		defer func() {
			for _, c := range d.clients {
				if err := c.Shutdown(context.Background()); err != nil {
					t.Error(err)
				}
			}
		}()
		f(t, d)
	})
}

func (d *desk) connect(context.Context, Target) (*Connection, error) {
	return &Connection{Backend: d.memory, Instances: d.instances}, nil
}

func (d *desk) instances(_ context.Context, service string) ([]Instance, error) {
	colors, ok := d.colors[service]
	if !ok {
		colors = sdk.Colors[:]
	}
	var list []Instance
	for i, c := range colors {
		list = append(list, Instance{Address: fmt.Sprintf("10.0.0.%d:20000", i+1), Color: c, Weight: 100, Record: service, Announced: true})
	}
	return list, nil
}

// run runs a command line.
func (d *desk) run(line string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	code = Run(d.t.Context(), Streams{Out: &out, Err: &errs, Connect: d.connect}, append(strings.Fields(line), "--by", "ann@desk"))
	return code, out.String(), errs.String()
}

// must runs a command line that works and returns its output.
func (d *desk) must(line string) string {
	d.t.Helper()
	code, stdout, stderr := d.run(line)
	if code != exitOK {
		d.t.Fatalf("bluegreen %s: exit %d\n%s%s", line, code, stdout, stderr)
	}
	return stdout
}

// fails runs a command line that must end with the code and say the words.
func (d *desk) fails(line string, want int, words ...string) {
	d.t.Helper()
	code, stdout, stderr := d.run(line)
	if code != want {
		d.t.Errorf("bluegreen %s: exit %d, want %d\n%s%s", line, code, want, stdout, stderr)
	}
	for _, w := range words {
		if !strings.Contains(stdout+stderr, w) {
			d.t.Errorf("bluegreen %s: want %q in\n%s%s", line, w, stdout, stderr)
		}
	}
}

// The release of the documentation, command by command.
func TestRelease(t *testing.T) {
	atDesk(t, func(t *testing.T, d *desk) {
		<-time.After(time.Minute)
		for _, line := range []string{
			"channel create checkout --services order,payment", "lint", "get checkout",
			"settings --jitter-max 1s",
			"activate checkout --release 2026-11-21-a --stable green",
			"close checkout blue", "wait checkout blue --drained",
			"open checkout blue", "share checkout blue=1 green=99", "share checkout 1:0", "promote checkout blue",
			"close checkout green --note ticket-7", "wait checkout green --drained",
			"open checkout green", "share checkout blue=1 green=1", "promote checkout green",
			"wait checkout", "finish checkout", "lint",
		} {
			d.must(line)
		}
		list := d.must("channel list")
		if !regexp.MustCompile(`(?m)^checkout +\d+ +idle +- +- +2026-11-21-a +order, payment$`).MatchString(list) {
			t.Errorf("got list\n%s", list)
		}
		history := d.must("history checkout")
		for _, want := range []string{"ann@desk", "activate", "99% full", "close green: groups and jobs handed over: ticket-7", "finish: idle"} {
			if !strings.Contains(history, want) {
				t.Errorf("want %q in history\n%s", want, history)
			}
		}
		if got := d.must("history checkout --revision 1"); !strings.Contains(got, "revision: 1\n") {
			t.Errorf("got document %s", got)
		}
		if got := d.must("settings"); got != "jitter-max  1s\n" {
			t.Errorf("got settings %q", got)
		}
		d.must("channel delete checkout")
		if got := d.must("channel list -o json"); strings.TrimSpace(got) != "[]" {
			t.Errorf("got %s after the delete", got)
		}
	})
}

func TestGolden(t *testing.T) {
	atDesk(t, func(t *testing.T, d *desk) {
		d.must("settings --jitter-max 0s")
		<-time.After(time.Minute)
		d.must("channel create checkout --services order,payment")
		d.must("activate checkout --release r1 --stable green")
		golden(t, "get-active", d.must("get checkout"))
		golden(t, "close", d.must("close checkout blue"))
		golden(t, "explain", d.must("explain checkout --from gateway --text #7~checkout:b:2"))
		d.clients["boot2"].Activity().Counter("checkout").Begin(sdk.Blue)
		<-time.After(time.Minute)
		golden(t, "get-revoked", d.must("get checkout"))
		d.fails("wait checkout blue --drained --timeout 20s", exitHeld, "payment/blue host:102 [boot2] busy")
		d.fails("lint", exitLint, "blue is out, but has started work")
		d.clients["boot2"].Activity().Counter("checkout").End(sdk.Blue)
	})
}

var (
	reportNumber = regexp.MustCompile(`#\d+\b`)
	clock        = regexp.MustCompile(`\d\d:\d\d:\d\d`)
)

// golden compares with a file; UPDATE_GOLDEN=1 writes it.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name+".golden")
	got = reportNumber.ReplaceAllString(got, "#N") // depends on random delays
	got = clock.ReplaceAllString(got, "hh:mm:ss")  // as do these
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s: got\n%s\nwant\n%s", path, got, want)
	}
}

func TestExitCodes(t *testing.T) {
	atDesk(t, func(t *testing.T, d *desk) {
		<-time.After(time.Minute)
		d.must("channel create checkout --services order,payment")
		d.must("channel create billing --services payment")
		d.fails("nonsense", exitUsage, `"nonsense"`)
		d.fails("channel nonsense", exitUsage, `"nonsense"`)
		d.fails("get checkout -o xml", exitUsage, "xml")
		d.fails("open checkout", exitUsage, "COLOUR is missing")
		d.fails("open checkout red", exitUsage, `"red"`)
		d.fails("share checkout blue=1", exitUsage, "both shares")
		d.fails("share checkout blue=1 blue=2", exitUsage, "each colour once")
		d.fails("get checkout --nonsense", exitUsage, "nonsense")
		d.fails("wait checkout blue", exitUsage, "--drained")
		d.fails("activate checkout --replicas order", exitUsage, "--replicas")
		d.fails("explain checkout --text nonsense", exitUsage, "--text")
		d.fails("get nowhere", exitError, "channel nowhere: no such channel")
		d.fails("channel create checkout --services a", exitError, "exists")
		d.fails("open checkout blue", exitRefused, "activate it first")
		d.must("activate checkout")
		d.fails("activate billing", exitRefused, "payment is claimed by channel checkout", "S3")
		d.fails("wait checkout blue --drained", exitDrained, "blue is full")
		d.fails("channel delete checkout", exitRefused, "finish it first")
		d.memory.RemoveAgent("boot0")
		d.fails("close checkout blue --timeout 5s", exitHeld, "order/blue short 0 of 1")
		d.memory.SetError(fmt.Errorf("no route"))
		d.fails("get checkout", exitError, "no route")
		d.fails("lint", exitError, "no route")
	})
}

func TestJSON(t *testing.T) {
	atDesk(t, func(t *testing.T, d *desk) {
		<-time.After(time.Minute)
		d.must("channel create checkout --services order,payment")
		d.must("activate checkout")
		parse := func(line string, into any) {
			t.Helper()
			if err := json.Unmarshal([]byte(d.must(line)), into); err != nil {
				t.Fatalf("%s: %v", line, err)
			}
		}
		var cert store.Certificate
		parse("close checkout blue -o json", &cert)
		if !cert.Drained || cert.Color != sdk.Blue || len(cert.Roster) != 5 {
			t.Errorf("got %+v", cert)
		}
		var status store.Status
		parse("get checkout -o json", &status)
		if status.Channel.Name != "checkout" || len(status.Processes) != 4 || status.Others != 1 || len(status.Certificates) != 1 {
			t.Errorf("got %+v", status)
		}
		var found []store.Finding
		parse("lint -o json", &found)
		var why []Explanation
		parse("explain --to order --seed 3 -o json", &why)
		if len(why) != 1 || why[0].Decision.Color != sdk.Green || why[0].Service != "order" || len(why[0].Instances) != 2 {
			t.Errorf("got %+v", why)
		}
		code, stdout, _ := d.run("promote checkout blue -o json")
		var failure struct {
			Error string
			Exit  int
		}
		if err := json.Unmarshal([]byte(stdout), &failure); err != nil || code != exitRefused || failure.Exit != exitRefused || failure.Error == "" {
			t.Errorf("got %d %q, %v", code, stdout, err)
		}
	})
}

// What explain says is what Decide says, with what a live caller has.
func TestExplain(t *testing.T) {
	atDesk(t, func(t *testing.T, d *desk) {
		<-time.After(time.Minute)
		d.must("channel create checkout --services order,payment")
		d.must("activate checkout")
		tests := []struct {
			line string
			want []string
		}{
			{"--from order/blue --to payment --text #1~checkout:g:2", []string{"order (blue)", "blue (arrived, channel checkout"}},
			{"--from gateway --to payment --text #1~checkout:g:2", []string{"host:104 [boot4]", "green (carried, channel checkout, revision 2)"}},
			{"--to stock", []string{"a new request from outside", "in no active channel", "any instance"}},
			{"--to order", []string{"root of a request with seed 0", "(carried, channel checkout"}},
		}
		for _, tt := range tests {
			got := d.must("explain " + tt.line)
			for _, want := range tt.want {
				if !strings.Contains(got, want) {
					t.Errorf("explain %s: want %q in\n%s", tt.line, want, got)
				}
			}
		}
		d.colors = map[string][]sdk.Color{"payment": {sdk.Green}}
		if got := d.must("explain --from gateway --to payment --text #1~checkout:b:2"); !strings.Contains(got, "green: CROSSING, blue was decided (corrected") {
			t.Errorf("got %s", got)
		}
		d.fails("explain --from nobody --to payment", exitError, `no process of "nobody"`)
		d.fails("explain", exitUsage, "name a channel")
		// A caller that lags is explained with the rules that it has.
		r := d.clients["boot4"].State()
		d.must("share checkout 1:3")
		d.memory.PutAgent(r)
		if got := d.must("explain --from gateway --to payment"); !strings.Contains(got, "has revision 2, published is 3") || !strings.Contains(got, "blue 50% full") {
			t.Errorf("got %s", got)
		}
	})
}

func TestWatch(t *testing.T) {
	atDesk(t, func(t *testing.T, d *desk) {
		<-time.After(time.Minute)
		d.must("channel create checkout --services order,payment")
		ctx, cancel := context.WithCancel(t.Context())
		var out bytes.Buffer
		done := make(chan int)
		go func() {
			done <- Run(ctx, Streams{Out: &out, Err: &out, Connect: d.connect}, []string{"get", "checkout", "--watch"})
		}()
		<-time.After(5 * time.Second)
		d.must("activate checkout")
		<-time.After(5 * time.Second)
		cancel()
		if code := <-done; code != exitOK {
			t.Errorf("exit %d", code)
		}
		if got := out.String(); !strings.Contains(got, "idle, revision 1") || !strings.Contains(got, "active, revision 2") || strings.Count(got, "\n--- ") < 1 {
			t.Errorf("got %s", got)
		}
	})
}

// A watched certificate ends with the alarm.
func TestWaitDrainedWatch(t *testing.T) {
	atDesk(t, func(t *testing.T, d *desk) {
		<-time.After(time.Minute)
		d.must("channel create checkout --services order,payment")
		d.must("activate checkout")
		d.must("close checkout blue")
		go func() {
			<-time.After(time.Minute)
			c := d.clients["boot0"].Activity().Counter("checkout")
			c.Begin(sdk.Blue)
			c.End(sdk.Blue)
		}()
		d.fails("wait checkout blue --drained --watch", exitDrained, "drained: safe to restart", "ALARM", "order/blue host:100 [boot0] started 1 blue requests")
	})
}

func TestLintFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "checkout.yaml")
	if err := os.WriteFile(path, []byte("apiVersion: bluegreen/v1\nchannel: checkout\nrevision: 1\nstat: idle\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if code := Run(t.Context(), Streams{Out: &out, Err: &out}, []string{"lint", "-f", path}); code != exitLint || !strings.Contains(out.String(), "stat") {
		t.Errorf("exit %d: %s", code, out.String())
	}
}

func TestVersion(t *testing.T) {
	var out bytes.Buffer
	if code := Run(t.Context(), Streams{Out: &out, Err: &out}, []string{"version"}); code != exitOK || !strings.HasPrefix(out.String(), "bluegreen ") {
		t.Errorf("exit %d: %s", code, out.String())
	}
}
