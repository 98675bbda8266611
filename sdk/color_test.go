package sdk

import (
	"errors"
	"testing"
	"time"
)

func TestColor(t *testing.T) {
	for _, c := range []Color{Neutral, Blue, Green} {
		text, err := c.MarshalText()
		if err != nil {
			t.Fatal(err)
		}
		var back Color
		if err := back.UnmarshalText(text); err != nil || back != c {
			t.Errorf("%v: %q reads as %v, %v", c, text, back, err)
		}
		if c.Other().Other() != c || c != Neutral && c.Other() == c {
			t.Errorf("Other of %v is %v", c, c.Other())
		}
	}
	c := Blue
	if err := c.UnmarshalText([]byte("red")); !errors.Is(err, ErrUnknownColor) || c != Blue {
		t.Errorf("red reads as %v, %v, want %v and no change", c, err, ErrUnknownColor)
	}
}

func TestStage(t *testing.T) {
	for s := Out; s <= Full; s++ {
		text, _ := s.MarshalText()
		var back Stage
		if err := back.UnmarshalText(text); err != nil || back != s {
			t.Errorf("%v: %q reads as %v, %v", s, text, back, err)
		}
	}
	if _, err := ParseStage("Full"); err == nil {
		t.Error("a stage in another case must be refused")
	}
	if got := Stage(9).String(); got != "stage(9)" {
		t.Errorf("Stage(9) = %q", got)
	}
}

func TestPerColor(t *testing.T) {
	p := Both(1).With(Green, 2).With(Neutral, 3)
	if p.Of(Blue) != 1 || p.Of(Green) != 2 || p.Of(Neutral) != 0 {
		t.Errorf("%+v: want 1 of blue, 2 of green, 0 of neutral", p)
	}
	l := LiveOf(Green, Neutral)
	if l.Has(Blue) || !l.Has(Green) || !l.Has(Neutral) || Live(0).Has(Neutral) {
		t.Errorf("LiveOf(green, neutral) = %b", l)
	}
}

func TestRandomDelay(t *testing.T) {
	if RandomDelay(0) != 0 || RandomDelay(-time.Second) != 0 {
		t.Error("no limit, no delay")
	}
	for range 1000 {
		if d := RandomDelay(time.Millisecond); d < 0 || d > time.Millisecond {
			t.Fatalf("delay %v is not in 0..1ms", d)
		}
	}
}

func TestNames(t *testing.T) {
	for o, want := range map[Origin]string{NotLoaded: "not-loaded", FromSource: "source", FromFile: "file", Assumed: "assumed"} {
		if o.String() != want {
			t.Errorf("origin %d is %q, want %q", o, o, want)
		}
	}
	if got := (Problem{Err: errDown}).String(); got != "index: source is down" {
		t.Errorf("problem %q", got)
	}
}
