// Command realstack starts a real Nacos server on this machine's loopback, prints
// its address and keeps it until it is interrupted; then it stops the server and
// removes its data.
//
//	go run ./cmd/realstack [-port 8848] [-v]
//
// It needs a JDK of at least version 17 and Maven; with Docker, compose.yaml in
// the integration folder does the same. It is for development: no access control.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/bluegreen-go/bluegreen/integration/nacos"
)

func main() {
	port := flag.Int("port", 0, "HTTP `port`; gRPC is 1000 above it (0: 8848, or another when that is taken)")
	heap := flag.Int("heap", 512, "Java heap in `megabytes`")
	verbose := flag.Bool("v", false, "print the server's output")
	flag.Parse()
	if err := run(*port, *heap, *verbose); err != nil {
		fmt.Fprintln(os.Stderr, "realstack:", err)
		os.Exit(1)
	}
}

func run(port, heap int, verbose bool) error {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	opts := nacos.Options{Port: port, HeapMB: heap}
	if verbose {
		opts.Output = os.Stderr
	}
	fmt.Fprintf(os.Stderr, "starting Nacos %s (the first start on a machine downloads about 150 MB) …\n", nacos.Version)
	s, err := nacos.Start(ctx, opts)
	if err != nil {
		return err
	}
	defer s.Stop()
	fmt.Fprintf(os.Stderr, "port %d (cluster protocol) listens on ALL interfaces: Nacos offers no other way; HTTP and gRPC are on loopback only\n", s.Port()-1000)
	fmt.Fprintf(os.Stderr, "data and logs: %s (removed at the end); stop with Ctrl-C\n", s.Home())
	fmt.Println(s.Addr())
	select {
	case <-ctx.Done():
		fmt.Fprintln(os.Stderr, "stopping …")
		return nil
	case <-s.Done():
		return fmt.Errorf("the server ended by itself\n%s", s.Logs(40))
	}
}
