// Command http-entry is an HTTP entry point: the middleware decides which colour a request belongs to, and the client
// transport hands the decision on to the next service.
//
//	go run ./examples/http-entry        # and do what it prints
//
// To have nothing to start first, the rules are in memory: a fifth of the users goes to blue, testers always do. A
// program takes them from Nacos, with nacos.Start in place of sdk.NewClient.
package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/signal"

	"github.com/bluegreen-go/bluegreen/sdk"
	"github.com/bluegreen-go/bluegreen/tracing"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() (err error) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	source, err := sdk.NewMemorySource(&sdk.Channel{
		APIVersion: sdk.APIVersion, Name: "checkout", Revision: 1, WhenEmpty: sdk.UseOther, Services: []string{"order"},
		Requires: []string{"entry"}, // of whoever reads these rules
		State:    sdk.Active, Share: sdk.PerColor[int]{Blue: 20, Green: 80}, Stage: sdk.Both(sdk.Full),
		Key:   "x-user", // the same user always comes to the same colour
		Entry: []sdk.EntryRule{{Name: "testers", Color: sdk.Blue, When: []sdk.Condition{{Attribute: "x-user", Prefix: "test-"}}}},
	})
	if err != nil {
		return err
	}
	client, err := sdk.NewClient(sdk.Identity{Service: "gateway"}, source, sdk.WithLastGoodFile(""))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, client.Shutdown(context.WithoutCancel(ctx))) }()
	tracer := tracing.New(client)

	// The next service believes what comes from the gateway, and tells what holds there.
	inner := httptest.NewServer(tracer.Middleware(tracing.WithTrust())(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, d := range tracing.FromContext(r.Context()).Decisions() {
			_, _ = fmt.Fprintf(w, "channel %s: %s (%s)\n", d.Channel, d.Color, d.Reason)
		}
	})))
	defer inner.Close()

	// The edge drops what strangers claim, decides, and calls on with the decision.
	next, err := url.Parse(inner.URL)
	if err != nil {
		return err
	}
	proxy := &httputil.ReverseProxy{
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(next) },
		Transport: tracer.Transport(http.DefaultTransport),
	}
	edge := httptest.NewServer(tracer.Middleware()(proxy))
	defer edge.Close()
	for _, flags := range []string{"", "-H 'x-user: 4711' ", "-H 'x-user: test-anna' ", "-H 'bluegreen: #1~checkout:b:1' "} {
		fmt.Printf("curl %s%s\n", flags, edge.URL)
	}
	<-ctx.Done()
	return nil
}
