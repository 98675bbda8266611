// Package registry makes this process's own records in Nacos follow the traffic
// rules.
//
// [Decorate] wraps the nacos-sdk-go naming client that a framework registers
// with. Every registration leaves with the enabled flag, weights and metadata
// that the rules ask for, the first one included: a process of a drained colour
// is born disabled. When the rules change, each record is written once, after a
// random delay, and only if something about it changes.
//
// What a record should say is the pure function [Wanted].
//
// Programs that use dubbo-go need nothing of this package: rpc.Install sets it
// up. The package knows nacos-sdk-go and no RPC framework.
package registry
