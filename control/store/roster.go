package store

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/bluegreen-go/bluegreen/sdk"
)

// HoldKind says why a process holds a wait.
type HoldKind string

// The kinds.
const (
	Missing    HoldKind = "missing"    // was seen in this release and is gone without a goodbye or a successor
	Short      HoldKind = "short"      // fewer processes than there must be
	Behind     HoldKind = "behind"     // does not follow the revision yet
	Blind      HoldKind = "blind"      // follows it, but does not see everything that it must
	Differs    HoldKind = "differs"    // has read another document under the same revision
	Busy       HoldKind = "busy"       // has work of the colour under way
	Started    HoldKind = "started"    // has started work of the colour since the last look
	Unreadable HoldKind = "unreadable" // the agents could not be read
	Uncoloured HoldKind = "uncoloured" // a process of the channel has no colour
)

// Hold is one reason why a wait is not over.
type Hold struct {
	Kind    HoldKind  `json:"kind"`
	Service string    `json:"service,omitempty"`
	Color   sdk.Color `json:"color,omitempty"`
	Host    string    `json:"host,omitempty"`
	PID     int       `json:"pid,omitempty"`
	Boot    string    `json:"boot,omitempty"`
	Detail  string    `json:"detail,omitempty"`
}

// String is one line: who, what, details.
func (h Hold) String() string {
	who := ""
	if h.Service != "" {
		who = h.Service + "/" + h.Color.String()
	}
	if h.Boot != "" {
		who += fmt.Sprintf(" %s:%d [%s]", h.Host, h.PID, h.Boot)
	}
	parts := []string{who, string(h.Kind), h.Detail}
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), " ")
}

func holdOf(id sdk.Identity, kind HoldKind, detail string) Hold {
	return Hold{Kind: kind, Service: id.Service, Color: id.Color, Host: id.Host, PID: id.PID, Boot: id.Boot, Detail: detail}
}

func sortHolds(holds []Hold) []Hold {
	slices.SortFunc(holds, func(a, b Hold) int {
		return cmp.Or(cmp.Compare(a.Service, b.Service), cmp.Compare(a.Color, b.Color),
			cmp.Compare(a.Boot, b.Boot), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Detail, b.Detail))
	})
	return holds
}

// roster knows which processes are expected: those seen since a release began.
// Who is gone without a successor is missing and holds, for it may be cut off and
// still be calling. It is not safe for concurrent use.
type roster struct {
	members map[string]*member // by boot id
}

type member struct {
	last      sdk.Report
	firstSeen time.Time
	lastSeen  time.Time
	listed    bool
	excused   bool             // may vanish: certified as drained, or declared dead
	converged map[string]int64 // channel → highest revision seen converged at
}

func newRoster() *roster { return &roster{members: map[string]*member{}} }

// observe takes in what is listed now. A report that is older than one seen
// before does not replace it.
func (r *roster) observe(now time.Time, reports []sdk.Report) {
	for _, m := range r.members {
		m.listed = false
	}
	for _, rep := range reports {
		m := r.members[rep.Identity.Boot]
		if m == nil {
			m = &member{firstSeen: now, converged: map[string]int64{}}
			r.members[rep.Identity.Boot] = m
		}
		m.listed, m.lastSeen = true, now
		if rep.Seq >= m.last.Seq {
			m.last = rep
		}
		for _, c := range rep.Channels {
			m.converged[c.Channel] = max(m.converged[c.Channel], c.Converged)
		}
	}
}

// excuse lets processes vanish that match.
func (r *roster) excuse(match func(sdk.Identity) bool) {
	for _, m := range r.members {
		if match(m.last.Identity) {
			m.excused = true
		}
	}
}

// expect ends the excuse of processes that match and are listed; those that are
// gone are forgotten.
func (r *roster) expect(match func(sdk.Identity) bool) {
	for boot, m := range r.members {
		if !match(m.last.Identity) {
			continue
		}
		if !m.listed {
			delete(r.members, boot)
			continue
		}
		m.excused = false
	}
}

// forgetGone starts a release: who is not there now is not expected.
func (r *roster) forgetGone() {
	maps.DeleteFunc(r.members, func(_ string, m *member) bool { return !m.listed })
}

// sorted returns the members in a stable order.
func (r *roster) sorted() []*member {
	return slices.SortedFunc(maps.Values(r.members), func(a, b *member) int {
		x, y := a.last.Identity, b.last.Identity
		return cmp.Or(cmp.Compare(x.Service, y.Service), cmp.Compare(x.Color, y.Color), cmp.Compare(x.Boot, y.Boot))
	})
}

// present returns the members that are listed, missing those that are expected
// and not. A process that said goodbye is not missing. A process that was replaced is not missing: one of the same service,
// colour and host that came after it was gone excuses one.
func (r *roster) present() (present, missing []*member) {
	successors := map[*member]bool{}
	all := r.sorted()
	for _, m := range all {
		switch {
		case m.listed:
			present = append(present, m)
		case !m.excused && !m.last.Leaving && !replaced(m, all, successors):
			missing = append(missing, m)
		}
	}
	return present, missing
}

func replaced(gone *member, all []*member, taken map[*member]bool) bool {
	g := gone.last.Identity
	for _, m := range all {
		id := m.last.Identity
		same := id.Service == g.Service && id.Color == g.Color && id.Host == g.Host
		if m.listed && !taken[m] && same && m.firstSeen.After(gone.lastSeen) && id.Start.After(g.Start) {
			taken[m] = true
			return true
		}
	}
	return false
}

// servingProof returns the lowest revision that an expected process of the colour
// in the channel has converged at, 0 if there is none or one has not converged.
func (r *roster) servingProof(ch *sdk.Channel, color sdk.Color) int64 {
	present, missing := r.present()
	lowest := int64(0)
	for _, m := range append(present, missing...) {
		id := m.last.Identity
		if id.Color != color || !ch.Has(id.Service) {
			continue
		}
		at := m.converged[ch.Name]
		if at == 0 {
			return 0
		}
		if lowest == 0 || at < lowest {
			lowest = at
		}
	}
	return lowest
}

// Doc is a channel's document as it stands in the backend.
type Doc struct {
	*sdk.Channel
	Text  string // as published
	Hash  string // what agents report of Text
	Index int64  // revision of an index that names Revision; 0: none does
}

// standing lists what holds a wait for everybody to be converged at the document.
func (r *roster) standing(doc Doc, need func(service string, color sdk.Color) int) []Hold {
	var holds []Hold
	present, missing := r.present()
	for _, m := range missing {
		holds = append(holds, holdOf(m.last.Identity, Missing, "last seen "+m.lastSeen.UTC().Format(time.TimeOnly)+" UTC"))
	}
	count := map[string]int{}
	for _, m := range present {
		id := m.last.Identity
		count[id.Service+"/"+id.Color.String()]++
		if h, held := behind(doc, &m.last); held {
			holds = append(holds, h)
		}
	}
	for _, s := range doc.Services {
		for _, c := range sdk.Colors {
			want, have := need(s, c), count[s+"/"+c.String()]
			if serves(doc.Channel, c) && have < want {
				holds = append(holds, Hold{Kind: Short, Service: s, Color: c, Detail: fmt.Sprintf("%d of %d processes", have, want)})
			}
		}
	}
	return sortHolds(holds)
}

// behind reports whether a process holds a wait for the document.
func behind(doc Doc, rep *sdk.Report) (Hold, bool) {
	id := rep.Identity
	c, named := rep.Of(doc.Name)
	switch {
	case !named && !doc.IsActive() && doc.Index > 0 && rep.Index >= doc.Index:
		return Hold{}, false // an idle channel that is none of its business
	case !named:
		return holdOf(id, Behind, "does not know the channel"+problems(rep)), true
	case c.Revision == doc.Revision && c.Hash != doc.Hash:
		return holdOf(id, Differs, fmt.Sprintf("has document %s, not %s", c.Hash, doc.Hash)), true
	case c.Converged >= doc.Revision:
		return Hold{}, false
	case c.Revision < doc.Revision:
		return holdOf(id, Behind, fmt.Sprintf("at revision %d", c.Revision)+problems(rep)), true
	case len(c.Blind) > 0:
		return holdOf(id, Blind, strings.Join(c.Blind, ", ")), true
	}
	return holdOf(id, Behind, "not converged; rules from "+rep.Origin.String()+problems(rep)), true
}

func problems(rep *sdk.Report) string {
	if len(rep.Problems) == 0 {
		return ""
	}
	return " (" + strings.Join(rep.Problems, "; ") + ")"
}

// busy lists who has work of the colour under way.
func (r *roster) busy(channel string, color sdk.Color) []Hold {
	var holds []Hold
	present, _ := r.present()
	for _, m := range present {
		c, _ := m.last.Of(channel)
		if n := c.InFlight.Of(color); n != 0 {
			holds = append(holds, holdOf(m.last.Identity, Busy, fmt.Sprintf("%d %s requests in flight", n, color)))
		}
	}
	return sortHolds(holds)
}

// starts returns the start counters of the colour by boot id, of the members
// that match.
func (r *roster) starts(channel string, color sdk.Color, match func(sdk.Identity) bool) map[string]int64 {
	counts := map[string]int64{}
	present, _ := r.present()
	for _, m := range present {
		if match(m.last.Identity) {
			c, _ := m.last.Of(channel)
			counts[m.last.Identity.Boot] = c.Starts.Of(color)
		}
	}
	return counts
}

// started lists who has started something since the counters were taken, and who
// is new since and has.
func (r *roster) started(channel string, color sdk.Color, before map[string]int64, match func(sdk.Identity) bool) []Hold {
	var holds []Hold
	present, _ := r.present()
	for _, m := range present {
		if !match(m.last.Identity) {
			continue
		}
		c, _ := m.last.Of(channel)
		was, known := before[m.last.Identity.Boot]
		if n := c.Starts.Of(color) - was; n != 0 || !known {
			what := fmt.Sprintf("%d %s requests since", n, color)
			if !known {
				what = "a new process"
			}
			holds = append(holds, holdOf(m.last.Identity, Started, what))
		}
	}
	return sortHolds(holds)
}

func everyone(sdk.Identity) bool { return true }

// ofColor matches the channel's own processes of a colour.
func ofColor(ch *sdk.Channel, color sdk.Color) func(sdk.Identity) bool {
	return func(id sdk.Identity) bool { return id.Color == color && ch.Has(id.Service) }
}
