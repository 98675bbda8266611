// Package integration runs the module's promises against the real servers: a
// Nacos 3.1 started from published artifacts, and a Java Dubbo caller that knows
// nothing of this module. It is a module of its own, so that what only tests
// need never enters the dependencies of a service.
//
// Everything runs with plain `go test ./...`. What a machine lacks (a JDK of at
// least version 17, Maven) is skipped with a line that says so; with
// BLUEGREEN_REQUIRE_REAL=1 in the environment it fails instead.
package integration
