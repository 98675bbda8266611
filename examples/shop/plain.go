package main

import (
	"context"
	"time"

	"dubbo.apache.org/dubbo-go/v3"
	"dubbo.apache.org/dubbo-go/v3/graceful_shutdown"

	"github.com/bluegreen-go/bluegreen/examples/shop/internal/tally"
)

// runPlain is a caller that has never heard of colours: plain dubbo-go, which follows what the registry says. It calls
// order at a low, constant rate, one purchase in four.
func runPlain(ctx context.Context, spec childSpec) error {
	ins, err := newInstance(spec, dubbo.WithShutdown(graceful_shutdown.WithoutInternalSignal()))
	if err != nil {
		return err
	}
	stubs, err := newStubs(ins, []string{"order"})
	if err != nil {
		return err
	}
	report := newReporter()
	report.send(event{Ready: true})
	tick := time.NewTicker(time.Second / time.Duration(max(1, spec.Rate)))
	defer tick.Stop()
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		operation := quote
		if n%4 == 0 {
			operation = purchase
		}
		report.send(event{Plain: plainly(stubs["order"], operation)})
	}
}

// plainly makes one call. It is not cut short when the process is told to stop: a call that was begun ends.
func plainly(order *stub, operation string) *plainCall {
	text, err := order.Call(context.Background(), operation)
	if err != nil {
		return &plainCall{Err: "caller without the SDK: " + err.Error()}
	}
	tree, err := tally.Decode(text)
	if err != nil {
		return &plainCall{Err: err.Error()}
	}
	return &plainCall{Tree: tree}
}
