package shop_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/bluegreen-go/bluegreen/integration/javacaller"
	"github.com/bluegreen-go/bluegreen/integration/loopback"
	"github.com/bluegreen-go/bluegreen/integration/nacos"
)

// binaryEnv tells the tests, which run in a network of their own, where the
// program is that was built outside of it.
const binaryEnv = "BLUEGREEN_TEST_SHOP"

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	var dir string // in the process that has built
	defer func() { _ = os.RemoveAll(dir) }()
	return loopback.Main(m, nacos.Prepare, javacaller.Prepare, func(ctx context.Context) (err error) {
		if dir, err = os.MkdirTemp("", "bluegreen-shop-"); err != nil {
			return err
		}
		return build(ctx, filepath.Join(dir, "shop"))
	})
}

// build compiles the example, in the module that it belongs to.
func build(ctx context.Context, exe string) error {
	if err := os.Setenv(binaryEnv, exe); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "go", "build", "-o", exe, "./examples/shop")
	cmd.Dir = filepath.Join("..", "..")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build examples/shop: %w\n%s", err, out)
	}
	return nil
}
