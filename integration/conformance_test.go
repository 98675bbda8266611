package integration_test

import (
	"context"
	"testing"
	"time"

	"github.com/nacos-group/nacos-sdk-go/v2/common/constant"

	"github.com/bluegreen-go/bluegreen/devstack/conformance"
	"github.com/bluegreen-go/bluegreen/integration/internal/proxy"
	"github.com/bluegreen-go/bluegreen/integration/nacos"
)

// TestConformance holds the real server to the same suite as the devstack's. What
// differs between the two fails in one of them.
func TestConformance(t *testing.T) {
	s := nacos.RunT(t)
	p, port, err := proxy.StartPair(s.Host(), s.Port())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	conformance.Run(t, conformance.Target{
		Servers: []constant.ServerConfig{*constant.NewServerConfig("127.0.0.1", uint64(port))},
		Admin:   conformance.HTTPAdmin(s.Addr()),
		Cut: func(_ testing.TB, during func()) {
			p.Cut()
			defer p.Resume()
			during()
		},
		Restart: func(t testing.TB) {
			ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
			defer cancel()
			if err := s.Restart(ctx); err != nil {
				t.Fatal(err)
			}
		},
	})
}
