package sdk

import (
	"cmp"
	"fmt"
	"slices"
)

// Origin says where a snapshot of rules comes from.
type Origin uint8

// The origins.
const (
	NotLoaded  Origin = iota // nothing was read yet in this life: the process is closed
	FromSource               // read from the source in this life
	FromFile                 // the last good file, because the source did not answer in time
	Assumed                  // no source, no file: no channel is assumed active
)

// String returns the origin's name.
func (o Origin) String() string {
	return [...]string{"not-loaded", "source", "file", "assumed"}[o&3]
}

// Rules is an immutable snapshot of all channels. Its methods may be called
// concurrently and allocate nothing unless said otherwise.
type Rules struct {
	index    Index
	origin   Origin
	channels []*Channel // by name
	active   []*compiled
	byName   map[string]*Channel
	owner    map[string]*compiled  // service → the active channel that it belongs to
	idle     map[string][]*Channel // service → the idle channels that list it
	problems []Problem
}

// compiled is an active channel with what the hot path needs precomputed.
type compiled struct {
	*Channel
	salt    uint64
	reasons []Reason // of Entry, by position
}

// Problem is something wrong with the rules as read; the rest of them holds.
type Problem struct {
	Channel string // "" for the index
	Err     error
}

// String is one line for people.
func (p Problem) String() string {
	if p.Channel == "" {
		return "index: " + p.Err.Error()
	}
	return "channel " + p.Channel + ": " + p.Err.Error()
}

// NewRules builds a snapshot from the index and the channels, in any order: the
// result depends on the values only. A service that two active channels name
// belongs to its owner in the index, else to the channel with the smaller name;
// this is noted among the problems. The channels must not change afterwards.
func NewRules(origin Origin, index Index, channels []*Channel, problems ...Problem) *Rules {
	r := &Rules{
		index: index, origin: origin,
		byName: make(map[string]*Channel, len(channels)),
		owner:  map[string]*compiled{}, idle: map[string][]*Channel{},
		problems: slices.Clone(problems),
	}
	r.channels = slices.SortedFunc(slices.Values(channels), func(a, b *Channel) int { return cmp.Compare(a.Name, b.Name) })
	for _, ch := range r.channels {
		r.byName[ch.Name] = ch
		if ch.IsActive() {
			r.addActive(ch)
			continue
		}
		for _, s := range ch.Services {
			r.idle[s] = append(r.idle[s], ch)
		}
	}
	return r
}

func (r *Rules) addActive(ch *Channel) {
	c := &compiled{Channel: ch, salt: hashString(ch.Name)}
	for _, e := range ch.Entry {
		c.reasons = append(c.reasons, Reason("entry:"+e.Name))
	}
	r.active = append(r.active, c)
	for _, s := range ch.Services {
		first := r.owner[s]
		if first == nil {
			r.owner[s] = c
			continue
		}
		winner, loser := first, c
		if r.index.Owners[s] == c.Name {
			winner, loser = c, first
		}
		r.owner[s] = winner
		r.problems = append(r.problems, Problem{loser.Name, fmt.Errorf("service %q belongs to active channel %q", s, winner.Name)})
	}
}

// Origin says where the snapshot comes from.
func (r *Rules) Origin() Origin { return r.origin }

// Index returns the index that the snapshot was built with. Its maps must not be changed.
func (r *Rules) Index() Index { return r.index }

// Settings returns the shared knobs.
func (r *Rules) Settings() Settings { return r.index.Settings }

// Channels returns all channels by name. The slice must not be changed.
func (r *Rules) Channels() []*Channel { return r.channels }

// Channel returns a channel by its name, or nil.
func (r *Rules) Channel(name string) *Channel { return r.byName[name] }

// Problems returns what is wrong with the rules as read. The slice must not be changed.
func (r *Rules) Problems() []Problem { return r.problems }

// AnyActive reports whether any channel is active.
func (r *Rules) AnyActive() bool { return len(r.active) > 0 }

// ActiveChannel returns the active channel that the service belongs to, or nil.
func (r *Rules) ActiveChannel(service string) *Channel {
	if c := r.owner[service]; c != nil {
		return c.Channel
	}
	return nil
}

// StageOf returns how far a colour of a service is in: Full if the service is in
// no active channel or the colour is Neutral. Before any rules were read, a colour
// is Out: a starting process starts nothing.
func (r *Rules) StageOf(service string, color Color) Stage {
	if r.origin == NotLoaded && color != Neutral {
		return Out
	}
	if c := r.owner[service]; c != nil && color != Neutral {
		return c.Stage.Of(color)
	}
	return Full
}
