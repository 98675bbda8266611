package nacos

import (
	"context"
	"errors"
	"time"

	"github.com/bluegreen-go/bluegreen/sdk"
)

// Start follows the rules in Nacos for this process and reports to control: it
// takes the identity from the environment (see [sdk.IdentityFromEnv]), opens
// Nacos, makes the client with it as source and reporter, and closes it when
// [sdk.Client.Shutdown] closes clients. It does not wait for the server. Options
// come after those that Start sets, and so win.
func Start(application string, cfg Config, opts ...sdk.Option) (*sdk.Client, error) {
	id, err := sdk.IdentityFromEnv(application)
	if err != nil {
		return nil, err
	}
	n, err := Open(cfg)
	if err != nil {
		return nil, err
	}
	all := append([]sdk.Option{sdk.WithReporter(n.Reporter())}, opts...)
	client, err := sdk.NewClient(id, n, all...)
	if err != nil {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		return nil, errors.Join(err, n.Close(ctx))
	}
	client.OnShutdown(sdk.StopClients, "nacos", n.Close)
	return client, nil
}
