// Package rpc is the adapter for dubbo-go 3.3.2: one [Install] call makes a
// process's calls keep to one colour and its registrations follow the rules.
//
// What it sets up, all through dubbo-go's extension points:
//
//   - a cluster interceptor, which finds the request's trail or makes one,
//   - a router, which picks the instances of the decided colour before load
//     balancing, so that the share is exact whatever the load balancer does,
//   - a client filter, which writes the decisions into the attachments, and a
//     provider filter, which reads them,
//   - the naming client that dubbo-go registers with (package registry),
//   - dubbo-go's own signal handler is off: [sdk.Client.Shutdown] stops the
//     process in the right order.
//
// dubbo-go keeps its extensions in global maps, so there is one Install in the
// life of a process, before dubbo.NewInstance, NewServer or NewClient.
package rpc
