package sdk

import (
	"errors"
	"fmt"
	"strings"
)

// Color is the half of its service's cluster that a process belongs to.
// The zero value is [Neutral]: in no half.
type Color uint8

// The colours.
const (
	Neutral Color = iota
	Blue
	Green
)

// Colors lists the two halves, blue first.
var Colors = [...]Color{Blue, Green}

// ErrUnknownColor is returned for a colour that is neither blue nor green.
var ErrUnknownColor = errors.New("unknown colour")

// ParseColor reads "blue" or "green" in any case; "" is [Neutral].
func ParseColor(s string) (Color, error) {
	switch strings.ToLower(s) {
	case "":
		return Neutral, nil
	case "blue":
		return Blue, nil
	case "green":
		return Green, nil
	}
	return Neutral, fmt.Errorf("%w %q (want blue or green)", ErrUnknownColor, s)
}

// Other returns the opposite half; Neutral has none and returns itself.
func (c Color) Other() Color {
	switch c {
	case Blue:
		return Green
	case Green:
		return Blue
	}
	return Neutral
}

// String returns "blue", "green" or "neutral".
func (c Color) String() string {
	switch c {
	case Blue:
		return "blue"
	case Green:
		return "green"
	}
	return "neutral"
}

// MarshalText writes the colour as in rule documents; Neutral is the empty text.
func (c Color) MarshalText() ([]byte, error) {
	if c == Neutral {
		return []byte{}, nil
	}
	return []byte(c.String()), nil
}

// UnmarshalText is the inverse of MarshalText; it accepts any case.
func (c *Color) UnmarshalText(text []byte) error {
	parsed, err := ParseColor(string(text))
	if err != nil {
		return err
	}
	*c = parsed
	return nil
}

// PerColor holds one value for each half.
type PerColor[T any] struct {
	Blue  T `yaml:"blue" json:"blue"`
	Green T `yaml:"green" json:"green"`
}

// Both returns a PerColor with the same value twice.
func Both[T any](v T) PerColor[T] { return PerColor[T]{v, v} }

// Of returns the value of c; for Neutral, the zero value.
func (p PerColor[T]) Of(c Color) T {
	switch c {
	case Blue:
		return p.Blue
	case Green:
		return p.Green
	}
	var zero T
	return zero
}

// With returns a copy in which the value of c is v.
func (p PerColor[T]) With(c Color, v T) PerColor[T] {
	switch c {
	case Blue:
		p.Blue = v
	case Green:
		p.Green = v
	}
	return p
}

// Stage says how far a colour takes part in an active channel. Each stage
// includes the ones before it.
type Stage uint8

// The stages, in order.
const (
	// Out is drained: disabled in the registry, runs nothing.
	Out Stage = iota
	// Registered is enabled in the registry and reached only by requests that
	// are decided for it already; its share is 0.
	Registered
	// Consuming also runs its own coloured consumer groups; a share > 0 needs it.
	Consuming
	// Full also runs base consumer groups and job items.
	Full
)

var stageNames = [...]string{"out", "registered", "consuming", "full"}

// ParseStage reads a stage by its name.
func ParseStage(s string) (Stage, error) {
	for i, name := range stageNames {
		if s == name {
			return Stage(i), nil
		}
	}
	return Out, fmt.Errorf("unknown stage %q (want %s)", s, strings.Join(stageNames[:], ", "))
}

// String returns the stage's name.
func (s Stage) String() string {
	if int(s) < len(stageNames) {
		return stageNames[s]
	}
	return fmt.Sprintf("stage(%d)", uint8(s))
}

// MarshalText writes the stage's name.
func (s Stage) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads a stage's name.
func (s *Stage) UnmarshalText(text []byte) error {
	parsed, err := ParseStage(string(text))
	if err != nil {
		return err
	}
	*s = parsed
	return nil
}
