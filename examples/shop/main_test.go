package main

import (
	"testing"

	"go.uber.org/goleak"
)

// TestMain ignores what dubbo-go's packages start when they are imported.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		goleak.IgnoreAnyFunction("github.com/dubbogo/gost/container/chan.(*UnboundedChan).run"),
		goleak.IgnoreAnyFunction("github.com/dubbogo/gost/time.NewTimerWheel.func1"),
	)
}
