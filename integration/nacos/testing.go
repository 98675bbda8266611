package nacos

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/bluegreen-go/bluegreen/integration/internal/javabundle"
	"github.com/bluegreen-go/bluegreen/integration/loopback"
)

// RunT starts a server for one test and stops it at the test's end; its logs are
// printed when the test failed. A machine without Java or Maven skips the test,
// or fails it when BLUEGREEN_REQUIRE_REAL is 1.
func RunT(t testing.TB, opts ...Options) *Server {
	t.Helper()
	var o Options
	if len(opts) > 0 {
		o = opts[0]
	}
	s, err := Start(context.Background(), o)
	if err != nil {
		unavailable(t, err)
	}
	t.Cleanup(s.Stop)
	logOnFailure(t, s)
	return s
}

var shared struct {
	once   sync.Once
	server *Server
	err    error
}

// Shared returns the one server that all tests of this binary share. It starts at
// the first call and is stopped by loopback.Main, so the package's TestMain must
// use that. Tests keep apart by service names and data ids of their own, and leave
// the server running: who wants to kill or restart one takes RunT.
func Shared(t testing.TB) *Server {
	t.Helper()
	shared.once.Do(func() {
		shared.server, shared.err = Start(context.Background(), Options{})
		if shared.err == nil {
			loopback.AtExit(shared.server.Stop)
		}
	})
	if shared.err != nil {
		unavailable(t, shared.err)
	}
	logOnFailure(t, shared.server)
	return shared.server
}

func unavailable(t testing.TB, err error) {
	t.Helper()
	var missing *javabundle.MissingError
	if errors.As(err, &missing) && !javabundle.Required() {
		t.Skipf("REAL NACOS NOT TESTED: %v\n(install what is missing and run `go test` in the integration folder again; %s=1 makes this a failure)", err, javabundle.RequireEnv)
	}
	t.Fatalf("start Nacos: %v", err)
}

func logOnFailure(t testing.TB, s *Server) {
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("last lines of Nacos:\n%s", s.Logs(25))
		}
	})
}
