// Package sim is a property test of the whole: an estate of processes on fake
// time, in which everything that decides is the real code (the client, trails
// and their text, routing, registrations, the operator's store) and only what is
// around it is a model: the configuration and registry server with its delays
// and losses, the network, handlers, consumers and jobs. Random requests run
// through random changes of the rules, and each is checked against the
// invariants of the design: I1 (sticky), I2 (share), I3 (drained means silent),
// I6 (fail safe) and I7 (gentle).
//
// The same runs with one part of the code or of the protocol switched off, a
// mutant, must break an invariant: so each part is shown to be needed, and the
// test to be able to fail.
//
// It has tests only. Flags:
//
//	-sim.runs N   random runs of each scenario (default: a few)
//	-sim.seed S   one run of each selected scenario, with this seed; -v shows its journal
//
// A seed fixes graphs, delays and losses. It does not fix which of two goroutines
// comes first at one instant, so two runs of a seed differ a little: what a rare
// order has broken may need several replays.
package sim
