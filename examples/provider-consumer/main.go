// Command provider-consumer is an ordinary dubbo-go provider, or with -call a consumer, that takes part in blue-green
// releases. The lines that make it so are marked; everything else is as it was.
//
//	go run ./cmd/bluegreen dev                                             # a Nacos, on 127.0.0.1:8848
//	BLUE_GREEN_COLOR=blue  go run ./examples/provider-consumer -port 20001
//	BLUE_GREEN_COLOR=green go run ./examples/provider-consumer -port 20002
//	go run ./examples/provider-consumer -call
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"time"

	"dubbo.apache.org/dubbo-go/v3"
	_ "dubbo.apache.org/dubbo-go/v3/imports"
	"dubbo.apache.org/dubbo-go/v3/protocol"
	dubboregistry "dubbo.apache.org/dubbo-go/v3/registry"

	"github.com/bluegreen-go/bluegreen/rpc"
	"github.com/bluegreen-go/bluegreen/sdk/nacos"
	"github.com/bluegreen-go/bluegreen/tracing"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() (err error) {
	addr := flag.String("nacos", "127.0.0.1:8848", "host:port of Nacos")
	port := flag.Int("port", 20001, "port of the provider")
	call := flag.Bool("call", false, "be a consumer")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	app := map[bool]string{false: "greeter", true: "caller"}[*call]

	rules, err := nacos.Start(app, nacos.Config{Address: *addr}) // blue-green: follow the rules
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rules.Shutdown(context.WithoutCancel(ctx))) }() // blue-green: stop in order
	_, err = rpc.Install(tracing.New(rules), []rpc.Registry{{Address: *addr}})            // blue-green: before dubbo-go starts
	if err != nil {
		return err
	}

	ins, err := dubbo.NewInstance(dubbo.WithName(app),
		dubbo.WithRegistry(dubboregistry.WithNacos(), dubboregistry.WithAddress(*addr), dubboregistry.WithRegisterInterface()),
		dubbo.WithProtocol(protocol.WithTriple(), protocol.WithIp("127.0.0.1"), protocol.WithPort(*port)))
	if err != nil {
		return err
	}
	if *call {
		return consume(ctx, ins)
	}
	return provide(ctx, ins, fmt.Sprintf("%s on port %d", rules.Identity().Color, *port))
}

func provide(ctx context.Context, ins *dubbo.Instance, name string) error {
	srv, err := ins.NewServer()
	if err != nil {
		return err
	}
	if err := srv.Register(&Greeter{name}, &serviceInfo); err != nil {
		return err
	}
	served := make(chan error, 1)
	go func() { served <- srv.Serve() }()
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
		return nil
	}
}

func consume(ctx context.Context, ins *dubbo.Instance) error {
	cli, err := ins.NewClient()
	if err != nil {
		return err
	}
	greeter, err := newClient(cli)
	if err != nil {
		return err
	}
	for ; ctx.Err() == nil; time.Sleep(500 * time.Millisecond) {
		answer, err := greeter.Greet(ctx, "caller")
		fmt.Println(answer, err)
	}
	return nil
}
