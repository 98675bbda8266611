package store

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/bluegreen-go/bluegreen/sdk"
)

func stages(blue, green sdk.Stage) sdk.PerColor[sdk.Stage] {
	return sdk.PerColor[sdk.Stage]{Blue: blue, Green: green}
}

// channel is an active one.
func channel(split sdk.PerColor[int], stage sdk.PerColor[sdk.Stage]) *sdk.Channel {
	return &sdk.Channel{
		APIVersion: sdk.APIVersion, Name: "checkout", Revision: 7, State: sdk.Active, WhenEmpty: sdk.UseOther,
		Services: []string{"order", "payment"}, Share: split, Stage: stage,
	}
}

func TestSteps(t *testing.T) {
	both := channel(share(1, 99), stages(sdk.Consuming, sdk.Full))
	idle := channel(share(1, 1), stages(sdk.Full, sdk.Full))
	idle.State = sdk.Idle
	to := func(f func(*sdk.Channel, sdk.Color) (*sdk.Channel, error), c sdk.Color) func(*sdk.Channel) (*sdk.Channel, error) {
		return func(ch *sdk.Channel) (*sdk.Channel, error) { return f(ch, c) }
	}
	split := func(b, g int) func(*sdk.Channel) (*sdk.Channel, error) {
		return func(ch *sdk.Channel) (*sdk.Channel, error) { return Split(ch, share(b, g)) }
	}
	activate := func(ch *sdk.Channel) (*sdk.Channel, error) { return Activate(ch, sdk.Release{ID: "r"}) }
	tests := []struct {
		name  string
		cur   *sdk.Channel
		step  func(*sdk.Channel) (*sdk.Channel, error)
		share sdk.PerColor[int]
		stage sdk.PerColor[sdk.Stage]
		rule  Rule // refused by
	}{
		{"activate", idle, activate, share(1, 1), stages(sdk.Full, sdk.Full), ""},
		{"activate twice", both, activate, share(0, 0), stages(0, 0), Order},
		{"open", channel(share(0, 1), stages(sdk.Out, sdk.Full)), to(Register, sdk.Blue), share(0, 1), stages(sdk.Registered, sdk.Full), ""},
		{"open what is in", both, to(Register, sdk.Blue), share(0, 0), stages(0, 0), Order},
		{"open idle", idle, to(Register, sdk.Blue), share(0, 0), stages(0, 0), Order},
		{"open no colour", both, to(Register, sdk.Neutral), share(0, 0), stages(0, 0), Order},
		{"first share", channel(share(0, 1), stages(sdk.Registered, sdk.Full)), split(5, 95), share(5, 95), stages(sdk.Consuming, sdk.Full), ""},
		{"share keeps stages", both, split(0, 1), share(0, 1), stages(sdk.Consuming, sdk.Full), ""},
		{"share for who is out", channel(share(0, 1), stages(sdk.Out, sdk.Full)), split(1, 1), share(0, 0), stages(0, 0), S1},
		{"both shares 0", both, split(0, 0), share(0, 0), stages(0, 0), S1},
		{"negative share", both, split(-1, 2), share(0, 0), stages(0, 0), S1},
		{"promote", both, to(Promote, sdk.Blue), share(1, 99), stages(sdk.Full, sdk.Full), ""},
		{"promote what is full", both, to(Promote, sdk.Green), share(0, 0), stages(0, 0), Order},
		{"promote what is registered", channel(share(0, 1), stages(sdk.Registered, sdk.Full)), to(Promote, sdk.Blue), share(0, 0), stages(0, 0), Order},
		{"withhold", both, to(Withhold, sdk.Blue), share(0, 99), stages(sdk.Consuming, sdk.Full), ""},
		{"withhold all", channel(share(1, 0), stages(sdk.Full, sdk.Full)), to(Withhold, sdk.Blue), share(0, 1), stages(sdk.Full, sdk.Full), ""},
		{"withhold the only full one", both, to(Withhold, sdk.Green), share(0, 0), stages(0, 0), S1},
		{"hand over", channel(share(0, 1), stages(sdk.Full, sdk.Full)), to(HandOver, sdk.Blue), share(0, 1), stages(sdk.Registered, sdk.Full), ""},
		{"hand over with a share", both, to(HandOver, sdk.Blue), share(0, 0), stages(0, 0), Order},
		{"take out", channel(share(0, 1), stages(sdk.Registered, sdk.Full)), to(TakeOut, sdk.Blue), share(0, 1), stages(sdk.Out, sdk.Full), ""},
		{"take out while consuming", channel(share(0, 1), stages(sdk.Consuming, sdk.Full)), to(TakeOut, sdk.Blue), share(0, 0), stages(0, 0), Order},
		{"abort", both, to(Withdraw, sdk.Blue), share(0, 99), stages(sdk.Registered, sdk.Full), ""},
		{"abort the full one", both, to(Withdraw, sdk.Green), share(1, 0), stages(sdk.Full, sdk.Registered), ""},
		{"abort hard", both, to(WithdrawHard, sdk.Blue), share(0, 99), stages(sdk.Out, sdk.Full), ""},
		{"abort the last", channel(share(1, 0), stages(sdk.Full, sdk.Out)), to(Withdraw, sdk.Blue), share(0, 0), stages(0, 0), S2},
		{"balance", both, Balance, share(1, 1), stages(sdk.Full, sdk.Full), ""},
		{"balance with one out", channel(share(0, 1), stages(sdk.Out, sdk.Full)), Balance, share(0, 0), stages(0, 0), Order},
		{"deactivate", channel(share(1, 1), stages(sdk.Full, sdk.Full)), Deactivate, share(1, 1), stages(sdk.Full, sdk.Full), ""},
		{"deactivate uneven", both, Deactivate, share(0, 0), stages(0, 0), Order},
		{"probe", both, Probe, share(1, 99), stages(sdk.Consuming, sdk.Full), ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			before := *tt.cur.Clone()
			next, err := tt.step(tt.cur)
			if tt.cur.Share != before.Share || tt.cur.Stage != before.Stage || tt.cur.Revision != before.Revision {
				t.Error("the step changed its argument")
			}
			if tt.rule != "" {
				if e := mustFail[*RuleError](t, err, "checkout"); e.Rule != tt.rule {
					t.Errorf("got rule %s, want %s", e.Rule, tt.rule)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if next.Revision != 8 || next.Share != tt.share || next.Stage != tt.stage {
				t.Errorf("got revision %d, %v, %v, want 8, %v, %v", next.Revision, next.Share, next.Stage, tt.share, tt.stage)
			}
		})
	}
}

func TestCheck(t *testing.T) {
	prev := channel(share(0, 1), stages(sdk.Registered, sdk.Full))
	edit := func(f func(*sdk.Channel)) *sdk.Channel {
		next := step(prev)
		f(next)
		return next
	}
	out := edit(func(c *sdk.Channel) { c.Stage.Blue = sdk.Out })
	green := func(rev int64) Proof { return Proof{Serving: sdk.PerColor[int64]{Green: rev}} }
	tests := []struct {
		name  string
		next  *sdk.Channel
		proof Proof
		rule  Rule
	}{
		{"out with proof", out, green(5), ""},
		{"out without", out, Proof{}, S2},
		{"out forced", out, Proof{Forced: true}, ""},
		{"out with proof of the wrong colour", out, Proof{Serving: sdk.PerColor[int64]{Blue: 7}}, S2},
		{"proof from the future", out, green(8), S2},
		{"revision skipped", edit(func(c *sdk.Channel) { c.Revision++ }), green(7), S1},
		{"revision repeated", edit(func(c *sdk.Channel) { c.Revision-- }), green(7), S1},
		{"another channel", edit(func(c *sdk.Channel) { c.Name = "stock" }), green(7), S1},
		{"invalid", edit(func(c *sdk.Channel) { c.Share = share(1, 0) }), green(7), S1},
		{"services swapped", edit(func(c *sdk.Channel) { c.Services = []string{"order", "stock"} }), green(7), S3},
		{"services added", edit(func(c *sdk.Channel) { c.Services = append(c.Services, "stock") }), green(7), S3},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := Check(prev, tt.next, tt.proof)
			if tt.rule == "" && err != nil {
				t.Errorf("got %v, want nil", err)
			}
			if tt.rule != "" {
				if e := mustFail[*RuleError](t, err); e.Rule != tt.rule {
					t.Errorf("got rule %s, want %s", e.Rule, tt.rule)
				}
			}
		})
	}
	t.Run("colours swap", func(t *testing.T) {
		prev := channel(share(0, 1), stages(sdk.Out, sdk.Full))
		next := step(prev)
		next.Stage, next.Share = stages(sdk.Full, sdk.Out), share(1, 0)
		for _, p := range []Proof{{Serving: sdk.Both[int64](7)}, {Forced: true}} {
			if e := mustFail[*RuleError](t, Check(prev, next, p)); e.Rule != S2 {
				t.Errorf("got rule %s, want S2", e.Rule)
			}
		}
	})
	t.Run("active without a claim", func(t *testing.T) {
		idle := channel(share(1, 1), stages(sdk.Full, sdk.Full))
		idle.State = sdk.Idle
		next, _ := Activate(idle, sdk.Release{})
		if e := mustFail[*RuleError](t, Check(idle, next, Proof{})); e.Rule != S3 {
			t.Errorf("got rule %s, want S3", e.Rule)
		}
		if err := Check(idle, next, Proof{Claimed: true}); err != nil {
			t.Error(err)
		}
	})
}

// estate is the model that the property test holds the store to: processes that
// follow at any pace, restart and vanish, and every document ever published.
type estate struct {
	t      *rapid.T
	memory *Memory
	r      *run
	docs   []*sdk.Channel // by revision - 1
	agents map[string]*sdk.Report
	held   map[string][]int64 // the revisions that a process has ever converged at
	next   int
}

func (e *estate) join(service string, color sdk.Color) {
	e.next++
	boot := fmt.Sprintf("b%d", e.next)
	e.agents[boot] = &sdk.Report{Identity: sdk.Identity{Service: service, Color: color, Boot: boot, Host: boot}, Origin: sdk.FromSource}
	e.follow(boot, 0)
}

// follow lets a process converge at a revision; 0: at none.
func (e *estate) follow(boot string, revision int64) {
	e.held[boot] = append(e.held[boot], revision)
	a := e.agents[boot]
	a.Seq++
	a.Channels = []sdk.ChannelReport{{Channel: "checkout", Revision: revision, Converged: revision}}
	e.memory.PutAgent(*a)
	e.r.look(context.Background(), nil)
}

// step tries one of the pure steps by the real way of publishing.
func (e *estate) step() {
	color := rapid.SampledFrom(sdk.Colors[:]).Draw(e.t, "color")
	n, m := rapid.IntRange(-1, 3).Draw(e.t, "blue"), rapid.IntRange(0, 3).Draw(e.t, "green")
	cur := e.r.doc.Channel
	steps := []func() (*sdk.Channel, error){
		func() (*sdk.Channel, error) { return Activate(cur, sdk.Release{}) },
		func() (*sdk.Channel, error) { return Register(cur, color) },
		func() (*sdk.Channel, error) { return Split(cur, share(n, m)) },
		func() (*sdk.Channel, error) { return Promote(cur, color) },
		func() (*sdk.Channel, error) { return Withhold(cur, color) },
		func() (*sdk.Channel, error) { return HandOver(cur, color) },
		func() (*sdk.Channel, error) { return TakeOut(cur, color) },
		func() (*sdk.Channel, error) { return TakeOut(cur, color) },
		func() (*sdk.Channel, error) { return Withdraw(cur, color) },
		func() (*sdk.Channel, error) { return WithdrawHard(cur, color) },
		func() (*sdk.Channel, error) { return Balance(cur) },
		func() (*sdk.Channel, error) { return Deactivate(cur) },
		func() (*sdk.Channel, error) { return Probe(cur) },
	}
	next, err := steps[rapid.IntRange(0, len(steps)-1).Draw(e.t, "step")]()
	if err = e.r.publish(context.Background(), next, err, "step"); err != nil {
		if e.r.doc.Channel != cur {
			e.t.Fatalf("refused, but published: %v", err)
		}
		return
	}
	e.judge(cur, e.r.doc)
	e.docs = append(e.docs, e.r.doc.Channel)
}

// judge says by itself whether the publish was legal.
func (e *estate) judge(prev *sdk.Channel, doc Doc) {
	next, err := sdk.ParseChannelStrict(doc.Text)
	if err != nil {
		e.t.Fatalf("invalid document: %v", err)
	}
	if next.Revision != prev.Revision+1 {
		e.t.Fatalf("revision %d after %d", next.Revision, prev.Revision)
	}
	in, left := 0, 0
	for _, c := range sdk.Colors {
		was, is := prev.StageOf(c) >= sdk.Registered, next.StageOf(c) >= sdk.Registered
		if !was && is {
			in++
		}
		if was && !is {
			left++
			e.judgeLeave(prev, c)
		}
	}
	if in > 0 && left > 0 || left == 2 {
		e.t.Fatalf("%d in and %d out at once", in, left)
	}
}

// judgeLeave: each process of the other colour, gone or not, must once have
// converged at a revision since which that colour was in without a break.
func (e *estate) judgeLeave(prev *sdk.Channel, color sdk.Color) {
	other, found := color.Other(), false
	for boot, a := range e.agents {
		if a.Identity.Color != other || !prev.Has(a.Identity.Service) {
			continue
		}
		found = true
		if !e.covered(boot, prev.Revision, other) {
			e.t.Fatalf("%s left at revision %d, but %s/%s never converged at a revision with %s in", color, prev.Revision+1, boot, a.Identity.Service, other)
		}
	}
	if !found {
		e.t.Fatalf("%s left, but no process of %s was ever seen", color, other)
	}
}

// covered reports whether a process has converged at a revision since which the
// colour was in.
func (e *estate) covered(boot string, upTo int64, color sdk.Color) bool {
	for rev := upTo; rev >= 1; rev-- {
		if e.docs[rev-1].StageOf(color) < sdk.Registered {
			return false
		}
		if slices.Contains(e.held[boot], rev) {
			return true
		}
	}
	return false
}

// No sequence of steps, whatever processes do meanwhile, publishes an invalid
// document, adds and removes at once, or takes a colour out that the other one
// cannot stand in for.
func TestEveryPublishIsLegal(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ctx := context.Background()
		e := &estate{t: t, memory: NewMemory(), agents: map[string]*sdk.Report{}, held: map[string][]int64{}}
		s := New(e.memory, WithAuthor("test"))
		doc, err := s.Create(ctx, "checkout", []string{"order", "payment"})
		if err != nil {
			t.Fatal(err)
		}
		e.docs = append(e.docs, doc.Channel)
		if e.r, err = s.begin(ctx, "checkout"); err != nil {
			t.Fatal(err)
		}
		if err := s.claim(ctx, doc.Channel); err != nil {
			t.Fatal(err)
		}
		for _, c := range sdk.Colors {
			e.join("order", c)
			e.join("payment", c)
		}
		for range rapid.IntRange(20, 120).Draw(t, "events") {
			boots := sortedKeys(e.agents)
			boot := rapid.SampledFrom(boots).Draw(t, "boot")
			top := e.r.doc.Revision
			switch rapid.IntRange(0, 11).Draw(t, "event") {
			case 0, 1: // one follows, at any revision
				rev := rapid.Int64Range(0, top).Draw(t, "revision")
				e.follow(boot, rev)
			case 2, 3: // all follow
				for _, b := range boots {
					e.follow(b, top)
				}
			case 4: // one joins
				if len(boots) < 6 {
					id := e.agents[boot].Identity
					e.join(id.Service, id.Color)
				}
			case 5: // one vanishes and is missed
				e.memory.RemoveAgent(boot)
				e.r.look(ctx, nil)
			default:
				e.step()
			}
		}
	})
}
