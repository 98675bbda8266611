package tracing_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"

	"github.com/bluegreen-go/bluegreen/sdk"
	"github.com/bluegreen-go/bluegreen/tracing"
)

// exampleTracer returns the tracer of a gateway, while all new requests of the
// channel "order" go to blue. Programs get their client from a real source.
func exampleTracer() (tracer *tracing.Tracer, stop func()) {
	source, err := sdk.NewMemorySource(active("order", 100, "order"))
	if err != nil {
		return nil, func() {}
	}
	client, err := sdk.NewClient(sdk.Identity{Service: "gateway"}, source,
		sdk.WithLastGoodFile(""), sdk.WithLogger(slog.New(slog.DiscardHandler)))
	if err != nil {
		return nil, func() {}
	}
	tracer = tracing.New(client)
	tracer.Wait(context.Background())
	return tracer, func() { _ = client.Shutdown(context.Background()) }
}

// The edge decides each request and drops what the request says about itself.
func ExampleTracer_Middleware() {
	tracer, stop := exampleTracer()
	defer stop()
	handler := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		d, _ := sdk.Find(tracing.FromContext(r.Context()).Decisions(), "order")
		fmt.Println(d.Channel, d.Color, d.Reason)
	})
	edge := tracer.Middleware()(handler)

	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header.Set(tracing.Key, "#1~order:g:17") // from outside: not believed
	edge.ServeHTTP(httptest.NewRecorder(), r)

	inner := tracer.Middleware(tracing.WithTrust())(handler)
	inner.ServeHTTP(httptest.NewRecorder(), r)
	// Output:
	// order blue share
	// order green carried
}

// Work that begins without a request, such as a timer's, is a root of its own.
func ExampleTracer_Start() {
	tracer, stop := exampleTracer()
	defer stop()
	ctx, trail := tracer.Start(context.Background(), func(name string) (string, bool) {
		return "4711", name == "user-id"
	})
	if trail.Open(tracer.Client().Activity()) {
		defer trail.Close()
	}
	fmt.Println(tracing.FromContext(ctx).Decisions()[0].Color)
	// Output: blue
}

// A goroutine that outlives its request keeps its colour.
func ExampleDetach() {
	tracer, stop := exampleTracer()
	defer stop()
	ctx, cancel := context.WithCancel(context.Background())
	ctx, trail := tracer.Start(ctx, nil)
	trail.Open(tracer.Client().Activity())

	release := trail.Hold() // a restart waits for the goroutine, too
	requestIsOver, done := make(chan struct{}), make(chan struct{})
	go func(ctx context.Context) {
		defer close(done)
		defer release()
		<-requestIsOver
		fmt.Println(ctx.Err(), tracing.FromContext(ctx).Decisions()[0].Color)
	}(tracing.Detach(ctx))

	trail.Close()
	cancel()
	close(requestIsOver)
	<-done
	fmt.Println(tracer.Client().Activity().Counter("order").InFlight(sdk.Blue))
	// Output:
	// <nil> blue
	// 0
}
