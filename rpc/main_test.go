package rpc_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/bluegreen-go/bluegreen/internal/dubbotest"
)

func TestMain(m *testing.M) {
	dubbotest.Main()
	goleak.VerifyTestMain(m,
		goleak.IgnoreCurrent(), // what packages of dubbo-go start when they are linked
		// nacos-sdk-go never closes the socket of its old UDP pushes.
		goleak.IgnoreAnyFunction("github.com/nacos-group/nacos-sdk-go/v2/clients/naming_client/naming_http.(*PushReceiver).handleClient"),
	)
}
