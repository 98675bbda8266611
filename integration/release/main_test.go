package release_test

import (
	"os"
	"testing"

	"github.com/bluegreen-go/bluegreen/integration/javacaller"
	"github.com/bluegreen-go/bluegreen/integration/loopback"
	"github.com/bluegreen-go/bluegreen/integration/nacos"
	"github.com/bluegreen-go/bluegreen/internal/dubbotest"
)

func TestMain(m *testing.M) {
	dubbotest.Main()
	os.Exit(loopback.Main(m, nacos.Prepare, javacaller.Prepare))
}
