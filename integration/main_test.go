package integration_test

import (
	"os"
	"testing"

	"github.com/bluegreen-go/bluegreen/integration/loopback"
	"github.com/bluegreen-go/bluegreen/integration/nacos"
)

func TestMain(m *testing.M) { os.Exit(loopback.Main(m, nacos.Prepare)) }
