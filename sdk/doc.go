// Package sdk holds the traffic rules of a blue-green release and the one pure
// function that everything else follows: [Rules.Decide].
//
// A [Channel] is a named list of services that are released together. Each
// service's cluster is split for good into a blue and a green half ([Color]).
// While a channel is active, every request is decided once, where it enters,
// for blue or for green, and stays there.
//
// A [Client] loads the rules from a [Source] (package sdk/nacos for Nacos;
// [NewMemorySource] and [NewFileSource] for tests and laptops), keeps the last
// good ones in a file, tells subscribers of changes in order, and reports what
// this process does ([Report]).
//
// Most programs never decide anything themselves: they create a Client and hand
// it to an adapter such as package rpc. Programs that split traffic by hand use
// [Client.Rules] and [Rules.Decide].
//
// The package knows no middleware and links none.
package sdk
