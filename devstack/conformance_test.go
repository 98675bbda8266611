package devstack_test

import (
	"context"
	"testing"
	"time"

	"github.com/nacos-group/nacos-sdk-go/v2/common/constant"
	"github.com/nacos-group/nacos-sdk-go/v2/model"

	"github.com/bluegreen-go/bluegreen/devstack"
	"github.com/bluegreen-go/bluegreen/devstack/conformance"
)

// direct reads the instances from the server itself, so that it works while connections are refused.
type direct struct {
	conformance.Admin
	srv *devstack.Server
}

func (d direct) Instances(_ context.Context, s conformance.Service) ([]model.Instance, error) {
	return d.srv.Namespace(s.Namespace).Instances(s.Group, s.Name), nil
}

func TestConformance(t *testing.T) {
	srv := devstack.RunT(t, devstack.WithPushDelay(devstack.DefaultPushDelay))
	conformance.Run(t, conformance.Target{
		Servers: []constant.ServerConfig{srv.ServerConfig()},
		Admin:   direct{conformance.HTTPAdmin(srv.Addr()), srv},
		Cut: func(_ testing.TB, during func()) {
			srv.Refuse(true)
			defer srv.Refuse(false)
			during()
		},
		Restart: func(t testing.TB) {
			if err := srv.Restart(time.Second); err != nil {
				t.Errorf("restart: %v", err)
			}
		},
		SkipEjection: testing.Short(),
	})
}
