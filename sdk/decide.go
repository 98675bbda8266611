package sdk

import (
	"encoding/binary"
	"slices"
)

// Reason says why a decision says what it says.
type Reason string

// The reasons. An entry rule's reason is "entry:" and its name.
const (
	None      Reason = ""          // the service is in no active channel
	Carried   Reason = "carried"   // made earlier, further up
	Arrived   Reason = "arrived"   // the request came in on a colour that differs from the one it carried
	OwnColor  Reason = "self"      // the deciding process is itself of the channel
	ByKey     Reason = "key"       // hash of the channel's key attribute
	ByShare   Reason = "share"     // hash of the request's seed
	Late      Reason = "late"      // the root did not know the channel as active
	Corrected Reason = "corrected" // the decided colour has no live instance
	Empty     Reason = "empty"     // no colour is live, or whenEmpty is fail: see Decision.Refused
)

// Decision is the colour of one request in one channel. The zero Decision says
// that any instance will do.
type Decision struct {
	Channel  string
	Color    Color  // where the call goes; Neutral: any instance
	From     Color  // what was decided before a correction for this call; else equal to Color
	Reason   Reason // why
	Revision int64  // of the channel's rules when it was decided
	Refused  bool   // whenEmpty is fail: the call must fail
}

// Crossing reports whether the call leaves its decided colour.
func (d Decision) Crossing() bool { return d.Color != d.From }

// Find returns the decision for a channel, if any.
func Find(decisions []Decision, channel string) (Decision, bool) {
	for i := range decisions {
		if decisions[i].Channel == channel {
			return decisions[i], true
		}
	}
	return Decision{}, false
}

// Seed stands for a request where it has no key: the same seed gives the same
// decisions under the same rules, in every process. It is drawn once per
// request and travels with it.
type Seed uint32

// SeedOf derives the seed from a W3C trace id.
func SeedOf(traceID [16]byte) Seed {
	hi, lo := binary.BigEndian.Uint64(traceID[:8]), binary.BigEndian.Uint64(traceID[8:])
	return Seed(mix(hi^mix(lo)) >> 32)
}

// Attributes gives the attributes of a request at its root, such as headers or
// a user id; they never travel. A nil Attributes has none.
type Attributes func(name string) (value string, ok bool)

// Live is the set of colours of a service of which the caller sees an instance.
type Live uint8

// LiveOf returns the set of the given colours; Neutral stands for instances
// without a colour.
func LiveOf(colors ...Color) Live {
	var l Live
	for _, c := range colors {
		l |= 1 << c
	}
	return l
}

// Has reports whether an instance of the colour is seen.
func (l Live) Has(c Color) bool { return l&(1<<c) != 0 }

// Caller is what Decide has to know of the process that decides.
type Caller struct {
	Service   string
	Color     Color
	Converged bool // follows the rules and sees it; only then may whenEmpty: fail refuse a call
}

// Request is what Decide has to know of a request.
type Request struct {
	Carried    []Decision // made so far: at the root, or on the way
	Seed       Seed
	Attributes Attributes // at the root only
}

// Decide says which colour of service a call goes to. It is a pure function: the
// same arguments give the same answer in every process, and it allocates
// nothing.
//
//  1. The service is in no active channel: the zero Decision. (One decided at a
//     newer revision than these rules is obeyed.)
//  2. The caller is itself of the channel: its own colour, whatever is carried.
//  3. The colour that the request carries.
//  4. Otherwise the decision is made now, and late.
//  5. The colour is not live, that is, not registered by the rules or not seen
//     by the caller: whenEmpty says the other colour, for this call only, or
//     to refuse. Where no colour is live, any instance.
//
// Caller and live are those of the process that makes the call.
func (r *Rules) Decide(caller Caller, service string, req Request, live Live) Decision {
	c := r.owner[service]
	if c == nil {
		return r.decideIdle(service, req, live)
	}
	d, found := Find(req.Carried, c.Name)
	switch {
	case caller.Color != Neutral && r.owner[caller.Service] == c:
		d = own(c, caller.Color, d, found)
	case found:
		d.Reason, d.From = Carried, d.Color
	default:
		d = c.decide(req)
		d.Reason = Late
	}
	return correct(d, c.Channel, caller, live)
}

// decideIdle obeys a decision that was made at a newer revision of a channel
// than these rules have, for a service that the channel lists.
func (r *Rules) decideIdle(service string, req Request, live Live) Decision {
	if len(req.Carried) == 0 {
		return Decision{}
	}
	for _, ch := range r.idle[service] {
		if d, found := Find(req.Carried, ch.Name); found && d.Revision > ch.Revision {
			d.Reason, d.From = Carried, d.Color
			return correct(d, ch, Caller{}, live)
		}
	}
	return Decision{}
}

// Newer reports whether the request was decided somewhere by newer rules than
// these: the caller should refresh.
func (r *Rules) Newer(carried []Decision) (channel string, revision int64, newer bool) {
	for i := range carried {
		ch := r.byName[carried[i].Channel]
		if ch == nil || ch.Revision < carried[i].Revision {
			return carried[i].Channel, carried[i].Revision, true
		}
	}
	return "", 0, false
}

// DecideRoot makes the decisions of a request at its root, for every active
// channel at once and without looking at what is live, and appends them to
// into. Decisions that the request carries already stay as they are.
func (r *Rules) DecideRoot(caller Caller, req Request, into []Decision) []Decision {
	for _, c := range r.active {
		if _, found := Find(req.Carried, c.Name); found {
			continue
		}
		if caller.Color != Neutral && r.owner[caller.Service] == c {
			into = append(into, own(c, caller.Color, Decision{}, false))
			continue
		}
		into = append(into, c.decide(req))
	}
	return into
}

// Arrive gives the decisions that hold below a process once a request has
// reached it, appended to into: a process of an active channel puts its own
// colour in place of a carried one ([Arrived]) or of none ([OwnColor]); other
// active channels that the request does not name are decided now ([Late]); the
// rest is kept.
func (r *Rules) Arrive(caller Caller, req Request, into []Decision) []Decision {
	mine := r.owner[caller.Service]
	if caller.Color == Neutral {
		mine = nil
	}
	for _, d := range req.Carried {
		d.Reason, d.From = Carried, d.Color
		if mine != nil && d.Channel == mine.Name {
			d = own(mine, caller.Color, d, true)
		}
		into = append(into, d)
	}
	for _, c := range r.active {
		if _, found := Find(req.Carried, c.Name); found {
			continue
		}
		d := c.decide(req)
		d.Reason = Late
		if c == mine {
			d = own(c, caller.Color, Decision{}, false)
		}
		into = append(into, d)
	}
	return into
}

func own(c *compiled, color Color, carried Decision, found bool) Decision {
	d := Decision{Channel: c.Name, Color: color, From: color, Reason: OwnColor, Revision: c.Revision}
	if found {
		d.Revision = carried.Revision
		d.Reason = Carried
		if carried.Color != color {
			d.Reason = Arrived
		}
	}
	return d
}

// decide runs the channel's rules: entry, key, share.
func (c *compiled) decide(req Request) Decision {
	d := Decision{Channel: c.Name, Revision: c.Revision, Reason: ByShare}
	for i := range c.Entry {
		if e := &c.Entry[i]; req.Attributes != nil && c.Share.Of(e.Color) > 0 && e.matches(req.Attributes) {
			d.Color, d.From, d.Reason = e.Color, e.Color, c.reasons[i]
			return d
		}
	}
	h := mix(uint64(req.Seed) ^ c.salt)
	if c.Key != "" && req.Attributes != nil {
		if v, ok := req.Attributes(c.Key); ok && v != "" {
			h, d.Reason = mix(hashString(v)^c.salt), ByKey
		}
	}
	d.Color = split(uint32(h>>32), c.Share)
	d.From = d.Color
	return d
}

func (e *EntryRule) matches(attributes Attributes) bool {
	for i := range e.When {
		if !e.When[i].matches(attributes) {
			return false
		}
	}
	return true
}

func (w *Condition) matches(attributes Attributes) bool {
	v, ok := attributes(w.Attribute)
	if !ok {
		return false
	}
	if w.Prefix != "" {
		return len(v) >= len(w.Prefix) && v[:len(w.Prefix)] == w.Prefix
	}
	return slices.Contains(w.In, v)
}

// correct settles what a call does whose decided colour is not live.
func correct(d Decision, ch *Channel, caller Caller, live Live) Decision {
	newer := d.Revision > ch.Revision // the decider knows more than these rules
	isLive := func(c Color) bool { return live.Has(c) && (newer || ch.StageOf(c) >= Registered) }
	other := d.Color.Other()
	switch {
	case isLive(d.Color):
	case ch.WhenEmpty == Fail && caller.Converged && ch.StageOf(d.Color) >= Registered:
		d.Refused, d.Reason = true, Empty
	case isLive(other):
		d.Color, d.Reason = other, Corrected
	default: // nothing that should serve is seen: whatever is there
		d.Color, d.Reason = Neutral, Empty
	}
	return d
}

// split puts blue at the lower end and green at the upper end of the 2^32 points
// of the hash, so that a growing share only ever adds requests to its colour.
func split(point uint32, share PerColor[int]) Color {
	if uint64(point)*uint64(share.Blue+share.Green) < uint64(share.Blue)<<32 {
		return Blue
	}
	return Green
}

// mix spreads 64 bits evenly (the finalizer of SplitMix64). It is part of the
// contract between versions: processes must agree on it.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// hashString is FNV-1a with a final mix.
func hashString(s string) uint64 {
	h := uint64(14695981039346656037)
	for i := 0; i < len(s); i++ {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	return mix(h)
}
