package converge_test

import (
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/bluegreen-go/bluegreen/devstack"
	"github.com/bluegreen-go/bluegreen/internal/converge"
	"github.com/bluegreen-go/bluegreen/internal/dubbotest"
)

func TestMain(m *testing.M) {
	dubbotest.Main()
	goleak.VerifyTestMain(m, goleak.IgnoreCurrent()) // what dubbo-go and nacos-sdk-go start when they are linked
}

// limit is for the best flip: a busy machine only delays.
const limit = time.Second

func TestEveryProcessFollows(t *testing.T) {
	target := converge.Target{Readers: 50, Callers: 6, Flips: 5}
	if testing.Short() {
		target.Readers, target.Callers, target.Flips = 5, 1, 1
	}
	target.Addr = devstack.RunT(t).Addr()
	got := converge.Run(t, target)
	t.Logf("\n%s", got)
	if m := got.Best(); m >= limit {
		t.Errorf("the last process followed after %v, want less than %v", m, limit)
	}
}
