package devstack_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/bluegreen-go/bluegreen/devstack/conformance"
)

// sdk is the client library, whose closed clients leave these goroutines behind. None of them is ours.
const sdk = "github.com/nacos-group/nacos-sdk-go/v2/"

func TestMain(m *testing.M) {
	conformance.SilenceClients()
	goleak.VerifyTestMain(m,
		goleak.IgnoreAnyFunction(sdk+"clients/naming_client/naming_http.(*PushReceiver).startServer.func1"),
		goleak.IgnoreAnyFunction(sdk+"clients/config_client.(*ConfigClient).asyncNotifyListenConfig.func1"),
	)
}
