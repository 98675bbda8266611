// Package view holds what a caller sees of a service: its instances by colour,
// and picks from them the ones that a call may go to.
//
// A [View] is immutable, built once per change of the instances, so that a pick
// costs the same for any number of them. It is generic over the kind of
// instance: package rpc puts dubbo-go invokers in, tests and models whatever
// they like.
package view

import (
	"github.com/bluegreen-go/bluegreen/sdk"
)

// Class says whose an instance is.
type Class struct {
	Service string    // "" if unknown
	Color   sdk.Color // Neutral if it has none
}

// View is an immutable list of instances, sorted out by service and colour. Its
// methods may be called concurrently.
type View[T comparable] struct {
	all      []T
	class    map[T]Class
	services []service[T]
}

// service is the part of the instances that one service has.
type service[T comparable] struct {
	name   string
	colors [3][]T // by sdk.Color; at Neutral also every instance of another service
	live   sdk.Live
}

// New builds a view. It keeps the slice, which must not change afterwards.
func New[T comparable](instances []T, classify func(T) Class) *View[T] {
	v := &View[T]{all: instances, class: make(map[T]Class, len(instances))}
	index := map[string]int{}
	for _, x := range instances {
		c := classify(x)
		v.class[x] = c
		if _, ok := index[c.Service]; !ok {
			index[c.Service] = len(v.services)
			v.services = append(v.services, service[T]{name: c.Service})
		}
	}
	for i := range v.services {
		v.services[i].fill(instances, v.class)
	}
	return v
}

// fill sorts the instances as this service sees them: those of other services
// behind the same interface have no colour here.
func (s *service[T]) fill(instances []T, class map[T]Class) {
	for _, x := range instances {
		color := class[x].Color
		if class[x].Service != s.name {
			color = sdk.Neutral
		}
		s.colors[color] = append(s.colors[color], x)
		s.live |= sdk.LiveOf(color)
	}
}

// All returns every instance. The slice must not be changed.
func (v *View[T]) All() []T { return v.all }

// ClassOf returns whose the instance is; the zero Class for one that is not of the view.
func (v *View[T]) ClassOf(x T) Class { return v.class[x] }

// Services calls f for each service that has an instance, with the colours that it has.
func (v *View[T]) Services(f func(name string, live sdk.Live)) {
	for i := range v.services {
		f(v.services[i].name, v.services[i].ownLive(v.class))
	}
}

// ownLive is live without the instances of other services.
func (s *service[T]) ownLive(class map[T]Class) (live sdk.Live) {
	for color, list := range s.colors {
		for _, x := range list {
			if class[x].Service == s.name {
				live |= sdk.LiveOf(sdk.Color(color))
				break
			}
		}
	}
	return live
}

// Picked is the answer of [View.Pick].
type Picked[T comparable] struct {
	Instances []T          // where the call may go; must not be changed
	Decision  sdk.Decision // zero: the call is not coloured
	Service   string       // the service that decided
	Ambiguous bool         // services of two active channels stand behind one list: not coloured
}

// Pick decides which instances a call may go to. keep is the decision of an
// earlier attempt of the same call (zero: none): where it still can be kept, it
// is, so that a retry does not change sides.
func (v *View[T]) Pick(rules *sdk.Rules, caller sdk.Caller, req sdk.Request, keep sdk.Decision) Picked[T] {
	s, ambiguous := v.deciding(rules, req)
	if s == nil {
		return Picked[T]{Instances: v.all, Ambiguous: ambiguous}
	}
	d := rules.Decide(caller, s.name, req, s.live)
	if d.Reason == sdk.None {
		return Picked[T]{Instances: v.all}
	}
	if keep.Channel == d.Channel && keep.Color != sdk.Neutral && keep.Color != d.Color && s.live.Has(keep.Color) {
		d = keep
	}
	return Picked[T]{Instances: s.take(d, v.all), Decision: d, Service: s.name}
}

// deciding finds the one service with an active channel, if there is exactly one
// channel; a service without one matters only to requests that were decided
// elsewhere.
func (v *View[T]) deciding(rules *sdk.Rules, req sdk.Request) (found *service[T], ambiguous bool) {
	var channel *sdk.Channel
	for i := range v.services {
		ch := rules.ActiveChannel(v.services[i].name)
		if ch == nil {
			continue
		}
		if channel != nil && channel != ch {
			return nil, true
		}
		if channel == nil {
			channel, found = ch, &v.services[i]
		}
	}
	if found == nil && len(req.Carried) > 0 && len(v.services) == 1 {
		found = &v.services[0]
	}
	return found, false
}

// take returns the instances of the decided colour; where no colour could be
// had, those without a colour, else all.
func (s *service[T]) take(d sdk.Decision, all []T) []T {
	switch {
	case d.Refused:
		return nil
	case len(s.colors[d.Color]) > 0:
		return s.colors[d.Color]
	}
	return all
}

// Narrow returns the part of the view that is in instances, as a view: for when
// somebody else has ruled instances out first. It returns v itself if that is
// all of it.
func (v *View[T]) Narrow(instances []T, classify func(T) Class) *View[T] {
	if len(instances) == len(v.all) {
		same := true
		for i := range instances {
			if instances[i] != v.all[i] {
				same = false
				break
			}
		}
		if same {
			return v
		}
	}
	return New(instances, classify)
}

// Blind says what the view lacks for a channel: a registered colour of which it
// has no instance, or an instance of a colour that is out. known are services
// that the view had instances of before.
func (v *View[T]) Blind(ch *sdk.Channel, known map[string]bool) []string {
	var blind []string
	check := func(name string, live sdk.Live) {
		if !ch.IsActive() || !ch.Has(name) {
			return
		}
		for _, c := range sdk.Colors {
			switch registered := ch.StageOf(c) >= sdk.Registered; {
			case registered && !live.Has(c):
				blind = append(blind, name+"/"+c.String())
			case !registered && live.Has(c):
				blind = append(blind, name+"/"+c.String()+" still listed")
			}
		}
	}
	seen := map[string]bool{}
	v.Services(func(name string, live sdk.Live) {
		seen[name] = true
		check(name, live)
	})
	for name := range known {
		if !seen[name] {
			check(name, 0)
		}
	}
	return blind
}
