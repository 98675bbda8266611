package sim

import (
	"flag"
	"testing"

	"go.uber.org/goleak"
)

var (
	flagRuns = flag.Int("sim.runs", 0, "random runs of each scenario; 0: a few")
	flagSeed = flag.Uint64("sim.seed", 0, "replay this seed and print the journal")
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreCurrent()) // what nacos-sdk-go starts when it is linked
}
