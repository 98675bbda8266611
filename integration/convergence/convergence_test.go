// Package convergence_test measures on a real Nacos how soon every process follows
// a rule.
package convergence_test

import (
	"os"
	"testing"
	"time"

	"github.com/bluegreen-go/bluegreen/integration/loopback"
	"github.com/bluegreen-go/bluegreen/integration/nacos"
	"github.com/bluegreen-go/bluegreen/internal/converge"
	"github.com/bluegreen-go/bluegreen/internal/dubbotest"
)

func TestMain(m *testing.M) {
	dubbotest.Main()
	os.Exit(loopback.Main(m, nacos.Prepare))
}

// limit is for the best flip: a busy machine only delays.
const limit = 3 * time.Second

func TestEveryProcessFollowsOnRealNacos(t *testing.T) {
	target := converge.Target{Readers: 50, Callers: 6, Flips: 3}
	if testing.Short() {
		target.Readers, target.Callers = 10, 2
	}
	target.Addr = nacos.Shared(t).Addr()
	got := converge.Run(t, target)
	t.Logf("\n%s", got)
	if m := got.Best(); m >= limit {
		t.Errorf("the last process followed after %v, want less than %v", m, limit)
	}
}
