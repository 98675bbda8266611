// Package nacos keeps the rules and the agent reports in Nacos: it is the
// [sdk.Source] and the [sdk.Reporter] of processes, and what control publishes
// and reads reports with.
//
// Most programs need [Start] alone. Programs that hold a connection for more
// than the rules use [Open].
//
// Nothing here blocks on a server that is away: connections are made at first
// use, and nacos-sdk-go, which knows no contexts, is called beside the caller,
// who waits no longer than his context says. A call that was given up may still
// have happened; the methods say what that means for each.
//
// Publishing needs a server that honours compare-and-set, Nacos 2.3.2 or later;
// [Nacos.SelfTest] proves it. Reading works with any Nacos 2 or 3.
package nacos
