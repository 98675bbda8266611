// Package benchmarks measures what the SDK costs a service: the whole triple
// unary call of dubbo-go over loopback, with the SDK and without. README.md says
// how to read the result. It is a module of its own, so that what it compares
// with never becomes a dependency of the library.
package benchmarks
