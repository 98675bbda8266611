// Command reader is a process that links the SDK and its Nacos source only. It
// follows the rules, prints the revision of a channel whenever it has changed,
// one a line, and ends with its standard input.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/bluegreen-go/bluegreen/sdk"
	"github.com/bluegreen-go/bluegreen/sdk/nacos"
)

func main() {
	address := flag.String("address", "", "host:port of Nacos")
	group := flag.String("group", "", "group of the rules")
	channel := flag.String("channel", "", "channel to follow")
	service := flag.String("service", "", "name of this service")
	dir := flag.String("dir", "", "directory for files")
	flag.Parse()
	cfg := nacos.Config{Address: *address, Group: *group, CacheDir: *dir, Logger: slog.New(slog.NewTextHandler(os.Stderr, nil))}
	if err := run(*service, *channel, *dir, cfg); err != nil {
		fmt.Fprintln(os.Stderr, "reader:", err)
		os.Exit(1)
	}
}

func run(service, channel, dir string, cfg nacos.Config) error {
	client, err := nacos.Start(service, cfg, sdk.WithLogger(cfg.Logger), sdk.WithLastGoodFile(filepath.Join(dir, "last-good.yaml")))
	if err != nil {
		return err
	}
	last := int64(0)
	client.Subscribe(func(r *sdk.Rules) {
		if ch := r.Channel(channel); ch != nil && ch.Revision != last {
			last = ch.Revision
			fmt.Fprintln(os.Stdout, last)
		}
	})
	_, _ = io.Copy(io.Discard, os.Stdin)
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return client.Shutdown(ctx)
}
