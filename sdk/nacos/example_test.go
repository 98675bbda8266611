package nacos_test

import (
	"context"
	"log"
	"time"

	"github.com/bluegreen-go/bluegreen/sdk"
	"github.com/bluegreen-go/bluegreen/sdk/nacos"
)

// A process of service order follows the rules and reports to control. Its
// colour comes from BLUE_GREEN_COLOR.
func Example() {
	client, err := nacos.Start("order", nacos.Config{Address: "127.0.0.1:8848"})
	if err != nil {
		log.Fatal(err)
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		if err := client.Shutdown(ctx); err != nil {
			log.Print(err)
		}
	}()
	client.Subscribe(func(r *sdk.Rules) { log.Print("active: ", r.AnyActive()) })
}

// Control reads a document, replaces it if nobody else did meanwhile, and asks
// who follows it.
func ExampleOpen() {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	n, err := nacos.Open(nacos.Config{Address: "127.0.0.1:8848", Namespace: "traffic"})
	if err != nil {
		log.Fatal(err)
	}
	defer n.Close(ctx)

	old, err := n.Load(ctx, sdk.ChannelDataID("checkout"))
	if err != nil {
		log.Print(err)
		return
	}
	ch, err := sdk.ParseChannel(old)
	if err != nil {
		log.Print(err)
		return
	}
	next := ch.Clone()
	next.Revision++
	doc, err := next.Document()
	if err != nil {
		log.Print(err)
		return
	}
	if err := n.Publish(ctx, sdk.ChannelDataID("checkout"), doc, old); err != nil {
		log.Print(err) // nacos.ErrConflict: read again and think again
		return
	}
	agents, err := n.Agents(ctx)
	if err != nil {
		log.Print("incomplete: ", err)
	}
	for _, a := range agents {
		log.Print(a.Identity.Service, a.Identity.Color, a.Channels)
	}
}
