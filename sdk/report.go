package sdk

import (
	"context"
	"time"
)

// Report is what the SDK tells of a process: the agent report. It is what
// control's barriers and certificates rest on.
type Report struct {
	Identity Identity
	Seq      int64 // grows with each report of this life
	At       time.Time
	Origin   Origin
	Index    int64           // revision of the index that the process follows, all its channels included
	Channels []ChannelReport // the active ones, and those that changed lately
	Problems []string        // what is wrong with the rules as read, shortened
	Caps     []string        // which adapters run: rpc, mq, job
	Leaving  bool            // shutting down: once it is gone, it is not missed
}

// ChannelReport is the part of a [Report] about one channel.
type ChannelReport struct {
	Channel   string
	Revision  int64  // of the rules that the process has
	Hash      string // short hash of the document as read
	Converged int64  // the revision that everything in the process follows and sees
	Blind     []string
	InFlight  PerColor[int64]
	Starts    PerColor[int64] // in the life of the process
}

// Of returns the report about one channel.
func (r *Report) Of(channel string) (ChannelReport, bool) {
	for _, c := range r.Channels {
		if c.Channel == channel {
			return c, true
		}
	}
	return ChannelReport{}, false
}

// Reporter takes reports to where control reads them. Report is called by one
// goroutine at a time, with the newest state; an error is retried later.
type Reporter interface {
	Report(ctx context.Context, r Report) error
	// Close withdraws the process's report: it says goodbye.
	Close(ctx context.Context) error
}

// Part is something in this process that follows the rules: its registration,
// its routers, its consumers, its jobs.
type Part interface {
	// Behind names what does not follow the channel's rules yet, or what it
	// cannot see ("payment/blue"); nil when all does. It is called by one
	// goroutine, must not block, and must not call the Client.
	Behind(ch *Channel) []string
}

// PartFunc makes a Part of a function.
type PartFunc func(ch *Channel) []string

// Behind calls f.
func (f PartFunc) Behind(ch *Channel) []string { return f(ch) }
