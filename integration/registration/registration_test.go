// Package registration_test proves on a real Nacos that dubbo-go's registrations
// follow the rules.
package registration_test

import (
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/nacos-group/nacos-sdk-go/v2/common/constant"
	"github.com/nacos-group/nacos-sdk-go/v2/model"

	"github.com/bluegreen-go/bluegreen/integration/internal/proxy"
	"github.com/bluegreen-go/bluegreen/integration/loopback"
	"github.com/bluegreen-go/bluegreen/integration/nacos"
	"github.com/bluegreen-go/bluegreen/internal/dubbotest"
	"github.com/bluegreen-go/bluegreen/internal/regsuite"
)

func TestMain(m *testing.M) {
	dubbotest.Main()
	os.Exit(loopback.Main(m, nacos.Prepare))
}

// outage is how long the connections are cut.
const outage = 5 * time.Second

func TestRegistrationOnRealNacos(t *testing.T) {
	server := nacos.Shared(t)
	through, port, err := proxy.StartPair(server.Host(), server.Port())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(through.Close)
	restarts := 100
	if testing.Short() {
		restarts = 4
	}
	regsuite.Run(t, regsuite.Target{
		Addr:     "127.0.0.1:" + strconv.Itoa(port),
		Server:   constant.ServerConfig{IpAddr: "127.0.0.1", Port: uint64(port)},
		Restarts: restarts,
		Listed:   func(t *testing.T, service string) []model.Instance { return listed(t, server, service) },
		Cut: func(*testing.T) {
			through.Cut()
			<-time.After(outage)
			through.Resume()
		},
	})
}

func listed(t *testing.T, server *nacos.Server, service string) []model.Instance {
	t.Helper()
	list, err := server.AdminList(t.Context(), "DEFAULT_GROUP", service)
	if err != nil {
		t.Fatal(err)
	}
	var out []model.Instance
	for _, i := range list {
		out = append(out, model.Instance{Ip: i.IP, Port: uint64(i.Port), Weight: i.Weight, Enable: i.Enabled, Metadata: i.Metadata})
	}
	return out
}
