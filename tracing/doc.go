// Package tracing carries the decisions of a request from process to process.
//
// A request is decided once, at its root, for every channel in which a release
// runs. The decisions live in the request's [Trail], which its context holds,
// and travel as one short text:
//
//	#4711~order:b:17~stock:g:3
//
// that is, the request's seed, then for each channel, in name order, the colour
// (b or g) and the revision of the rules that it was decided at. See [Parse] for
// the grammar.
//
// # Which functions to use
//
// An HTTP service wraps its handler in [Tracer.Middleware] and its client's
// transport in [Tracer.Transport]; package rpc does the same for dubbo-go. Code
// that starts requests by itself, such as a timer, calls [Tracer.Start]; code
// that receives the text by a carrier of its own calls [Tracer.Receive]. Both
// return a trail that is counted as under way between [Trail.Open] and
// [Trail.Close]. A goroutine that outlives its request takes its context from
// [Detach].
//
// # Carriers
//
// The text travels under [Key]: a Dubbo attachment, an HTTP header, a message
// property, a job parameter. This copy is authoritative. The same text is also
// a member of the OpenTelemetry baggage, which crosses hops that know nothing
// but OpenTelemetry. Baggage alone would not be safe: an application may replace
// it, and a receiver drops all of it beyond 64 members or 8192 bytes.
//
// Text that comes from outside is dropped at the edge: the HTTP middleware
// accepts it only from requests that it was told to trust.
//
// # Versions
//
// A text that cannot be read is as good as absent: it is counted, logged once,
// and never fails a request. A text whose first character is neither "#" nor a
// character of a channel's name was written by a later version ([ErrVersion]).
// A later version therefore begins what this one must not read with another
// character, and goes on writing what this one reads until no process of this
// version is left.
//
// # Cost
//
// While no channel is active, [Tracer.Start] and [Tracer.Receive] of a request
// that carries nothing allocate nothing. Reading a decision ([FromContext],
// [Trail.Decisions], [Trail.Text]) never allocates.
package tracing
