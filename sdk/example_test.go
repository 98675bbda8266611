package sdk_test

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/bluegreen-go/bluegreen/sdk"
)

func checkout(revision int64, blue, green int) *sdk.Channel {
	return &sdk.Channel{
		APIVersion: sdk.APIVersion, Name: "checkout", Revision: revision, State: sdk.Active,
		Services: []string{"order", "payment"},
		Share:    sdk.PerColor[int]{Blue: blue, Green: green}, Stage: sdk.Both(sdk.Full), WhenEmpty: sdk.UseOther,
	}
}

// A request is decided once, at its root, and keeps its colour from there on,
// also when the share has changed meanwhile.
func ExampleRules_Decide() {
	rules := sdk.NewRules(sdk.FromSource, sdk.Index{}, []*sdk.Channel{checkout(1, 0, 100)})
	gateway := sdk.Caller{Service: "gateway"}
	request := sdk.Request{Seed: 4711}
	request.Carried = rules.DecideRoot(gateway, request, nil)

	rules = sdk.NewRules(sdk.FromSource, sdk.Index{}, []*sdk.Channel{checkout(2, 100, 0)})
	d := rules.Decide(gateway, "payment", request, sdk.LiveOf(sdk.Blue, sdk.Green))
	fmt.Println(d.Color, d.Reason, d.Revision)

	// For the caller, green has no instance any more: this call goes to blue.
	d = rules.Decide(gateway, "payment", request, sdk.LiveOf(sdk.Blue))
	fmt.Println(d.Color, d.Reason, d.Crossing())
	// Output:
	// green carried 1
	// blue corrected true
}

// A client on rules in memory, as in a unit test, and a change of them.
func ExampleClient_Subscribe() {
	source, err := sdk.NewMemorySource(checkout(1, 1, 1))
	if err != nil {
		fmt.Println(err)
		return
	}
	me := sdk.Identity{Service: "gateway"}
	client, err := sdk.NewClient(me, source, sdk.WithLastGoodFile(""), sdk.WithLogger(slog.New(slog.DiscardHandler)))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Shutdown(context.Background())
	if err := client.WaitLoaded(context.Background()); err != nil {
		fmt.Println(err)
		return
	}
	changed := make(chan *sdk.Rules)
	cancel := client.Subscribe(func(r *sdk.Rules) { changed <- r })
	defer cancel()
	fmt.Println(describe(<-changed))

	doc, err := checkout(2, 1, 99).Document()
	if err != nil {
		fmt.Println(err)
		return
	}
	source.Put(sdk.ChannelDataID("checkout"), doc)
	fmt.Println(describe(<-changed))
	// Output:
	// revision 1: 1 to 1
	// revision 2: 1 to 99
}

func describe(r *sdk.Rules) string {
	ch := r.Channel("checkout")
	return fmt.Sprintf("revision %d: %d to %d", ch.Revision, ch.Share.Blue, ch.Share.Green)
}
