// Command shop plays a whole blue-green release of a small shop: two dozen processes that call each other with dubbo-go,
// under constant load, on one laptop. It shows what happens while it does, and ends with a verdict.
//
//	go run ./examples/shop
//
// The files, in the order of a tour:
//
//	topology.go             the services, who calls whom, the channels
//	handler.go, triple.go   what a service does; nothing in it knows of colours
//	link.go                 what makes it take part: one Install
//	service.go, gateway.go, plain.go   the processes; dubbo.go: their dubbo-go
//	script.go               the release, as data
//	director.go             plays it with control/store; operator.go opens that
//	child.go, process.go, fleet.go, events.go   the demo starts itself again as children
//	load.go                 constant load at the gateway
//	internal/tally          the referee: crossings, shares, drained processes, verdict
//	backend.go, view.go, board.go   the Nacos it runs on, and what you see
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "shop:", err)
		os.Exit(1)
	}
}

// options are the command line.
type options struct {
	fast    bool
	nacos   string
	id      string
	json    string
	verbose bool
}

func parse(args []string) (options, error) {
	var o options
	fs := flag.NewFlagSet("shop", flag.ContinueOnError)
	fs.BoolVar(&o.fast, "fast", false, "shorter holds, for continuous integration")
	fs.StringVar(&o.nacos, "nacos", "", "host:port of a real Nacos; default: the devstack in this process")
	fs.StringVar(&o.id, "run", fmt.Sprintf("%08x", rand.Uint32()), "end of this run's groups in Nacos, BLUE_GREEN_… and SHOP_…")
	fs.StringVar(&o.json, "json", "", "file that the verdict is written to")
	fs.BoolVar(&o.verbose, "v", false, "show what the processes log, and no live view")
	if err := fs.Parse(args); err != nil {
		return o, err
	}
	if fs.NArg() > 0 {
		return o, fmt.Errorf("unexpected argument %q", fs.Arg(0))
	}
	return o, nil
}

func run(args []string) error {
	if len(args) == 2 && args[0] == "-child" {
		return runChild(args[1])
	}
	o, err := parse(args)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go endWithInput(cancel)
	verdict, err := runDemo(ctx, cancel, o)
	if err != nil {
		return err
	}
	if o.json != "" {
		b, err := json.MarshalIndent(verdict, "", "  ")
		if err != nil {
			return err
		}
		if err := os.WriteFile(o.json, append(b, '\n'), 0o600); err != nil {
			return err
		}
	}
	if !verdict.OK {
		return errors.New("the release did not keep its promises")
	}
	return nil
}

// endWithInput ends the demo when a pipe at its standard input is closed, so that it never outlives who started it. One
// that is closed from the beginning, as some build servers have it, means nothing.
func endWithInput(cancel context.CancelCauseFunc) {
	info, err := os.Stdin.Stat()
	if err != nil || info.Mode()&os.ModeNamedPipe == 0 {
		return
	}
	began := time.Now()
	_, _ = io.Copy(io.Discard, os.Stdin)
	if time.Since(began) > time.Second {
		cancel(errors.New("standard input was closed"))
	}
}
