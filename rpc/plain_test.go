package rpc_test

import (
	"testing"

	"github.com/bluegreen-go/bluegreen/internal/dubbotest"
)

// A service of the channel calls a provider without the SDK, which is of another
// application: nothing of it counts as the caller's own service.
func TestPlainProviderBehindTheChannel(t *testing.T) {
	for _, mode := range []string{dubbotest.Interface, dubbotest.Application} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, active("checkout", 1, 1, 1, "order"))
			w.mode = mode
			cfg := w.config("legacy", "")
			cfg.Plain = true
			dubbotest.Start(t, cfg)
			blue, green := w.pair("order", "x.legacy")
			gateway := w.gateway(1, "x.order")
			got := gateway.Call("x.order", "x.legacy", 60, 2)
			wantSticky(t, got)
			if c := colors(got); c.Blue < 10 || c.Green < 10 {
				t.Errorf("split %+v of 60, want about half", c)
			}
			w.converged(1, blue, green)
			for _, n := range []*dubbotest.Node{blue, green} {
				if crossings := n.Counts().Crossings; len(crossings) > 0 {
					t.Errorf("crossings at order %s: %+v", n.Cfg.Color, crossings)
				}
			}
		})
	}
}
