// Package conformance is the suite that a Nacos has to pass, be it real or the one of package devstack. It talks to the
// server through the unmodified nacos-sdk-go and, for the console's part, through the administration API, and pins what
// this module relies on. It is patient with time and strict with meaning: a difference between two servers is a failed
// test.
//
// The service names and data ids are new in each run, so the suite may run again and again on the same server.
package conformance
