// Package nacoswire is the engine of the development Nacos: a small in-memory server that speaks the gRPC protocol of
// Nacos 2 and 3 and the part of the HTTP API that clients, the console and curl need.
//
// It keeps what a single Nacos node keeps, with the rules that clients can observe:
//
//   - one publication per connection and service, gone with the connection;
//   - disabled instances are left out of every answer and push to subscribers;
//   - edits made at the console lie over what the owner registers and outlive it for a minute;
//   - changes of one service are merged for the push delay, and the reference time of its pushes strictly grows;
//   - configs are compared and swapped by md5, and a listener is told of a change but never given the content.
//
// Lock order: the lifecycle lock, then a store's lock, then a connection's lock. Nothing is sent while a store's lock is
// held: a change marks the connections concerned, and each connection's own writer renders the newest state and sends it.
package nacoswire
