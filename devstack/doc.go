// Package devstack runs the servers that this module's examples and tests need inside the process: for now a Nacos that
// unmodified clients (nacos-sdk-go, dubbo-go, Java) talk to over loopback. It starts in milliseconds.
//
// Use [RunT] in tests and [Start] in programs:
//
//	srv := devstack.RunT(t)
//	clients.NewNamingClient(vo.NacosClientParam{ServerConfigs: []constant.ServerConfig{srv.ServerConfig()}, ...})
//
// Beside the protocol there are three things that a real server does not offer: direct access to the state
// ([Server.Instances], [Server.Config] …), journals of what was written and of what watchers could see
// ([Server.Writes], [Server.Visible]), and faults ([Server.Restart], [Server.Stall], [Server.LosePushes] …).
//
// It is for development and tests: everything is in memory, there is no access control, one node, no persistent
// instances, and only loopback addresses are served. The package conformance holds the suite that keeps it like Nacos:
// the same suite passes against a real one.
package devstack
