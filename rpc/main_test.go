package rpc_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/bluegreen-go/bluegreen/internal/dubbotest"
)

func TestMain(m *testing.M) {
	dubbotest.Main()
	goleak.VerifyTestMain(m, goleak.IgnoreCurrent()) // what packages of dubbo-go start when they are linked
}
