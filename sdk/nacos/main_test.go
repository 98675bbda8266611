package nacos

// The tests of this package are not run with the race detector: nacos-sdk-go has
// data races of its own, at reconnects and in its service cache.

import (
	"testing"

	"go.uber.org/goleak"
)

// TestMain fails on goroutines that are left over, but for those that closed
// clients of nacos-sdk-go are known to leave.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		goleak.IgnoreAnyFunction("github.com/nacos-group/nacos-sdk-go/v2/clients/config_client.(*ConfigClient).asyncNotifyListenConfig.func1"),
	)
}
