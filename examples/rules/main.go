// Command rules reads the traffic rules and reacts to them: it works while its colour takes all of it, and pauses while
// its colour is being drained. It links neither dubbo-go nor a registry's client.
//
//	go run ./examples/rules
//
// To have nothing to start first, it publishes the rules to itself; a program takes them from Nacos, with nacos.Start in
// place of sdk.NewClient.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"github.com/bluegreen-go/bluegreen/sdk"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() (err error) {
	channel := &sdk.Channel{
		APIVersion: sdk.APIVersion, Name: "checkout", Revision: 1, WhenEmpty: sdk.UseOther,
		Services: []string{"invoices", "order"}, State: sdk.Active, Share: sdk.Both(50), Stage: sdk.Both(sdk.Full),
	}
	source, err := sdk.NewMemorySource(channel)
	if err != nil {
		return err
	}
	id := sdk.Identity{Service: "invoices", Color: sdk.Blue}
	client, err := sdk.NewClient(id, source, sdk.WithLastGoodFile(""))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, client.Shutdown(context.Background())) }()

	var paused atomic.Bool
	paused.Store(true) // nothing runs before the rules are known
	cancel := client.Subscribe(func(rules *sdk.Rules) {
		stage := rules.StageOf(id.Service, id.Color)
		paused.Store(rules.Origin() == sdk.NotLoaded || stage < sdk.Full)
		fmt.Printf("rules (%s): %s of %s is %s\n", rules.Origin(), id.Color, id.Service, stage)
	})
	defer cancel()

	for i := range 3 {
		work(client, &paused)
		next := channel.Clone()
		next.Revision = int64(i + 2)
		if i == 0 { // an operator drains blue; then takes it back in
			next.Share, next.Stage = sdk.PerColor[int]{Green: 100}, next.Stage.With(sdk.Blue, sdk.Out)
		}
		doc, err := next.Document()
		if err != nil {
			return err
		}
		source.Put(sdk.ChannelDataID(next.Name), doc)
	}
	return nil
}

// work goes on for a second, while it may.
func work(client *sdk.Client, paused *atomic.Bool) {
	for end := time.Now().Add(time.Second); time.Now().Before(end); time.Sleep(250 * time.Millisecond) {
		if paused.Load() {
			fmt.Println("  paused")
			continue
		}
		// Where a piece of work goes can be asked as well: this takes no lock and allocates nothing.
		id := client.Identity()
		d := client.Rules().Decide(sdk.Caller{Service: id.Service, Color: id.Color}, "order", sdk.Request{}, sdk.LiveOf(sdk.Blue, sdk.Green))
		fmt.Printf("  working; calls to order go to %s (%s)\n", d.Color, d.Reason)
	}
}
