package readme

import (
	"net/http"
	"time"

	"github.com/bluegreen-go/bluegreen/sdk"
	"github.com/bluegreen-go/bluegreen/tracing"
)

// HTTP is a process where requests come in.
func HTTP(client *sdk.Client, mux *http.ServeMux) (*http.Server, *http.Client) {
	// snippet: http
	tracer := tracing.New(client)
	server := &http.Server{Handler: tracer.Middleware()(mux), ReadHeaderTimeout: 5 * time.Second}
	backend := &http.Client{Transport: tracer.Transport(http.DefaultTransport)}
	// end snippet
	return server, backend
}
