package store_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/bluegreen-go/bluegreen/control/store"
	"github.com/bluegreen-go/bluegreen/sdk"
)

// The documents of a close, and the rule that keeps the last step back until
// every process of the other colour has followed.
func ExampleCheck() {
	cur := &sdk.Channel{
		APIVersion: sdk.APIVersion, Name: "checkout", Revision: 17, State: sdk.Active, Services: []string{"order"},
		Share: sdk.Both(1), Stage: sdk.Both(sdk.Full),
	}
	for _, step := range []func(*sdk.Channel, sdk.Color) (*sdk.Channel, error){store.Withhold, store.HandOver, store.TakeOut} {
		next, err := step(cur, sdk.Blue)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(next.Revision, next.Share, next.Stage)
		var rule *store.RuleError
		if err := store.Check(cur, next, store.Proof{}); errors.As(err, &rule) {
			fmt.Println("not yet:", rule.Rule)
		}
		cur = next
	}
	// Output:
	// 18 {0 1} {full full}
	// 19 {0 1} {registered full}
	// 20 {0 1} {out full}
	// not yet: S2
}

// A refused operation says which rule forbids it; nothing was published.
func ExampleStore() {
	ctx := context.Background()
	s := store.New(store.NewMemory(), store.WithAuthor("ann"), store.WithObserver(func(e store.Event) { fmt.Println(e) }))
	if _, err := s.Create(ctx, "checkout", []string{"order", "payment"}); err != nil {
		fmt.Println(err)
	}
	if _, err := s.Open(ctx, "checkout", sdk.Blue); err != nil {
		fmt.Println(err)
	}
	// Output:
	// checkout: published revision 1: create (idle)
	// channel checkout: the channel is idle; activate it first (rule order)
}
