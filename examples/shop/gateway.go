package main

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/bluegreen-go/bluegreen/examples/shop/internal/tally"
)

// runGateway is the process where requests come in. It belongs to no channel; the middleware makes it the root that
// decides the colours of every request.
func runGateway(ctx context.Context, spec childSpec) error {
	link, err := install(spec)
	if err != nil {
		return err
	}
	consumer := spec
	consumer.Port = 0 // the port is that of HTTP
	ins, err := newInstance(consumer)
	if err != nil {
		return errors.Join(err, link.stop())
	}
	stubs, err := newStubs(ins, []string{"order"})
	if err != nil {
		return errors.Join(err, link.stop())
	}
	listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(spec.Port)))
	if err != nil {
		return errors.Join(err, link.stop())
	}
	mux := http.NewServeMux()
	mux.Handle("GET /{operation}", link.tracer.Middleware()(orders(stubs)))
	srv := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(listener) }()
	report := newReporter()
	report.send(event{Ready: true})
	err = untilStopped(ctx, link, report, served)
	return errors.Join(err, srv.Close())
}

// orders asks order for the operation that the path names and answers with the tree of who served it.
func orders(stubs map[string]*stub) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answers, err := callAll(r.Context(), stubs, []call{{"order", r.PathValue("operation")}})
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		writeTree(w, answers[0])
	})
}

func writeTree(w http.ResponseWriter, tree *tally.Node) {
	text, err := tree.Encode()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, text)
}
