package readme

import (
	"context"
	"errors"

	"dubbo.apache.org/dubbo-go/v3"
	dubboregistry "dubbo.apache.org/dubbo-go/v3/registry"

	"github.com/bluegreen-go/bluegreen/rpc"
	"github.com/bluegreen-go/bluegreen/sdk/nacos"
	"github.com/bluegreen-go/bluegreen/tracing"
)

// RPC is a process that offers and calls dubbo-go services.
func RPC(ctx context.Context, serve func(*dubbo.Instance) error) (err error) {
	// snippet: rpc
	client, err := nacos.Start("order", nacos.Config{Address: "127.0.0.1:8848"})
	if err != nil {
		return err
	}
	// Jobs, messages, RPC, connections, in this order; instead of dubbo-go's signal handler.
	defer func() { err = errors.Join(err, client.Shutdown(context.WithoutCancel(ctx))) }()

	if _, err := rpc.Install(tracing.New(client), []rpc.Registry{{Address: "127.0.0.1:8848"}}); err != nil {
		return err
	}
	instance, err := dubbo.NewInstance(
		dubbo.WithName("order"),
		dubbo.WithRegistry(dubboregistry.WithNacos(), dubboregistry.WithAddress("127.0.0.1:8848")),
	)
	// end snippet
	if err != nil {
		return err
	}
	return serve(instance)
}
