package store

import (
	"fmt"
	"strings"
	"time"

	"github.com/bluegreen-go/bluegreen/sdk"
)

// Event tells of the progress of an operation. The types of this file are all
// there are. String is one line for people; the JSON form is for programs.
type Event interface {
	fmt.Stringer
	event()
}

// Claimed says that the channel owns its services in the index.
type Claimed struct {
	Channel  string   `json:"channel"`
	Services []string `json:"services"`
}

// Released says that the channel's services may be claimed by others again.
type Released struct {
	Channel  string   `json:"channel"`
	Services []string `json:"services"`
}

// Published says that a document was replaced.
type Published struct {
	Channel  string                  `json:"channel"`
	Revision int64                   `json:"revision"`
	Step     string                  `json:"step"`
	State    sdk.State               `json:"state"`
	Share    sdk.PerColor[int]       `json:"share"`
	Stage    sdk.PerColor[sdk.Stage] `json:"stage"`
}

// Waiting says that who holds a wait has changed.
type Waiting struct {
	Channel  string `json:"channel"`
	Revision int64  `json:"revision"`
	What     string `json:"what"`
	Holds    []Hold `json:"holds"`
}

// Passed says that a wait is over.
type Passed struct {
	Channel   string        `json:"channel"`
	Revision  int64         `json:"revision"`
	What      string        `json:"what"`
	Took      time.Duration `json:"took"`
	Processes int           `json:"processes"`
	Forced    []Hold        `json:"forced,omitempty"` // those that an operator has overruled
}

// Settling says that nothing but time is waited for.
type Settling struct {
	Channel string        `json:"channel"`
	What    string        `json:"what"`
	For     time.Duration `json:"for"`
}

// Restarted says that a zero round or the quiet time has to be repeated.
type Restarted struct {
	Channel string `json:"channel"`
	What    string `json:"what"`
	Why     []Hold `json:"why"`
}

// Certified says that a colour is drained.
type Certified struct {
	Certificate *Certificate `json:"certificate"`
}

// Revoked is an alarm: something was started on a colour that was certified.
type Revoked struct {
	Certificate *Certificate `json:"certificate"`
}

// Warned says something that an operator should know and that holds nothing.
type Warned struct {
	Channel string `json:"channel"`
	Text    string `json:"text"`
}

func (Claimed) event()   {}
func (Released) event()  {}
func (Published) event() {}
func (Waiting) event()   {}
func (Passed) event()    {}
func (Settling) event()  {}
func (Restarted) event() {}
func (Certified) event() {}
func (Revoked) event()   {}
func (Warned) event()    {}

// String implements [fmt.Stringer].
func (e Claimed) String() string {
	return fmt.Sprintf("%s: claimed %s", e.Channel, strings.Join(e.Services, ", "))
}

// String implements [fmt.Stringer].
func (e Released) String() string {
	return fmt.Sprintf("%s: released %s", e.Channel, strings.Join(e.Services, ", "))
}

// String implements [fmt.Stringer].
func (e Published) String() string {
	if e.State == sdk.Idle {
		return fmt.Sprintf("%s: published revision %d: %s (idle)", e.Channel, e.Revision, e.Step)
	}
	return fmt.Sprintf("%s: published revision %d: %s (share %d:%d, blue %s, green %s)",
		e.Channel, e.Revision, e.Step, e.Share.Blue, e.Share.Green, e.Stage.Blue, e.Stage.Green)
}

// String implements [fmt.Stringer].
func (e Waiting) String() string {
	return fmt.Sprintf("%s: waiting for %s at revision %d: %s", e.Channel, e.What, e.Revision, list(e.Holds))
}

// String implements [fmt.Stringer].
func (e Passed) String() string {
	if len(e.Forced) > 0 {
		return fmt.Sprintf("%s: FORCED past %s at revision %d: %s", e.Channel, e.What, e.Revision, list(e.Forced))
	}
	return fmt.Sprintf("%s: %s at revision %d (%d processes, %s)", e.Channel, e.What, e.Revision, e.Processes, e.Took.Round(time.Millisecond))
}

// String implements [fmt.Stringer].
func (e Settling) String() string {
	return fmt.Sprintf("%s: %s: %s", e.Channel, e.What, e.For)
}

// String implements [fmt.Stringer].
func (e Restarted) String() string {
	return fmt.Sprintf("%s: %s starts again: %s", e.Channel, e.What, list(e.Why))
}

// String implements [fmt.Stringer].
func (e Certified) String() string {
	c := e.Certificate
	word := "drained"
	if !c.Drained {
		word = "out, but FORCED"
	}
	return fmt.Sprintf("%s: %s is %s at revision %d (%d processes)", c.Channel, c.Color, word, c.Revision, len(c.Roster))
}

// String implements [fmt.Stringer].
func (e Revoked) String() string {
	return fmt.Sprintf("%s: ALARM: the certificate of %s is revoked: %s", e.Certificate.Channel, e.Certificate.Color, list(e.Certificate.Revoked.Why))
}

// String implements [fmt.Stringer].
func (e Warned) String() string { return fmt.Sprintf("%s: warning: %s", e.Channel, e.Text) }

// maxHoldsInEvent keeps an event on a readable line.
const maxHoldsInEvent = 4

func list(holds []Hold) string {
	var parts []string
	for i, h := range holds {
		if i == maxHoldsInEvent {
			parts = append(parts, fmt.Sprintf("and %d more", len(holds)-i))
			break
		}
		parts = append(parts, h.String())
	}
	return strings.Join(parts, "; ")
}
