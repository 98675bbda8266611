package readme

import (
	"context"

	"github.com/bluegreen-go/bluegreen/sdk"
	"github.com/bluegreen-go/bluegreen/tracing"
)

// Poller is work that an application starts by itself.
type Poller interface {
	Pause()
	Resume()
}

// Own makes work follow the rules until ctx ends.
func Own(ctx context.Context, client *sdk.Client, poller Poller) {
	// snippet: own code
	id := client.Identity()
	cancel := client.Subscribe(func(rules *sdk.Rules) {
		if rules.StageOf(id.Service, id.Color) < sdk.Full {
			poller.Pause() // this colour is being drained, or comes back step by step
			return
		}
		poller.Resume()
	})
	defer cancel()
	// end snippet
	<-ctx.Done()
}

// Warm starts work as a request of its own.
func Warm(ctx context.Context, tracer *tracing.Tracer, warm func(context.Context) error) error {
	// snippet: own request
	ctx, trail := tracer.Start(ctx, nil)
	if trail.Open(tracer.Client().Activity()) {
		defer trail.Close()
	}
	return warm(ctx)
	// end snippet
}
