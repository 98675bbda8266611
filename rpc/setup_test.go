package rpc_test

import (
	"strings"
	"testing"

	"github.com/bluegreen-go/bluegreen/internal/dubbotest"
	"github.com/bluegreen-go/bluegreen/rpc"
)

// A process that cannot know who it is does not start.
func TestWrongIdentityDoesNotStart(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, c := range []struct {
		name string
		edit func(cfg *dubbotest.Config)
		want []string
	}{
		{"unknown colour", func(cfg *dubbotest.Config) { cfg.Color = "purple" }, []string{"BLUE_GREEN_COLOR", "purple"}},
		{"two names", func(cfg *dubbotest.Config) { cfg.Service = "orders" }, []string{"two different service names", `"orders"`, `"order"`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := w.config("order", "blue")
			c.edit(&cfg)
			n := dubbotest.Spawn(t, cfg)
			if n.ExitCode() == 0 {
				t.Error("exit code 0")
			}
			for _, want := range c.want {
				if !strings.Contains(n.Log(), want) {
					t.Errorf("log %q lacks %q", n.Log(), want)
				}
			}
			if seen := w.dev.Visible("DEFAULT_GROUP", serviceOf(n)); len(seen) > 0 {
				t.Errorf("was registered: %+v", seen)
			}
		})
	}
}

func TestSecondInstall(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.start("order", "blue")
	if got, want := n.InstallAgain(), rpc.ErrInstalled.Error(); got != want {
		t.Errorf("error %q, want %q", got, want)
	}
	if got := n.Verify(); got != "" {
		t.Errorf("Verify: %s", got)
	}
}

// dubbo-go knows the registry by another address than Install: its registrations
// go past the SDK, which says so.
func TestAddressThatDubboDoesNotUse(t *testing.T) {
	t.Parallel()
	w := newWorld(t, active("checkout", 1, 1, 1, "order"))
	cfg := w.config("order", "blue")
	cfg.Installed = strings.Replace(cfg.Registry, "127.0.0.1", "localhost", 1)
	n := dubbotest.Start(t, cfg)
	if got, want := n.Verify(), rpc.ErrNotOwned.Error(); got != want {
		t.Errorf("Verify: %q, want %q", got, want)
	}
	eventually(t, "the log says so", func() bool { return strings.Contains(n.Log(), rpc.ErrNotOwned.Error()) })
	eventually(t, "the report says so", func() bool {
		return strings.Contains(strings.Join(n.State().Channels[0].Blind, " "), "registry: not owned")
	})
}
