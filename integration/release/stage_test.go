package release_test

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bluegreen-go/bluegreen/control/store"
	"github.com/bluegreen-go/bluegreen/integration/javacaller"
	"github.com/bluegreen-go/bluegreen/integration/nacos"
	"github.com/bluegreen-go/bluegreen/internal/dubbotest"
	"github.com/bluegreen-go/bluegreen/sdk"
	rules "github.com/bluegreen-go/bluegreen/sdk/nacos"
)

const (
	channel    = "checkout"
	service    = "order"
	iface      = "bluegreen.release.Order"
	registered = "providers:" + iface + "::"
	group      = "DEFAULT_GROUP"
	rulesGroup = "BG_RELEASE"
	perColor   = 2
	// jitter bounds the delay of registry writes.
	jitter = 300 * time.Millisecond
	// follow is how long after that a caller without the SDK may take to follow.
	follow = 3 * time.Second
)

// stage is two processes per colour, the operator, and those who look on.
type stage struct {
	t           *testing.T // processes live until it ends, subtests are too short
	server      *nacos.Server
	store       *store.Store
	java        *javacaller.Caller
	plain       *watcher
	blue, green [perColor]*dubbotest.Node
	certified   time.Time
	reopened    time.Time

	mu        sync.Mutex
	zero, out time.Time // when blue's share was published as 0, and blue as out
}

// newStage starts everything and the channel's release.
func newStage(t *testing.T) *stage {
	t.Helper()
	s := &stage{t: t, server: nacos.Shared(t)}
	s.openStore(t)
	for i := range perColor {
		s.blue[i] = s.start(sdk.Blue, 0, "v1")
		s.green[i] = s.start(sdk.Green, 0, "v1")
	}
	s.java = javacaller.Start(t, javacaller.Config{
		Registry: s.server.Addr(), Interface: iface, Methods: []string{dubbotest.Method},
		Request: ";", // a plan without calls
	})
	if err := s.java.Watch(registered, group); err != nil {
		t.Fatal(err)
	}
	s.plain = watchPlainly(t, s.server)
	if _, err := s.store.Activate(t.Context(), channel, sdk.Release{ID: "r1", Stable: sdk.Green}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the Java caller reaches all processes", func() bool {
		tally, err := s.java.Call(20, 0)
		return err == nil && tally.Failed() == 0 && len(tally.Replies) == 2*perColor
	})
	return s
}

// openStore makes the operator and the channel.
func (s *stage) openStore(t *testing.T) {
	t.Helper()
	n, err := rules.Open(rules.Config{Address: s.server.Addr(), Group: rulesGroup, CacheDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = n.Close(ctx)
	})
	s.store = store.New(n, store.WithAuthor("release test"), store.WithReplicas(map[string]int{service: perColor}),
		store.WithPoll(250*time.Millisecond), store.WithSettle(time.Second), store.WithQuiet(2*time.Second),
		store.WithTimeout(time.Minute), store.WithObserver(s.on(t)))
	if _, err := s.store.Create(t.Context(), channel, []string{service}); err != nil {
		t.Fatal(err)
	}
	if err := s.store.SetJitter(t.Context(), jitter); err != nil {
		t.Fatal(err)
	}
}

// on remembers when blue's share was published as 0, and when blue was as out.
func (s *stage) on(t *testing.T) func(store.Event) {
	began := time.Now()
	return func(e store.Event) {
		t.Logf("%6.2f s  %s", time.Since(began).Seconds(), e)
		p, published := e.(store.Published)
		if !published {
			return
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		mark(&s.zero, p.Share.Blue == 0)
		mark(&s.out, p.Stage.Blue == sdk.Out)
	}
}

// mark keeps the time since which something holds.
func mark(since *time.Time, holds bool) {
	switch {
	case !holds:
		*since = time.Time{}
	case since.IsZero():
		*since = time.Now()
	}
}

func (s *stage) since() (zero, out time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.zero, s.out
}

func (s *stage) start(color sdk.Color, port int, version string) *dubbotest.Node {
	s.t.Helper()
	return dubbotest.Start(s.t, dubbotest.Config{
		App: service, Color: color.String(), Version: version, Registry: s.server.Addr(), RulesGroup: rulesGroup,
		Mode: dubbotest.Interface, Port: port, Provide: []string{iface}, Quick: true,
	})
}

// share publishes a share and waits as long as a caller without the SDK may take.
func (s *stage) share(t *testing.T, share sdk.PerColor[int]) {
	t.Helper()
	if _, err := s.store.Share(t.Context(), channel, share); err != nil {
		t.Fatal(err)
	}
	<-time.After(follow)
}

// call makes n Java calls and returns how many blue served.
func (s *stage) call(t *testing.T, n int) (blue int) {
	t.Helper()
	tally, err := s.java.Call(n, 0)
	if err != nil {
		t.Fatal(err)
	}
	if tally.Failed() != 0 {
		t.Errorf("calls: %v, want no failure", tally)
	}
	for text, c := range tally.Replies {
		if color, _ := origin(text); color == "blue" {
			blue += c.N
		}
	}
	return blue
}

// origin takes a reply apart: service/colour/port/version.
func origin(reply string) (color, version string) {
	parts := strings.Split(reply, "/")
	if len(parts) != 4 {
		return "", ""
	}
	return parts[1], parts[3]
}

func (s *stage) stats(t *testing.T) javacaller.Tally {
	t.Helper()
	stats, err := s.java.LoadStats()
	if err != nil {
		t.Fatal(err)
	}
	return stats
}

// lastCall is when the load's last call was served by a version of blue.
func (s *stage) lastCall(t *testing.T, version string) (last time.Time) {
	t.Helper()
	for text, c := range s.stats(t).Replies {
		if color, v := origin(text); color == "blue" && v == version && c.Last.After(last) {
			last = c.Last
		}
	}
	if last.IsZero() {
		t.Fatalf("no Java call on blue %s at all", version)
	}
	return last
}

// listedDisabled waits until Nacos has the records of both blue processes, which
// are disabled.
func (s *stage) listedDisabled(t *testing.T) {
	t.Helper()
	eventually(t, "Nacos lists both blue processes", func() bool {
		list, err := s.server.AdminList(t.Context(), group, registered)
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, i := range list {
			if i.Port != s.blue[0].Cfg.Port && i.Port != s.blue[1].Cfg.Port {
				continue
			}
			if i.Enabled {
				t.Errorf("port %d is enabled, want a drained process to be born disabled", i.Port)
			}
			n++
		}
		return n == perColor
	})
}

// shown names the lists that showed anything but green in a span of time: the one
// in force at its begin, and those that came.
func (s *stage) shown(from, to time.Time) (found []string) {
	green := map[int]bool{}
	for _, n := range s.green {
		green[n.Cfg.Port] = true
	}
	for _, w := range s.watchers() {
		for i, l := range w.lists {
			replaced := i+1 < len(w.lists) && !w.lists[i+1].at.After(from)
			if replaced || l.at.After(to) {
				continue
			}
			for _, port := range l.ports {
				if !green[port] {
					found = append(found, w.name+" "+strconv.Itoa(port)+fmt.Sprintf(" %.2f s after the certificate", l.at.Sub(from).Seconds()))
				}
			}
		}
	}
	return found
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	const limit = time.Minute
	deadline := time.Now().Add(limit)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", limit, what)
		}
		<-time.After(50 * time.Millisecond)
	}
}
