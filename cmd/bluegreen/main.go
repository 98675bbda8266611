// Command bluegreen moves the channels of blue-green releases: it publishes their
// rules in Nacos one safe step at a time and waits until every process follows.
//
// Run bluegreen --help for the commands, the environment and the exit codes.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := Run(ctx, Streams{Out: os.Stdout, Err: os.Stderr}, os.Args[1:])
	stop()
	os.Exit(code)
}
