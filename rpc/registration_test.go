package rpc_test

import (
	"testing"
	"time"

	"github.com/nacos-group/nacos-sdk-go/v2/model"

	"github.com/bluegreen-go/bluegreen/devstack"
	"github.com/bluegreen-go/bluegreen/internal/regsuite"
)

func TestRegistration(t *testing.T) {
	dev := devstack.RunT(t)
	regsuite.Run(t, regsuite.Target{
		Addr: dev.Addr(), Server: dev.ServerConfig(), Restarts: 6,
		Listed: func(_ *testing.T, service string) []model.Instance { return dev.Instances("DEFAULT_GROUP", service) },
		Cut: func(t *testing.T) {
			if err := dev.Restart(time.Second); err != nil {
				t.Fatal(err)
			}
		},
	})
}
