package nacos

import (
	"context"
	_ "embed"

	"github.com/bluegreen-go/bluegreen/integration/internal/javabundle"
)

// Version is the Nacos version that Start runs. Its own project publishes no
// server to Maven repositories; this is a repackaging of the same sources, fit
// for tests and nothing else.
const Version = "3.1.0"

//go:embed pom.xml
var pom []byte

//go:embed artifacts.sha256
var sums []byte

//go:embed java/NacosMain.java
var launcher []byte

func bundle() javabundle.Bundle {
	return javabundle.Bundle{
		Name:    "nacos-" + Version,
		POM:     pom,
		Sums:    sums,
		Sources: map[string][]byte{"bluegreen/integration/NacosMain.java": launcher},
	}
}

// Prepare resolves and checks the server's artifacts (about 150 MB, once per
// machine), so that a later Start needs no network. Pass it to loopback.Main.
func Prepare(ctx context.Context) error {
	_, err := bundle().Resolve(ctx)
	return err
}
