package store

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/bluegreen-go/bluegreen/sdk"
)

// Errors that callers tell apart with errors.Is.
var (
	ErrNotFound = errors.New("no such channel")
	ErrExists   = errors.New("the channel exists already")
	// ErrRevoked is returned for a certificate that does not hold any more.
	ErrRevoked = errors.New("the certificate is revoked")
	// ErrNotDrained is returned where a certificate is asked for a colour that is not out.
	ErrNotDrained = errors.New("the colour is not drained")
)

// Rule names what forbids a step.
type Rule string

// The rules of every publish (see the package documentation) and of the order of
// the steps.
const (
	S1    Rule = "S1"
	S2    Rule = "S2"
	S3    Rule = "S3"
	Order Rule = "order" // the step does not fit the state that the channel is in
)

// RuleError is a step that was refused. Nothing was published.
type RuleError struct {
	Rule    Rule
	Channel string
	Detail  string
}

// Error names channel, rule and reason.
func (e *RuleError) Error() string {
	return fmt.Sprintf("channel %s: %s (rule %s)", e.Channel, e.Detail, e.Rule)
}

func refuse(rule Rule, ch *sdk.Channel, format string, args ...any) error {
	return &RuleError{Rule: rule, Channel: ch.Name, Detail: fmt.Sprintf(format, args...)}
}

// WaitError is a wait that exceeded its limit: it names who holds it.
type WaitError struct {
	Channel  string
	What     string
	Revision int64
	After    time.Duration
	Holds    []Hold
	Cause    error // why the wait ended, if not by its limit
}

// maxHoldsInText keeps an error readable in a large estate; Holds has all of them.
const maxHoldsInText = 12

// Error names what was waited for and who holds it, one a line.
func (e *WaitError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "channel %s: waited %s for %s at revision %d", e.Channel, e.After.Round(time.Millisecond), e.What, e.Revision)
	if e.Cause != nil {
		fmt.Fprintf(&b, " (%v)", e.Cause)
	}
	for i, h := range e.Holds {
		if i == maxHoldsInText {
			fmt.Fprintf(&b, "\n  and %d more", len(e.Holds)-i)
			break
		}
		b.WriteString("\n  " + h.String())
	}
	return b.String()
}

// Unwrap returns why the wait ended, if not by its limit.
func (e *WaitError) Unwrap() error { return e.Cause }
