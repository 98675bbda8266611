package main

import (
	"context"
	"fmt"
	"os"

	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/bluegreen-go/bluegreen/examples/shop/internal/tally"
	"github.com/bluegreen-go/bluegreen/sdk"
)

// ShopService (dubbo-go wants an exported type) is the business of every service: it calls those below it, all in parallel, and answers with who it is and
// what they answered. It passes its context on, and that is all it does for the colours.
type ShopService struct {
	name    string
	color   sdk.Color
	version string
	below   map[string]*stub
	report  *reporter
}

// Call implements handler.
func (s *ShopService) Call(ctx context.Context, operation *wrapperspb.StringValue) (*wrapperspb.StringValue, error) {
	s.report.receive()
	me := &tally.Node{Service: s.name, Color: s.color, Version: s.version, PID: os.Getpid()}
	if s.name == "order" {
		me.Total = orderTotal(s.version)
	}
	answers, err := callAll(ctx, s.below, calls[call{s.name, operation.GetValue()}])
	if err != nil {
		return nil, err
	}
	me.Calls = answers
	text, err := me.Encode()
	if err != nil {
		return nil, err
	}
	return wrapperspb.String(text), nil
}

// callAll makes the calls at the same time and returns the answers in the calls' order, or the first error.
func callAll(ctx context.Context, stubs map[string]*stub, todo []call) ([]*tally.Node, error) {
	answers := make([]*tally.Node, len(todo))
	errs := make(chan error, len(todo))
	for i, c := range todo {
		go func() {
			text, err := stubs[c.service].Call(ctx, c.operation)
			if err == nil {
				answers[i], err = tally.Decode(text)
			}
			if err != nil {
				err = fmt.Errorf("%s.%s: %w", c.service, c.operation, err)
			}
			errs <- err
		}()
	}
	var first error
	for range todo {
		if err := <-errs; err != nil && first == nil {
			first = err
		}
	}
	return answers, first
}
