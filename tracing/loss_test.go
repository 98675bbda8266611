package tracing_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/propagation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/bluegreen-go/bluegreen/sdk"
	"github.com/bluegreen-go/bluegreen/tracing"
)

// otelHandler and otelTransport stand for the usual OpenTelemetry
// instrumentation of HTTP: they know a propagator and a span, and nothing of us.
func otelHandler(tp trace.TracerProvider, p propagation.TextMapPropagator, next http.Handler) http.Handler {
	tr := tp.Tracer("test")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, span := tr.Start(p.Extract(r.Context(), propagation.HeaderCarrier(r.Header)), r.URL.Path)
		defer span.End()
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

func otelTransport(p propagation.TextMapPropagator, base http.RoundTripper) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		r = r.Clone(r.Context())
		p.Inject(r.Context(), propagation.HeaderCarrier(r.Header))
		return base.RoundTrip(r)
	})
}

// wire is a transport that hands requests to a handler as a server would.
func wire(h http.Handler) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		in := httptest.NewRequest(r.Method, r.URL.String(), nil)
		in.Header = r.Header.Clone()
		w := httptest.NewRecorder()
		h.ServeHTTP(w, in)
		return w.Result(), nil
	})
}

var (
	noPropagator  = propagation.NewCompositeTextMapPropagator()
	otelOnly      = propagation.NewCompositeTextMapPropagator(propagation.TraceContext{}, propagation.Baggage{})
	withOurs      = propagation.NewCompositeTextMapPropagator(propagation.TraceContext{}, propagation.Baggage{}, tracing.Propagator{})
	replaceByOwn  = func(ctx context.Context) context.Context { return manyMembers(ctx, 1) }
	replaceByMany = func(ctx context.Context) context.Context { return manyMembers(ctx, 80) }
	leaveBaggage  = func(ctx context.Context) context.Context { return ctx }
)

// manyMembers replaces the baggage by n members of the application. As an
// application could, it goes beyond the limit by SetMember, which does not check.
func manyMembers(ctx context.Context, n int) context.Context {
	var b baggage.Baggage
	for i := range n {
		m, err := baggage.NewMemberRaw(fmt.Sprintf("app%d", i), "1")
		if err != nil {
			continue
		}
		if with, err := b.SetMember(m); err == nil {
			b = with
		}
	}
	return baggage.ContextWithBaggage(ctx, b)
}

// TestNothingIsLost sends a request from an edge to a service, over a hop of
// each kind, with each kind of treatment of the baggage by the application.
func TestNothingIsLost(t *testing.T) {
	type hop struct {
		name       string
		propagator propagation.TextMapPropagator
		below      bool // the instrumentation sits below our transport
	}
	hops := []hop{
		{"no propagator", noPropagator, false}, {"no propagator below", noPropagator, true},
		{"propagator", otelOnly, false}, {"propagator below", otelOnly, true},
		{"with ours", withOurs, false}, {"with ours below", withOurs, true},
	}
	apps := []struct {
		name    string
		baggage func(context.Context) context.Context
	}{{"leaves the baggage", leaveBaggage}, {"replaces it", replaceByOwn}, {"sends 80 members", replaceByMany}}
	edge := newTracer(t, "gateway", sdk.Neutral, active("order", 50, "order"))
	service := newTracer(t, "user", sdk.Neutral, active("order", 50, "order"))
	tp := sdktrace.NewTracerProvider()
	t.Cleanup(func() { _ = tp.Shutdown(context.Background()) })
	for _, hop := range hops {
		for _, app := range apps {
			t.Run(hop.name+", "+app.name, func(t *testing.T) {
				var sent, got *tracing.Trail
				target := otelHandler(tp, hop.propagator, service.Middleware(tracing.WithTrust())(
					http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = tracing.FromContext(r.Context()) })))
				client := otelTransport(hop.propagator, edge.Transport(wire(target)))
				if hop.below {
					client = edge.Transport(otelTransport(hop.propagator, wire(target)))
				}
				handler := otelHandler(tp, hop.propagator, edge.Middleware()(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
					sent = tracing.FromContext(r.Context())
					out, err := http.NewRequestWithContext(app.baggage(r.Context()), http.MethodGet, "http://user/", nil)
					if err != nil {
						t.Fatal(err)
					}
					resp, err := client.RoundTrip(out)
					if err != nil {
						t.Fatal(err)
					}
					_ = resp.Body.Close()
				})))
				handler.ServeHTTP(httptest.NewRecorder(), request())
				if got.Text() == "" || got.Text() != sent.Text() || got.Root() {
					t.Errorf("received %q (root %v), want %q", got.Text(), got.Root(), sent.Text())
				}
			})
		}
	}
	for _, tracer := range []*tracing.Tracer{edge, service} {
		if s := tracer.Counters().Snapshot(); len(s.CarrierErrors) > 0 || s.Conflicts > 0 {
			t.Errorf("errors %v and %d conflicts, want none", s.CarrierErrors, s.Conflicts)
		}
	}
}

// A hop in the middle that knows only OpenTelemetry carries the baggage on.
func TestBaggageCrossesAForeignHop(t *testing.T) {
	service := newTracer(t, "user", sdk.Neutral, active("order", 50, "order"))
	tp := sdktrace.NewTracerProvider()
	t.Cleanup(func() { _ = tp.Shutdown(context.Background()) })
	for _, last := range []propagation.TextMapPropagator{otelOnly, noPropagator} {
		var got *tracing.Trail
		target := otelHandler(tp, last, service.Middleware(tracing.WithTrust())(
			http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = tracing.FromContext(r.Context()) })))
		middle := otelHandler(tp, otelOnly, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			out, err := http.NewRequestWithContext(r.Context(), http.MethodGet, "http://user/", nil)
			if err != nil {
				t.Fatal(err)
			}
			resp, err := otelTransport(otelOnly, wire(target)).RoundTrip(out)
			if err != nil {
				t.Fatal(err)
			}
			_ = resp.Body.Close()
		}))
		ctx, sent := service.Receive(t.Context(), "#4711~order:g:3", true)
		first, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://middle/", nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := service.Transport(wire(middle)).RoundTrip(first)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if got.Text() != sent.Text() {
			t.Errorf("received %q, want %q", got.Text(), sent.Text())
		}
	}
}

func TestBaggageHasRoomOrIsLeftAlone(t *testing.T) {
	const text = "#1~order:b:17"
	full := manyMembers(t.Context(), 64)
	if got := tracing.FromBaggage(tracing.ContextWithBaggage(full, text)); got != "" {
		t.Errorf("a 65th member %q was added", got)
	}
	one := manyMembers(t.Context(), 63)
	with := tracing.ContextWithBaggage(one, text)
	if got := tracing.FromBaggage(with); got != text || baggage.FromContext(with).Len() != 64 {
		t.Errorf("member = %q of %d, want %q of 64", got, baggage.FromContext(with).Len(), text)
	}
	m, err := baggage.NewMemberRaw("big", strings.Repeat("x", 8180))
	if err != nil {
		t.Fatal(err)
	}
	b, err := baggage.New(m)
	if err != nil {
		t.Fatal(err)
	}
	big := baggage.ContextWithBaggage(t.Context(), b)
	if got := tracing.FromBaggage(tracing.ContextWithBaggage(big, text)); got != "" {
		t.Errorf("%q was added beyond 8192 bytes", got)
	}
}
