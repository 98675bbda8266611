package loopback_test

import (
	"context"
	"net"
	"os"
	"testing"

	"github.com/bluegreen-go/bluegreen/integration/loopback"
)

func TestMain(m *testing.M) {
	prepared := false
	code := loopback.Main(m, func(context.Context) error { prepared = true; return nil })
	if !loopback.Private() && !prepared {
		code = 1
	}
	os.Exit(code)
}

func TestOnlyLoopbackIsThereAndWorks(t *testing.T) {
	if !loopback.Private() {
		t.Skip("no network namespaces here")
	}
	interfaces, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range interfaces {
		if i.Flags&net.FlagUp != 0 && i.Flags&net.FlagLoopback == 0 {
			t.Errorf("interface %s is up, want loopback only", i.Name)
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:8848")
	if err != nil {
		t.Fatalf("listen: %v, want the port free in a network of its own", err)
	}
	defer l.Close()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatalf("dial: %v", err)
	}
	c.Close()
}
