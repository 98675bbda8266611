package tracing_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/baggage"

	"github.com/bluegreen-go/bluegreen/sdk"
	"github.com/bluegreen-go/bluegreen/tracing"
)

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// serve lets the middleware handle a request and returns what the handler saw.
func serve(t *testing.T, tracer *tracing.Tracer, r *http.Request, opts ...tracing.MiddlewareOption) *http.Request {
	t.Helper()
	var seen *http.Request
	w := httptest.NewRecorder()
	tracer.Middleware(opts...)(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { seen = r })).ServeHTTP(w, r)
	if len(w.Header()) != 0 {
		t.Errorf("response headers = %v, want none", w.Header())
	}
	return seen
}

func request(headers ...string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	return r
}

// appBaggage returns a context with a member of the application and ours.
func appBaggage(t testing.TB, ctx context.Context, text string) context.Context {
	t.Helper()
	b, err := baggage.Parse("app=1")
	if err != nil {
		t.Fatal(err)
	}
	ctx = tracing.ContextWithBaggage(baggage.ContextWithBaggage(ctx, b), text)
	if got := tracing.FromBaggage(ctx); got != text {
		t.Fatalf("FromBaggage = %q, want %q", got, text)
	}
	return ctx
}

func TestMiddlewareDropsWhatComesFromOutside(t *testing.T) {
	tracer := newTracer(t, "gateway", sdk.Neutral, active("order", 100, "order"))
	r := request("bluegreen", "#1~order:g:17", "Uberctx-Bluegreen", "#1~order:g:17",
		"baggage", "a=1;p=2 , bluegreen=#1~order:g:17;x=y,b=%20", "baggage", "bluegreen = spoofed", "X-App", "kept")
	r = r.WithContext(appBaggage(t, r.Context(), "#1~order:g:17"))
	before := r.Header.Clone()
	seen := serve(t, tracer, r, tracing.WithLegacyHeader("uberctx-bluegreen"))
	want := http.Header{"Baggage": {"a=1;p=2 ,b=%20"}, "X-App": {"kept"}}
	if len(seen.Header) != len(want) || !slices.Equal(seen.Header["Baggage"], want["Baggage"]) || seen.Header.Get("X-App") != "kept" {
		t.Errorf("headers = %q, want %q", seen.Header, want)
	}
	if len(r.Header) != len(before) || len(r.Header["Baggage"]) != 2 {
		t.Errorf("the request itself was changed to %q", r.Header)
	}
	if b := baggage.FromContext(seen.Context()); b.Len() != 1 || b.Member("app").Value() != "1" {
		t.Errorf("baggage = %q, want the application's member alone", b)
	}
	trail := tracing.FromContext(seen.Context())
	if !trail.Root() || trail.Decisions()[0].Color != sdk.Blue {
		t.Errorf("trail = %q, want a root on blue", trail.Text())
	}
}

func TestMiddlewareTrust(t *testing.T) {
	const text = "#1~order:g:16"
	onlyBaggage := func(t *testing.T) *http.Request {
		r := request()
		return r.WithContext(appBaggage(t, r.Context(), text))
	}
	plain := func(headers ...string) func(*testing.T) *http.Request {
		return func(*testing.T) *http.Request { return request(headers...) }
	}
	tests := []struct {
		name    string
		request func(*testing.T) *http.Request
		carried bool
		err     string // reason of the carrier error
		count   int64  // conflicts
	}{
		{"own key", plain("bluegreen", text), true, "", 0},
		{"own key twice", plain("bluegreen", text, "bluegreen", text), true, "", 0},
		{"two different", plain("bluegreen", text, "bluegreen", "#1~order:b:16"), false, "doubled", 0},
		{"own key before baggage", plain("bluegreen", text, "baggage", "bluegreen=#1~order:b:16"), true, "", 1},
		{"own key as in baggage", plain("bluegreen", text, "baggage", "bluegreen="+text), true, "", 0},
		{"baggage alone", plain("baggage", "a=1, bluegreen="+text+";p=1"), true, "", 0},
		{"escaped baggage", plain("baggage", "bluegreen=%231%7Eorder%3Ag%3A16"), true, "", 0},
		{"baggage of a propagator", onlyBaggage, true, "", 0},
		{"malformed", plain("bluegreen", "#1~order"), false, "syntax", 0},
		{"malformed beside baggage", plain("bluegreen", "#1~order", "baggage", "bluegreen="+text), true, "syntax", 0},
		{"legacy", plain("uberctx-bluegreen", "%231~order%3Ag%3A16"), true, "", 0},
		{"second legacy", plain("ot-baggage-bluegreen", text), true, "", 0},
		{"own key before legacy", plain("bluegreen", text, "uberctx-bluegreen", "#1~order:b:16"), true, "", 0},
		{"nothing", plain(), false, "", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tracer := newTracer(t, "gateway", sdk.Neutral, active("order", 100, "order"))
			seen := serve(t, tracer, tt.request(t), tracing.WithTrust(), tracing.WithLegacyHeader("uberctx-bluegreen", "ot-baggage-bluegreen"))
			trail := tracing.FromContext(seen.Context())
			want := sdk.Decision{Channel: "order", Color: sdk.Blue, From: sdk.Blue, Reason: sdk.ByShare, Revision: 17}
			if tt.carried {
				want = sdk.Decision{Channel: "order", Color: sdk.Green, From: sdk.Green, Reason: sdk.Carried, Revision: 16}
			}
			if got, _ := sdk.Find(trail.Decisions(), "order"); got != want {
				t.Errorf("decision = %+v, want %+v", got, want)
			}
			s := tracer.Counters().Snapshot()
			if tt.err == "" && len(s.CarrierErrors) > 0 || tt.err != "" && (len(s.CarrierErrors) != 1 || s.CarrierErrors[0].Reason != tt.err) {
				t.Errorf("carrier errors = %v, want %q", s.CarrierErrors, tt.err)
			}
			if s.Conflicts != tt.count {
				t.Errorf("conflicts = %d, want %d", s.Conflicts, tt.count)
			}
		})
	}
}

func TestMiddlewareTrustsByRequest(t *testing.T) {
	tracer := newTracer(t, "gateway", sdk.Neutral, active("order", 100, "order"))
	trust := tracing.WithTrustFunc(func(r *http.Request) bool { return r.Header.Get("X-Inside") == "yes" })
	inside := serve(t, tracer, request("bluegreen", "#1~order:g:17", "X-Inside", "yes"), trust)
	outside := serve(t, tracer, request("bluegreen", "#1~order:g:17"), trust)
	if got := tracing.FromContext(inside.Context()).Decisions()[0].Color; got != sdk.Green {
		t.Errorf("inside: %s, want the carried green", got)
	}
	if got := tracing.FromContext(outside.Context()).Decisions()[0].Color; got != sdk.Blue {
		t.Errorf("outside: %s, want blue", got)
	}
}

func TestMiddlewareUsesAttributes(t *testing.T) {
	order := active("order", 99, "order")
	order.Requires = []string{"entry"}
	order.Entry = []sdk.EntryRule{{Name: "testers", Color: sdk.Green, When: []sdk.Condition{{Attribute: "user-id", In: []string{"7"}}}}}
	tracer := newTracer(t, "gateway", sdk.Neutral, order)
	seen := serve(t, tracer, request("User-Id", "7"))
	if d := tracing.FromContext(seen.Context()).Decisions()[0]; d.Color != sdk.Green || d.Reason != "entry:testers" {
		t.Errorf("by header: %+v, want green by the rule", d)
	}
	path := tracing.WithAttributes(func(r *http.Request) sdk.Attributes {
		return func(name string) (string, bool) { return strings.Trim(r.URL.Path, "/"), name == "user-id" }
	})
	seen = serve(t, tracer, httptest.NewRequest(http.MethodGet, "/7", nil), path, tracing.WithTrust())
	if d := tracing.FromContext(seen.Context()).Decisions()[0]; d.Color != sdk.Green || d.Reason != "entry:testers" {
		t.Errorf("by path: %+v, want green by the rule", d)
	}
}

func TestMiddlewareCountsWhileTheHandlerRuns(t *testing.T) {
	tracer := newTracer(t, "gateway", sdk.Neutral, active("order", 100, "order"))
	var inner *tracing.Trail
	h := tracer.Middleware()(tracer.Middleware()(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		inner = tracing.FromContext(r.Context())
		wantCounts(t, tracer, "order", sdk.Blue, 1, 1)
		panic(http.ErrAbortHandler)
	})))
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the handler's panic did not come through")
			}
		}()
		h.ServeHTTP(httptest.NewRecorder(), request())
	}()
	wantCounts(t, tracer, "order", sdk.Blue, 0, 1)
	if !inner.Ended() {
		t.Error("the trail was not closed")
	}
}

func TestTransport(t *testing.T) {
	const text = "#1~order:g:17"
	inside := tracing.WithMesh(func(host string) bool { return host == "order.internal" })
	tests := []struct {
		name    string
		url     string
		trail   bool
		headers []string
		opts    []tracing.TransportOption
		own     string
		baggage string
	}{
		{"sends", "http://order", true, nil, nil, text, "bluegreen=" + text},
		{"keeps other members", "http://order", true, []string{"baggage", "a=1, b=2", "baggage", "c=3"}, nil, text, "a=1, b=2,c=3,bluegreen=" + text},
		{"replaces what was copied", "http://order", true, []string{"bluegreen", "old", "baggage", "bluegreen=old,a=1"}, nil, text, "a=1,bluegreen=" + text},
		{"no trail, header copied", "http://order", false, []string{"bluegreen", "old", "baggage", "a=1"}, nil, "", "a=1"},
		{"inside", "http://order.internal:8080", true, nil, []tracing.TransportOption{inside}, text, "bluegreen=" + text},
		{"outside", "http://example.com", true, []string{"bluegreen", "old", "baggage", "bluegreen=old,a=1"}, []tracing.TransportOption{inside}, "", "a=1"},
		{"never", "http://order", true, []string{"baggage", "bluegreen=old"}, []tracing.TransportOption{tracing.WithoutMesh()}, "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tracer := newTracer(t, "gateway", sdk.Neutral, active("order", 100, "order"))
			ctx := appBaggage(t, t.Context(), "#1~order:b:17")
			if tt.trail {
				ctx, _ = tracer.Receive(ctx, text, true)
			}
			r, err := http.NewRequestWithContext(ctx, http.MethodGet, tt.url, nil)
			if err != nil {
				t.Fatal(err)
			}
			for i := 0; i < len(tt.headers); i += 2 {
				r.Header.Add(tt.headers[i], tt.headers[i+1])
			}
			before := r.Header.Clone()
			var sent *http.Request
			rt := tracer.Transport(roundTripper(func(r *http.Request) (*http.Response, error) {
				sent = r
				return &http.Response{}, nil
			}), tt.opts...)
			resp, err := rt.RoundTrip(r)
			if err != nil || resp == nil {
				t.Fatalf("RoundTrip = %v, %v", resp, err)
			}
			if got := sent.Header.Get("bluegreen"); got != tt.own {
				t.Errorf("own header = %q, want %q", got, tt.own)
			}
			if got := strings.Join(sent.Header["Baggage"], ","); got != tt.baggage {
				t.Errorf("baggage = %q, want %q", got, tt.baggage)
			}
			if len(r.Header) != len(before) || r.Header.Get("bluegreen") != before.Get("bluegreen") || r.Header.Get("baggage") != before.Get("baggage") {
				t.Errorf("the request itself was changed to %q", r.Header)
			}
			stripped := tt.own == "" && tt.trail
			if inCtx := tracing.FromBaggage(sent.Context()); stripped != (inCtx == "") || stripped != (tracing.FromContext(sent.Context()) == nil) && tt.trail {
				t.Errorf("context below: baggage %q, trail %v", inCtx, tracing.FromContext(sent.Context()))
			}
		})
	}
}

// What a propagator below the transport sends agrees with the own header.
func TestTransportBringsTheBaggageUpToDate(t *testing.T) {
	tracer := newTracer(t, "gateway", sdk.Neutral, active("order", 100, "order"))
	ctx, trail := tracer.Receive(appBaggage(t, t.Context(), "#1~order:g:17"), "", false)
	trail.Pin(decision("late", sdk.Blue))
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://order", nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = tracer.Transport(roundTripper(func(r *http.Request) (*http.Response, error) {
		if own, member := r.Header.Get(tracing.Key), tracing.FromBaggage(r.Context()); own != "#1~late:b:3~order:g:17" || member != own {
			t.Errorf("own header %q, baggage of the context %q; want the late decision in both", own, member)
		}
		return &http.Response{}, nil
	})).RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
}

func TestTransportClosesIdleConnections(t *testing.T) {
	tracer := newTracer(t, "gateway", sdk.Neutral)
	base := &closer{}
	(&http.Client{Transport: tracer.Transport(base)}).CloseIdleConnections()
	if !base.closed {
		t.Error("the base transport was not asked to close its connections")
	}
}

type closer struct{ closed bool }

func (c *closer) RoundTrip(*http.Request) (*http.Response, error) { return nil, http.ErrServerClosed }
func (c *closer) CloseIdleConnections()                           { c.closed = true }
