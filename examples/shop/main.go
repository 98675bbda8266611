// Command shop plays a whole blue-green release of a small shop: some twenty processes that call each other with
// dubbo-go, under constant load, on one laptop. It shows what happens while it does, and ends with a verdict.
//
//	go run ./examples/shop
//
// See README.md in this folder for a tour of the code.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/bluegreen-go/bluegreen/examples/shop/internal/tally"
	"github.com/bluegreen-go/bluegreen/sdk"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "shop:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) == 2 && args[0] == "-child" {
		return runChild(args[1])
	}
	dir, _ := os.MkdirTemp("", "shop")
	defer os.RemoveAll(dir)
	b, err := openBackend("", "t1", dir)
	if err != nil {
		return err
	}
	defer b.close(context.Background())
	exe, _ := os.Executable()
	ctx, cancel := context.WithCancelCause(context.Background())
	collect := tally.NewCollector(channelsOf(), price)
	f := newFleet(exe, childSpec{Nacos: b.addr, RulesGroup: b.rulesGroup, RegistryGroup: b.registryGroup, Dir: dir, Rate: 20, Verbose: os.Getenv("V") != ""}, func(p *process, e event) {
		if len(e.Received) > 0 {
			ts := make([]time.Time, len(e.Received))
			collect.Received(p.spec.Service, p.color, ts)
		}
		if e.Plain != nil {
			r := collect.Begin(true)
			var err error
			if e.Plain.Err != "" {
				err = fmt.Errorf("%s", e.Plain.Err)
			}
			collect.End(r, e.Plain.Tree, err)
		}
	}, cancel)
	defer func() { fmt.Println("stop", f.stopAll()) }()
	t0 := time.Now()
	if err := f.startServices(ctx, func(service, sdk.Color) bool { return true }, stable); err != nil {
		return err
	}
	fmt.Println("ready", time.Since(t0))
	gw, err := f.start(roleGateway, "gateway", sdk.Neutral, stable)
	if err != nil {
		return err
	}
	if _, err := f.start(rolePlain, "plain", sdk.Neutral, stable); err != nil {
		return err
	}
	if err := waitReady(ctx, gw); err != nil {
		return err
	}
	l := newLoad(gw.spec.Port, 400, 10, collect)
	wctx, c := context.WithTimeout(ctx, 20*time.Second)
	defer c()
	if err := l.warmUp(wctx); err != nil {
		return err
	}
	fmt.Println("warm", time.Since(t0))
	lctx, c2 := context.WithTimeout(ctx, 10*time.Second)
	defer c2()
	l.run(lctx)
	j, _ := json.MarshalIndent(collect.Verdict(tally.Expect{}, nil, 0, context.Cause(ctx)), "", " ")
	fmt.Println(string(j))
	ws, _ := b.writes()
	fmt.Println(len(ws))
	return nil
}
