// Package traces replays on the devstack, with real dubbo-go processes and the
// real control, the schedules that break weaker forms of opening, closing and
// aborting a channel. It holds tests only.
package traces
