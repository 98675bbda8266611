package store

import (
	"github.com/bluegreen-go/bluegreen/sdk"
)

// The functions of this file make the document of the next step from the present
// one. They are pure: cur is not changed, and whether the step may be published
// yet is for Check and the waits to say.

func step(cur *sdk.Channel) *sdk.Channel {
	next := cur.Clone()
	next.Revision++
	next.Publish = sdk.PublishInfo{}
	return next
}

// valid returns next if it is a valid document.
func valid(next *sdk.Channel) (*sdk.Channel, error) {
	if err := next.Validate(); err != nil {
		return nil, refuse(S1, next, "%v", err)
	}
	return next, nil
}

func needActive(cur *sdk.Channel, color sdk.Color) error {
	if color != sdk.Blue && color != sdk.Green {
		return refuse(Order, cur, "which colour? (blue or green)")
	}
	if !cur.IsActive() {
		return refuse(Order, cur, "the channel is %s; activate it first", cur.State)
	}
	return nil
}

// needOtherFull makes sure that somebody runs everything once color does not.
func needOtherFull(cur *sdk.Channel, color sdk.Color) error {
	other := color.Other()
	if cur.Stage.Of(other) != sdk.Full {
		return refuse(S1, cur, "%s is only %s; promote it before %s leaves", other, cur.Stage.Of(other), color)
	}
	return nil
}

// Activate starts a release: both colours full, 1:1. Nothing changes for calls
// but that they keep to a colour from now on.
func Activate(cur *sdk.Channel, release sdk.Release) (*sdk.Channel, error) {
	if cur.IsActive() {
		return nil, refuse(Order, cur, "the channel is active already")
	}
	next := step(cur)
	next.State, next.Release = sdk.Active, release
	next.Stage, next.Share = sdk.Both(sdk.Full), sdk.Both(1)
	return valid(next)
}

// Register brings a colour in: enabled in the registry, no share yet.
func Register(cur *sdk.Channel, color sdk.Color) (*sdk.Channel, error) {
	if err := needActive(cur, color); err != nil {
		return nil, err
	}
	if cur.Stage.Of(color) != sdk.Out {
		return nil, refuse(Order, cur, "%s is %s already", color, cur.Stage.Of(color))
	}
	next := step(cur)
	next.Stage = next.Stage.With(color, sdk.Registered)
	return valid(next)
}

// Split sets the shares. A colour that gets one is raised to consuming; it must
// be registered.
func Split(cur *sdk.Channel, share sdk.PerColor[int]) (*sdk.Channel, error) {
	if err := needActive(cur, sdk.Blue); err != nil {
		return nil, err
	}
	next := step(cur)
	next.Share = share
	for _, c := range sdk.Colors {
		switch stage := cur.Stage.Of(c); {
		case share.Of(c) <= 0:
		case stage == sdk.Out:
			return nil, refuse(S1, cur, "%s is out; open it before it gets a share", c)
		case stage == sdk.Registered:
			next.Stage = next.Stage.With(c, sdk.Consuming)
		}
	}
	return valid(next)
}

// Promote makes a consuming colour full.
func Promote(cur *sdk.Channel, color sdk.Color) (*sdk.Channel, error) {
	if err := needActive(cur, color); err != nil {
		return nil, err
	}
	switch cur.Stage.Of(color) {
	case sdk.Full:
		return nil, refuse(Order, cur, "%s is full already", color)
	case sdk.Consuming:
	default:
		return nil, refuse(Order, cur, "%s is %s; give it a share before it is promoted", color, cur.Stage.Of(color))
	}
	next := step(cur)
	next.Stage = next.Stage.With(color, sdk.Full)
	return valid(next)
}

// zeroShare takes the share of a colour; the other one always has some.
func zeroShare(share sdk.PerColor[int], color sdk.Color) sdk.PerColor[int] {
	other := color.Other()
	return share.With(color, 0).With(other, max(1, share.Of(other)))
}

// Withhold is the first step of closing a colour: no new decision for it.
func Withhold(cur *sdk.Channel, color sdk.Color) (*sdk.Channel, error) {
	if err := needActive(cur, color); err != nil {
		return nil, err
	}
	if err := needOtherFull(cur, color); err != nil {
		return nil, err
	}
	if cur.Share.Of(color) == 0 {
		return nil, refuse(Order, cur, "%s has no share", color)
	}
	next := step(cur)
	next.Share = zeroShare(cur.Share, color)
	return valid(next)
}

// HandOver is the second step of closing a colour: the other one takes over its
// groups and jobs.
func HandOver(cur *sdk.Channel, color sdk.Color) (*sdk.Channel, error) {
	if err := needActive(cur, color); err != nil {
		return nil, err
	}
	if err := needOtherFull(cur, color); err != nil {
		return nil, err
	}
	if cur.Share.Of(color) != 0 {
		return nil, refuse(Order, cur, "%s still has a share of %d", color, cur.Share.Of(color))
	}
	if cur.Stage.Of(color) <= sdk.Registered {
		return nil, refuse(Order, cur, "%s is %s already", color, cur.Stage.Of(color))
	}
	next := step(cur)
	next.Stage = next.Stage.With(color, sdk.Registered)
	return valid(next)
}

// TakeOut is the third step of closing a colour: it leaves the registry.
func TakeOut(cur *sdk.Channel, color sdk.Color) (*sdk.Channel, error) {
	if err := needActive(cur, color); err != nil {
		return nil, err
	}
	if err := needOtherFull(cur, color); err != nil {
		return nil, err
	}
	if cur.Stage.Of(color) != sdk.Registered {
		return nil, refuse(Order, cur, "%s is %s, not registered", color, cur.Stage.Of(color))
	}
	next := step(cur)
	next.Stage = next.Stage.With(color, sdk.Out)
	return valid(next)
}

// Withdraw is the first step of an abort: no share and no groups or jobs for the
// colour, in one publish. The other colour becomes full if it is not.
func Withdraw(cur *sdk.Channel, color sdk.Color) (*sdk.Channel, error) {
	if err := needActive(cur, color); err != nil {
		return nil, err
	}
	if other := color.Other(); cur.Stage.Of(other) == sdk.Out {
		return nil, refuse(S2, cur, "%s is out: nobody could take over from %s", other, color)
	}
	next := step(cur)
	next.Share = zeroShare(cur.Share, color)
	next.Stage = next.Stage.With(color, min(cur.Stage.Of(color), sdk.Registered)).With(color.Other(), sdk.Full)
	return valid(next)
}

// WithdrawHard is both steps of an abort in one publish: what is under way on
// the colour crosses.
func WithdrawHard(cur *sdk.Channel, color sdk.Color) (*sdk.Channel, error) {
	next, err := Withdraw(cur, color)
	if err != nil {
		return nil, err
	}
	next.Stage = next.Stage.With(color, sdk.Out)
	return valid(next)
}

// Balance ends the work of a release: both colours full, 1:1.
func Balance(cur *sdk.Channel) (*sdk.Channel, error) {
	if err := needActive(cur, sdk.Blue); err != nil {
		return nil, err
	}
	for _, c := range sdk.Colors {
		if stage := cur.Stage.Of(c); stage < sdk.Consuming {
			return nil, refuse(Order, cur, "%s is %s; open it and give it a share first", c, stage)
		}
	}
	next := step(cur)
	next.Stage, next.Share = sdk.Both(sdk.Full), sdk.Both(1)
	return valid(next)
}

// Deactivate ends a release: requests are not kept on a colour any more.
func Deactivate(cur *sdk.Channel) (*sdk.Channel, error) {
	if err := needActive(cur, sdk.Blue); err != nil {
		return nil, err
	}
	if cur.Stage != sdk.Both(sdk.Full) || cur.Share.Blue != cur.Share.Green {
		return nil, refuse(Order, cur, "both colours must be full with equal shares (they are %s:%s, %d:%d)",
			cur.Stage.Blue, cur.Stage.Green, cur.Share.Blue, cur.Share.Green)
	}
	next := step(cur)
	next.State = sdk.Idle
	return valid(next)
}

// Probe publishes the same rules once more: every process reports its counters
// afresh when it has seen them.
func Probe(cur *sdk.Channel) (*sdk.Channel, error) { return valid(step(cur)) }

// Republish is Probe with a revision above a given one, to mend a store that was
// restored from an old backup.
func Republish(cur *sdk.Channel, above int64) (*sdk.Channel, error) {
	next := step(cur)
	next.Revision = max(next.Revision, above+1)
	return valid(next)
}

// Proof is what the last wait has shown about one channel.
type Proof struct {
	// Serving has for each colour a revision that all its expected processes
	// have converged at and since which it was in without a break; 0: not shown.
	Serving sdk.PerColor[int64]
	// Claimed says that all services of the channel are claimed in the index.
	Claimed bool
	// Forced says that an operator takes the risk of a missing proof.
	Forced bool
}

// serves reports whether a colour takes calls under the document.
func serves(ch *sdk.Channel, color sdk.Color) bool { return ch.StageOf(color) >= sdk.Registered }

// Check judges the publish of next over prev by the rules S1, S2 and S3. Every
// publish of this package passes it right before its compare-and-swap.
func Check(prev, next *sdk.Channel, proof Proof) error {
	if err := next.Validate(); err != nil {
		return refuse(S1, next, "%v", err)
	}
	if next.Name != prev.Name || next.Revision != prev.Revision+1 {
		return refuse(S1, next, "revision %d of %q cannot follow revision %d of %q", next.Revision, next.Name, prev.Revision, prev.Name)
	}
	if next.IsActive() && !prev.IsActive() && !proof.Claimed {
		return refuse(S3, next, "its services are not claimed in the index")
	}
	if next.IsActive() && prev.IsActive() && !sameServices(prev, next) {
		return refuse(S3, next, "the services of an active channel cannot change")
	}
	for _, c := range sdk.Colors {
		if !serves(prev, c) || serves(next, c) {
			continue
		}
		if err := checkLeave(prev, next, c, proof); err != nil {
			return err
		}
	}
	return nil
}

func checkLeave(prev, next *sdk.Channel, color sdk.Color, proof Proof) error {
	other := color.Other()
	if !serves(prev, other) || !serves(next, other) {
		return refuse(S2, next, "%s cannot leave in a publish in which %s is not in, or just comes in", color, other)
	}
	if at := proof.Serving.Of(other); !proof.Forced && (at <= 0 || at > prev.Revision) {
		return refuse(S2, next, "%s cannot leave: not every process of %s has converged at a revision in which %s is in", color, other, other)
	}
	return nil
}

func sameServices(a, b *sdk.Channel) bool {
	if len(a.Services) != len(b.Services) {
		return false
	}
	for _, s := range a.Services {
		if !b.Has(s) {
			return false
		}
	}
	return true
}
