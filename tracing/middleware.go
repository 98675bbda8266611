package tracing

import (
	"context"
	"maps"
	"net/http"
	"slices"

	"github.com/bluegreen-go/bluegreen/sdk"
)

// MiddlewareOption configures [Tracer.Middleware].
type MiddlewareOption interface{ applyMiddleware(*middlewareConfig) }

type middlewareOption func(*middlewareConfig)

func (f middlewareOption) applyMiddleware(c *middlewareConfig) { f(c) }

type middlewareConfig struct {
	trust      func(*http.Request) bool
	attributes func(*http.Request) sdk.Attributes
	legacy     []string // canonical header names
}

// WithTrust accepts the decisions that every request carries. It is for services
// that only services of the same estate can reach.
func WithTrust() MiddlewareOption {
	return WithTrustFunc(func(*http.Request) bool { return true })
}

// WithTrustFunc accepts the decisions of the requests that f approves of, for
// example by their client certificate. f is called concurrently.
func WithTrustFunc(f func(*http.Request) bool) MiddlewareOption {
	return middlewareOption(func(c *middlewareConfig) { c.trust = f })
}

// WithAttributes sets where the attributes that entry rules and the key of a
// channel look at come from; f is called, concurrently, for requests that are
// decided here. The default is [HeaderAttributes].
func WithAttributes(f func(*http.Request) sdk.Attributes) MiddlewareOption {
	return middlewareOption(func(c *middlewareConfig) { c.attributes = f })
}

// WithLegacyHeader names headers, such as "uberctx-bluegreen", in which a
// trusted request that has nothing under [Key] may carry the text; the first
// that is there counts. Of other requests they are dropped.
func WithLegacyHeader(names ...string) MiddlewareOption {
	return middlewareOption(func(c *middlewareConfig) {
		for _, name := range names {
			c.legacy = append(c.legacy, http.CanonicalHeaderKey(name))
		}
	})
}

// HeaderAttributes gives the headers of a request as its attributes: the
// attribute "user-id" is the first header of that name, in any case.
func HeaderAttributes(r *http.Request) sdk.Attributes {
	return func(name string) (string, bool) {
		values := r.Header.Values(name)
		if len(values) == 0 {
			return "", false
		}
		return values[0], true
	}
}

// Middleware returns what wraps a service's HTTP handlers. It decides each
// request at its root, with its attributes, and counts it as under way while the
// handler runs. Responses are left alone.
//
// By default every request is taken to come from outside: what it carries is
// dropped, that is, the header [Key], legacy headers, and the member of the
// baggage, in the header as well as in the request's context; other members are
// kept. See [WithTrust].
//
// Wrap the handler inside of one that makes spans (otelhttp), so that the seed
// comes from the trace and the decision is put on the span. Where strangers may
// choose the trace id, let that handler begin a trace of its own
// (otelhttp.WithPublicEndpoint): who chooses the trace id chooses the seed.
func (t *Tracer) Middleware(opts ...MiddlewareOption) func(http.Handler) http.Handler {
	c := middlewareConfig{attributes: HeaderAttributes}
	for _, o := range opts {
		o.applyMiddleware(&c)
	}
	return func(next http.Handler) http.Handler {
		return &handler{tracer: t, config: c, next: next}
	}
}

type handler struct {
	tracer *Tracer
	config middlewareConfig
	next   http.Handler
}

// ServeHTTP implements [http.Handler].
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.tracer.Wait(r.Context())
	r, trail := h.begin(r)
	if trail.Open(h.tracer.client.Activity()) {
		defer trail.Close()
	}
	h.next.ServeHTTP(w, r)
}

// begin returns the request as the handler sees it, and its trail, if any.
func (h *handler) begin(r *http.Request) (*http.Request, *Trail) {
	if h.config.trust != nil && h.config.trust(r) {
		if FromContext(r.Context()) == nil {
			if ctx, trail := h.accept(r); trail != nil {
				return r.WithContext(ctx), trail
			}
		}
	} else {
		r = h.drop(r)
	}
	var attributes sdk.Attributes
	if h.tracer.client.Rules().AnyActive() && h.config.attributes != nil {
		attributes = h.config.attributes(r)
	}
	ctx, trail := h.tracer.Start(r.Context(), attributes)
	if ctx != r.Context() {
		r = r.WithContext(ctx)
	}
	return r, trail
}

// accept takes what a trusted request carries.
func (h *handler) accept(r *http.Request) (context.Context, *Trail) {
	ctx := r.Context()
	c := carried{carrier: carrierOwn, member: FromBaggage(ctx)}
	if c.member == "" {
		c.member = findMember(r.Header[baggageHeaderKey])
	}
	c.text = h.single(ctx, carrierOwn, r.Header[headerKey])
	for i := 0; i < len(h.config.legacy) && c.text == ""; i++ {
		c.carrier = carrierLegacy
		c.text = unescape(h.single(ctx, carrierLegacy, r.Header[h.config.legacy[i]]))
	}
	return h.tracer.accept(ctx, c)
}

// single returns the one value of a header; several different ones are an error.
func (h *handler) single(ctx context.Context, carrier string, values []string) string {
	if len(values) == 0 {
		return ""
	}
	for _, v := range values[1:] {
		if v != values[0] {
			h.tracer.blame(ctx, carrier, ErrDoubled)
			return ""
		}
	}
	return values[0]
}

// The keys of the headers in an [http.Header].
var (
	headerKey        = http.CanonicalHeaderKey(Key)
	baggageHeaderKey = http.CanonicalHeaderKey(baggageHeader)
)

// drop returns the request without what it carries. The request itself is not
// changed, and is returned if it carries nothing.
func (h *handler) drop(r *http.Request) *http.Request {
	ctx := withoutBaggage(r.Context())
	header := r.Header
	if carriesText(header) || slices.ContainsFunc(h.config.legacy, func(name string) bool { return header[name] != nil }) {
		header = stripped(header)
		for _, name := range h.config.legacy {
			delete(header, name)
		}
	} else if ctx == r.Context() {
		return r
	}
	r = r.WithContext(ctx)
	r.Header = header
	return r
}

// carriesText reports whether our header, or our member in the baggage, is there.
func carriesText(header http.Header) bool {
	return header[headerKey] != nil || hasMember(header[baggageHeaderKey])
}

// stripped returns a copy without our header and our member in the baggage.
func stripped(header http.Header) http.Header {
	header = maps.Clone(header) // the slices are replaced, never written to
	delete(header, headerKey)
	if kept := dropMember(header[baggageHeaderKey]); len(kept) > 0 {
		header[baggageHeaderKey] = kept
	} else {
		delete(header, baggageHeaderKey)
	}
	return header
}
