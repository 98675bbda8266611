package sdk

import (
	"fmt"
	"slices"
	"time"
)

// APIVersion is the version of the rule documents that this package writes.
const APIVersion = "bluegreen/v1"

// Names of the rule documents in their configuration store.
const (
	Group         = "BLUE_GREEN"         // the default configuration group
	IndexDataID   = "bluegreen.index"    // the index document
	ChannelPrefix = "bluegreen.channel." // + channel name: one document per channel
)

// ChannelDataID returns the name of a channel's document.
func ChannelDataID(channel string) string { return ChannelPrefix + channel }

// State says whether a release runs in a channel.
type State string

// The states.
const (
	Idle   State = "idle"   // traffic is not coloured
	Active State = "active" // every request keeps to one colour
)

// WhenEmpty says what a call does whose decided colour has no live instance.
type WhenEmpty string

// The policies.
const (
	UseOther WhenEmpty = "other" // call the other colour and count a crossing
	Fail     WhenEmpty = "fail"  // a clear error
)

// Channel is one channel's rules: the document that is published, and, once it
// is part of a [Rules], immutable.
type Channel struct {
	APIVersion string          `yaml:"apiVersion" json:"apiVersion"`
	Name       string          `yaml:"channel" json:"channel"`
	Revision   int64           `yaml:"revision" json:"revision"` // grows by 1 with each publish
	Requires   []string        `yaml:"requires,flow" json:"requires"`
	State      State           `yaml:"state" json:"state"`
	Services   []string        `yaml:"services,flow" json:"services"`
	Share      PerColor[int]   `yaml:"share,flow" json:"share"` // of new decisions; relative
	Stage      PerColor[Stage] `yaml:"stage,flow" json:"stage"`
	WhenEmpty  WhenEmpty       `yaml:"whenEmpty" json:"whenEmpty"`
	Key        string          `yaml:"key,omitempty" json:"key,omitempty"`
	Entry      []EntryRule     `yaml:"entry,omitempty" json:"entry,omitempty"`
	Release    Release         `yaml:"release,flow,omitempty" json:"release"`
	Publish    PublishInfo     `yaml:"publish,flow,omitempty" json:"publish"`
}

// Release names the release that runs in a channel.
type Release struct {
	ID     string `yaml:"id,omitempty" json:"id,omitempty"`
	Stable Color  `yaml:"stable,omitempty" json:"stable,omitempty"` // runs the old code until the end
}

// PublishInfo says who published a document, when and why.
type PublishInfo struct {
	By    string    `yaml:"by,omitempty" json:"by,omitempty"`
	At    time.Time `yaml:"at,omitempty" json:"at,omitzero"`
	Note  string    `yaml:"note,omitempty" json:"note,omitempty"`
	Nonce string    `yaml:"nonce,omitempty" json:"nonce,omitempty"` // tells a publish that came back as a conflict but happened
}

// EntryRule sends requests to a colour by their attributes, before the share is
// looked at. All conditions must hold.
type EntryRule struct {
	Name  string      `yaml:"name" json:"name"`
	When  []Condition `yaml:"when" json:"when"`
	Color Color       `yaml:"color" json:"color"`
}

// Condition compares one attribute of a request. It holds if the attribute is
// one of In, or starts with Prefix when that is set.
type Condition struct {
	Attribute string   `yaml:"attribute" json:"attribute"`
	In        []string `yaml:"in,flow,omitempty" json:"in,omitempty"`
	Prefix    string   `yaml:"prefix,omitempty" json:"prefix,omitempty"`
}

// Index is the document that names all channels. It is the hint by which a lost
// push of a channel's document is noticed, and where services are claimed.
type Index struct {
	APIVersion string            `yaml:"apiVersion" json:"apiVersion"`
	Revision   int64             `yaml:"revision" json:"revision"`
	Requires   []string          `yaml:"requires,flow,omitempty" json:"requires,omitempty"`
	Channels   map[string]int64  `yaml:"channels" json:"channels"` // channel → revision last published
	Owners     map[string]string `yaml:"owners" json:"owners"`     // service → the channel that claimed it
	Settings   Settings          `yaml:"settings" json:"settings"`
}

// Settings are the knobs that all processes share.
type Settings struct {
	// JitterMax bounds the random delay before a registry write or a report.
	// Unset: [DefaultJitter].
	JitterMax *Duration `yaml:"jitterMax,omitempty" json:"jitterMax,omitempty"`
}

// DefaultJitter is the bound of the random delay before registry writes.
const DefaultJitter = 5 * time.Second

// Jitter returns the bound in force: never negative.
func (s Settings) Jitter() time.Duration {
	if s.JitterMax == nil {
		return DefaultJitter
	}
	return max(0, time.Duration(*s.JitterMax))
}

// Duration is a time.Duration written as text ("5s").
type Duration time.Duration

// String formats d as time.Duration does.
func (d Duration) String() string { return time.Duration(d).String() }

// MarshalText writes d as text.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads what time.ParseDuration reads; negative is an error.
func (d *Duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	if err != nil {
		return err
	}
	if v < 0 {
		return fmt.Errorf("negative duration %q", text)
	}
	*d = Duration(v)
	return nil
}

// Has reports whether the channel lists the service.
func (c *Channel) Has(service string) bool {
	return slices.Contains(c.Services, service)
}

// IsActive reports whether a release runs in the channel.
func (c *Channel) IsActive() bool { return c.State == Active }

// StageOf returns the stage of a colour: Full while the channel is idle.
func (c *Channel) StageOf(color Color) Stage {
	if c.State != Active {
		return Full
	}
	return c.Stage.Of(color)
}

// Closing reports whether the colour takes no new decisions and is watched on
// its way out: the channel is active and the colour's share is 0.
func (c *Channel) Closing(color Color) bool {
	return c.State == Active && c.Share.Of(color) == 0
}

// Clone returns a deep copy.
func (c *Channel) Clone() *Channel {
	d := *c
	d.Requires = slices.Clone(c.Requires)
	d.Services = slices.Clone(c.Services)
	d.Entry = slices.Clone(c.Entry)
	for i := range d.Entry {
		d.Entry[i].When = slices.Clone(d.Entry[i].When)
		for j := range d.Entry[i].When {
			w := &d.Entry[i].When[j]
			w.In = slices.Clone(w.In)
		}
	}
	return &d
}
