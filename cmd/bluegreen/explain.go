package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bluegreen-go/bluegreen/control/store"
	"github.com/bluegreen-go/bluegreen/sdk"
	"github.com/bluegreen-go/bluegreen/tracing"
)

// question is what explain is asked.
type question struct {
	channel, from, to, text string
	seed                    uint32
}

// Explanation is one call with the four inputs of its routing and the decision.
type Explanation struct {
	Caller    Caller         `json:"caller"`
	Carried   []Decision     `json:"carried"`          // input 1
	CarriedBy string         `json:"carriedBy"`        // where they come from
	Service   string         `json:"service"`          // input 2
	Instances []Instance     `json:"instances"`        // input 3
	Active    []*sdk.Channel `json:"active"`           // input 4
	Behind    []string       `json:"behind,omitempty"` // channels that the caller has at an older revision
	Decision  Decision       `json:"decision"`
}

// Decision is an [sdk.Decision] for JSON.
type Decision struct {
	Channel  string     `json:"channel"`
	Color    sdk.Color  `json:"color"`
	From     sdk.Color  `json:"from"`
	Reason   sdk.Reason `json:"reason"`
	Revision int64      `json:"revision"`
	Refused  bool       `json:"refused,omitempty"`
}

// Caller is who makes the call.
type Caller struct {
	Service   string    `json:"service,omitempty"`
	Color     sdk.Color `json:"color,omitempty"`
	Process   string    `json:"process,omitempty"` // "" if it is not a live one
	Converged bool      `json:"converged"`
}

func (a *app) explainCommand() *cobra.Command {
	var q question
	cmd := &cobra.Command{
		Use: "explain [CHANNEL]", Short: "Explain where a call goes, by the functions that processes use",
		Long: `Explain prints the four inputs of routing and the decision that they lead to:
the decisions that the request carries, the service that it calls, the instances
that callers see, and the active channels as the caller has them.

--from names a service, service/colour or a boot id: the rules are then taken at the
revisions that this live process reports. Without it, a new request from outside is
explained. --to names the callee; without it, every service of CHANNEL is explained.`,
		Args: upTo(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				q.channel = args[0]
			}
			if q.channel == "" && q.to == "" {
				return usagef("explain: name a channel or --to SERVICE")
			}
			return a.withStore(cmd.Context(), func(s *store.Store, c *Connection) error {
				all, err := explain(cmd.Context(), s, c, q)
				if err != nil {
					return err
				}
				if a.output == "json" {
					return a.json(all)
				}
				for i := range all {
					a.printf("%s", all[i].text(i > 0))
				}
				return nil
			})
		},
	}
	f := cmd.Flags()
	f.StringVar(&q.from, "from", "", "the caller: service, service/colour or boot id")
	f.StringVar(&q.to, "to", "", "the service that is called")
	f.StringVar(&q.text, "text", "", "what the request carries, such as #4711~checkout:b:17")
	f.Uint32Var(&q.seed, "seed", 0, "the seed of a request that carries none")
	return cmd
}

func explain(ctx context.Context, s *store.Store, c *Connection, q question) ([]Explanation, error) {
	rules, err := s.Rules(ctx)
	if err != nil {
		return nil, err
	}
	callees := []string{q.to}
	if q.to == "" {
		ch := rules.Channel(q.channel)
		if ch == nil {
			return nil, fmt.Errorf("channel %s: %w", q.channel, store.ErrNotFound)
		}
		callees = ch.Services
	}
	caller, report, err := findCaller(ctx, s, q.from)
	if err != nil {
		return nil, err
	}
	var old []string
	if report != nil {
		if rules, old, err = rulesOf(ctx, s, rules, report); err != nil {
			return nil, err
		}
	}
	var all []Explanation
	for _, callee := range callees {
		instances, err := c.Instances(ctx, callee)
		if err != nil {
			return nil, err
		}
		e := Explanation{Caller: caller, Service: callee, Instances: instances, Behind: old}
		if err := e.decide(rules, report, q); err != nil {
			return nil, err
		}
		all = append(all, e)
	}
	return all, nil
}

// findCaller finds the live process that --from names.
func findCaller(ctx context.Context, s *store.Store, from string) (Caller, *sdk.Report, error) {
	if from == "" {
		return Caller{}, nil, nil
	}
	reports, err := s.Agents(ctx)
	if err != nil && len(reports) == 0 {
		return Caller{}, nil, err
	}
	for i := range reports {
		id := reports[i].Identity
		if from == id.Boot || from == id.Service || from == id.Service+"/"+id.Color.String() {
			return Caller{Service: id.Service, Color: id.Color, Process: fmt.Sprintf("%s:%d [%s]", id.Host, id.PID, id.Boot)}, &reports[i], nil
		}
	}
	return Caller{}, nil, fmt.Errorf("no process of %q reports", from)
}

// rulesOf are the rules at the revisions that the caller reports.
func rulesOf(ctx context.Context, s *store.Store, rules *sdk.Rules, report *sdk.Report) (*sdk.Rules, []string, error) {
	var channels []*sdk.Channel
	var old []string
	for _, ch := range rules.Channels() {
		has, named := report.Of(ch.Name)
		if named && has.Revision != ch.Revision {
			entries, err := s.History(ctx, ch.Name)
			if err != nil {
				return nil, nil, err
			}
			old = append(old, fmt.Sprintf("%s (has revision %d, published is %d)", ch.Name, has.Revision, ch.Revision))
			for _, e := range entries {
				if was, err := e.Channel(); err == nil && e.Revision == has.Revision {
					ch = was
				}
			}
		}
		channels = append(channels, ch)
	}
	return sdk.NewRules(report.Origin, rules.Index(), channels), old, nil
}

func (e *Explanation) decide(rules *sdk.Rules, report *sdk.Report, q question) error {
	seed, hasSeed, carried, err := tracing.Parse(q.text, nil)
	if q.text != "" && err != nil {
		return usagef("--text: %w", err)
	}
	if q.text == "" || !hasSeed {
		seed = sdk.Seed(q.seed)
	}
	for _, ch := range rules.Channels() {
		if ch.IsActive() {
			e.Active = append(e.Active, ch)
		}
	}
	who := sdk.Caller{Service: e.Caller.Service, Color: e.Caller.Color}
	if ch := rules.ActiveChannel(e.Service); ch != nil && report != nil {
		has, _ := report.Of(ch.Name)
		who.Converged = has.Converged == ch.Revision
	}
	e.Caller.Converged = who.Converged
	e.CarriedBy = "what the request carries"
	if q.text == "" {
		e.CarriedBy = fmt.Sprintf("decided here, as by the root of a request with seed %d", seed)
		carried = rules.DecideRoot(who, sdk.Request{Seed: seed}, nil)
	}
	for _, d := range carried {
		e.Carried = append(e.Carried, Decision(d))
	}
	var live sdk.Live
	for _, i := range e.Instances {
		live |= sdk.LiveOf(i.Color)
	}
	e.Decision = Decision(rules.Decide(who, e.Service, sdk.Request{Carried: carried, Seed: seed}, live))
	return nil
}

// text prints the explanation; a later one of a list leaves out what is the same.
func (e *Explanation) text(later bool) string {
	var b strings.Builder
	if later {
		b.WriteByte('\n')
	}
	from := "a new request from outside"
	if e.Caller.Service != "" {
		from = e.Caller.Service + " (" + e.Caller.Color.String() + ")"
	}
	fmt.Fprintf(&b, "%s → %s\n", from, e.Service)
	rows := [][]string{}
	if e.Caller.Process != "" {
		rows = append(rows, []string{"  caller", e.Caller.Process})
	}
	for _, o := range e.Behind {
		rows = append(rows, []string{"  caller is behind", o})
	}
	rows = append(rows, []string{"  1 carried decisions", e.carriedText()},
		[]string{"  2 service", e.serviceText()},
		[]string{"  3 instances", e.instancesText()},
		[]string{"  4 active channels", e.activeText()},
		[]string{"  decision", e.decisionText()})
	table(&b, rows)
	return b.String()
}

func (e *Explanation) carriedText() string {
	if len(e.Carried) == 0 {
		return "none"
	}
	var parts []string
	for _, d := range e.Carried {
		part := fmt.Sprintf("%s=%s at revision %d", d.Channel, d.Color, d.Revision)
		if d.Reason != sdk.None {
			part += " by " + string(d.Reason)
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, ", ") + " (" + e.CarriedBy + ")"
}

func (e *Explanation) serviceText() string {
	for _, ch := range e.Active {
		if ch.Has(e.Service) {
			return e.Service + ", in active channel " + ch.Name
		}
	}
	return e.Service + ", in no active channel"
}

func (e *Explanation) instancesText() string {
	if len(e.Instances) == 0 {
		return "none is seen"
	}
	var parts []string
	for _, c := range []sdk.Color{sdk.Blue, sdk.Green, sdk.Neutral} {
		var addresses []string
		for _, i := range e.Instances {
			if i.Color == c && !slices.Contains(addresses, i.Address) {
				addresses = append(addresses, i.Address)
			}
		}
		if len(addresses) > 0 {
			parts = append(parts, fmt.Sprintf("%s: %s", c, strings.Join(addresses, " ")))
		}
	}
	return strings.Join(parts, "; ")
}

func (e *Explanation) activeText() string {
	var parts []string
	for _, ch := range e.Active {
		parts = append(parts, channelLine(ch))
	}
	if len(parts) == 0 {
		return "none"
	}
	return strings.Join(parts, "; ")
}

func (e *Explanation) decisionText() string {
	d := e.Decision
	switch {
	case d.Channel == "":
		return "any instance"
	case d.Refused:
		return fmt.Sprintf("the call fails: no live instance of %s (whenEmpty is fail)", d.From)
	case d.Color == sdk.Neutral:
		return fmt.Sprintf("any instance: no colour is live (decided %s)", d.From)
	case d.Color != d.From:
		return fmt.Sprintf("%s: CROSSING, %s was decided (%s, channel %s, revision %d)", d.Color, d.From, d.Reason, d.Channel, d.Revision)
	}
	return fmt.Sprintf("%s (%s, channel %s, revision %d)", d.Color, d.Reason, d.Channel, d.Revision)
}
