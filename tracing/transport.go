package tracing

import (
	"maps"
	"net/http"
)

// TransportOption configures [Tracer.Transport].
type TransportOption interface{ applyTransport(*transportConfig) }

type transportOption func(*transportConfig)

func (f transportOption) applyTransport(c *transportConfig) { f(c) }

type transportConfig struct {
	inside func(host string) bool // nil: all hosts are
}

// WithMesh says which hosts belong to the estate; requests to others leave
// without any decision. f gets the host of the URL without its port and is called
// concurrently. The default takes every host to be inside, as no rule can tell
// that by a name: set this, or [WithoutMesh], on a client that calls others.
func WithMesh(f func(host string) bool) TransportOption {
	return transportOption(func(c *transportConfig) { c.inside = f })
}

// WithoutMesh says that all hosts are outside: nothing leaves.
func WithoutMesh() TransportOption {
	return WithMesh(func(string) bool { return false })
}

// Transport returns a transport that sends the trail of each request's context
// along: as the header [Key], and as a member of the baggage header, whose other
// members are kept. Requests to hosts outside the mesh leave without both. A nil
// base is [http.DefaultTransport].
func (t *Tracer) Transport(base http.RoundTripper, opts ...TransportOption) http.RoundTripper {
	if base == nil {
		base = http.DefaultTransport
	}
	tr := &transport{base: base}
	for _, o := range opts {
		o.applyTransport(&tr.config)
	}
	return tr
}

type transport struct {
	base   http.RoundTripper
	config transportConfig
}

// RoundTrip implements [http.RoundTripper].
func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if t.config.inside != nil && !t.config.inside(r.URL.Hostname()) {
		return t.base.RoundTrip(strip(r))
	}
	text := FromContext(r.Context()).Text()
	switch {
	case text != "":
		header := make(http.Header, len(r.Header)+2)
		maps.Copy(header, r.Header)
		header[headerKey] = []string{text}
		header[baggageHeaderKey] = []string{mergeMember(header[baggageHeaderKey], text)}
		ctx := r.Context()
		if member := FromBaggage(ctx); member != "" && member != text { // a propagator below would send it
			ctx = ContextWithBaggage(ctx, text)
		}
		r = r.WithContext(ctx)
		r.Header = header
	case r.Header[headerKey] != nil: // copied from another request: not of this one
		header := maps.Clone(r.Header)
		delete(header, headerKey)
		r = r.WithContext(r.Context())
		r.Header = header
	}
	return t.base.RoundTrip(r)
}

// strip returns the request without anything that a transport or propagator
// below could send.
func strip(r *http.Request) *http.Request {
	ctx := withoutBaggage(r.Context())
	if FromContext(ctx) != nil {
		ctx = NewContext(ctx, nil)
	}
	header := r.Header
	if carriesText(header) {
		header = stripped(header)
	} else if ctx == r.Context() {
		return r
	}
	r = r.WithContext(ctx)
	r.Header = header
	return r
}

// CloseIdleConnections closes those of the base transport.
func (t *transport) CloseIdleConnections() {
	if c, ok := t.base.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}
