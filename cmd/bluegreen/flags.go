package main

import (
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bluegreen-go/bluegreen/control/store"
	"github.com/bluegreen-go/bluegreen/sdk"
)

// waitFlags are those of the commands that wait for processes.
type waitFlags struct {
	timeout, settle, clientTimeout, quiet, linger, abort, poll time.Duration
	force, mixed, neutral                                      bool
	replicas, dead                                             []string
}

// add gives a command the flags.
func (w *waitFlags) add(cmd *cobra.Command) *cobra.Command {
	f := cmd.Flags()
	f.DurationVar(&w.timeout, "timeout", 2*time.Minute, "limit of each wait")
	f.BoolVar(&w.force, "force", false, "go on where a wait exceeds its limit; the certificate says so")
	f.BoolVar(&w.neutral, "allow-neutral", false, "although processes of the channel have no colour; they are never drained")
	f.StringSliceVar(&w.replicas, "replicas", nil, "least number of processes per colour: order=2,payment/blue=3 (default 1)")
	f.StringSliceVar(&w.dead, "dead", nil, "boot ids of processes that are known to be dead")
	f.DurationVar(&w.clientTimeout, "client-timeout", 3*time.Second, "longest time that a caller waits for an answer")
	f.DurationVar(&w.settle, "settle", 0, "wait between the zero rounds (default: client timeout + 1s)")
	f.DurationVar(&w.quiet, "quiet", 10*time.Second, "how long nothing may start before a colour is certified")
	f.DurationVar(&w.linger, "linger", 0, "how long a colour without a share keeps consuming")
	f.DurationVar(&w.abort, "abort-limit", 30*time.Second, "how long an abort waits for silence")
	f.DurationVar(&w.poll, "poll", 500*time.Millisecond, "how often processes are looked at")
	return cmd
}

func (w *waitFlags) options() ([]store.Option, error) {
	if w.poll == 0 {
		return nil, nil // a command without these flags
	}
	replicas, err := parseReplicas(w.replicas)
	if err != nil {
		return nil, err
	}
	opts := []store.Option{
		store.WithTimeout(w.timeout), store.WithForce(w.force), store.WithMixedVersions(w.mixed), store.WithNeutral(w.neutral), store.WithReplicas(replicas),
		store.WithDead(w.dead...), store.WithClientTimeout(w.clientTimeout), store.WithQuiet(w.quiet), store.WithLinger(w.linger),
		store.WithAbortLimit(w.abort), store.WithPoll(w.poll),
	}
	if w.settle > 0 {
		opts = append(opts, store.WithSettle(w.settle))
	}
	return opts, nil
}

// parseReplicas reads order=2 and payment/blue=3.
func parseReplicas(items []string) (map[string]int, error) {
	replicas := map[string]int{}
	for _, item := range items {
		name, count, _ := strings.Cut(item, "=")
		n, err := strconv.Atoi(count)
		if err != nil || n < 0 || name == "" {
			return nil, usagef("--replicas %q: want service=number or service/colour=number", item)
		}
		if _, color, colored := strings.Cut(name, "/"); colored {
			if _, err := parseColor(color); err != nil {
				return nil, err
			}
		}
		replicas[name] = n
	}
	return replicas, nil
}

// parseShare reads blue=1 green=99, or 1:99.
func parseShare(items []string) (sdk.PerColor[int], error) {
	var share sdk.PerColor[int]
	if len(items) == 1 {
		if b, g, found := strings.Cut(items[0], ":"); found {
			items = []string{"blue=" + b, "green=" + g}
		}
	}
	if len(items) != 2 {
		return share, usagef("want both shares: blue=1 green=99, or 1:99")
	}
	seen := map[sdk.Color]bool{}
	for _, item := range items {
		name, text, _ := strings.Cut(item, "=")
		color, err := parseColor(name)
		if err != nil {
			return share, err
		}
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 || seen[color] {
			return share, usagef("share %q: want each colour once with a number", item)
		}
		seen[color] = true
		share = share.With(color, n)
	}
	return share, nil
}
