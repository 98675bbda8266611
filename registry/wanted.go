package registry

import (
	"fmt"

	"github.com/bluegreen-go/bluegreen/sdk"
)

// FullWeight is the weight of an instance whose colour has the larger share.
const FullWeight = 100

// State is what a record should say.
type State struct {
	Enabled    bool
	Weight     int // the instance's weight, 1..10000
	MetaWeight int // metadata "weight", 0..10000; 0 only while the colour is registered with share 0
	Governed   bool
}

// String is one line for people.
func (s State) String() string {
	if !s.Governed {
		return "as registered"
	}
	return fmt.Sprintf("enabled=%t weight=%d/%d", s.Enabled, s.Weight, s.MetaWeight)
}

// Wanted says what the records of a process should say under the rules. Only a
// process with a colour is governed; of any other, records stay as registered.
//
// A process is disabled until rules were read in its life, and while its colour
// is out. The colour with the larger share keeps the full weight and only the
// other's is lowered, so that a change of the split writes half of the records.
// full is the full weight, [FullWeight] or a multiple of it up to 10000.
func Wanted(rules *sdk.Rules, id sdk.Identity, full int) State {
	if id.Color == sdk.Neutral {
		return State{}
	}
	s := State{Governed: true, Enabled: true, Weight: full, MetaWeight: full}
	if rules.Origin() == sdk.NotLoaded || rules.StageOf(id.Service, id.Color) < sdk.Registered {
		s.Enabled = false
	}
	if ch := rules.ActiveChannel(id.Service); ch != nil {
		s.MetaWeight = weight(ch.Share.Of(id.Color), ch.Share.Of(id.Color.Other()), full)
		s.Weight = max(1, s.MetaWeight)
	}
	return s
}

// weight is the half-side rule: full for the larger share, else in proportion to
// it, at least 1 for a share above 0.
func weight(own, other, full int) int {
	switch {
	case own >= other:
		return full
	case own == 0:
		return 0
	}
	return max(1, (own*full+other/2)/other)
}
