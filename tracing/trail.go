package tracing

import (
	"context"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/bluegreen-go/bluegreen/sdk"
)

// Trail holds the decisions of one request in one process. All calls that the
// request makes share it. The first decision for a channel holds; none is ever
// changed. All methods may be called concurrently, and on a nil Trail, which has
// no decisions and counts nothing.
type Trail struct {
	seed     sdk.Seed
	root     bool
	counters *Counters

	state atomic.Pointer[state]

	mu       sync.Mutex    // taken by writers only
	activity *sdk.Activity // where the trail is counted; nil: it is not open
	ended    bool
	holds    int

	first  state // the first state and room for its decisions: saves allocations
	inline [inlineDecisions]sdk.Decision
}

// inlineDecisions is how many decisions a trail holds without an allocation of
// their own.
const inlineDecisions = 3

// state is immutable once it is published.
type state struct {
	decisions []sdk.Decision // in name order
	text      string
	boxed     atomic.Value // text; see Trail.TextValue
}

type contextKey struct{}

// node is a context together with the trail that it holds, in one allocation.
type node struct {
	context.Context
	trail Trail
}

// Value implements context.Context.
func (n *node) Value(key any) any {
	if key == (contextKey{}) {
		return &n.trail
	}
	return n.Context.Value(key)
}

// FromContext returns the trail of the request that ctx belongs to, or nil.
func FromContext(ctx context.Context) *Trail {
	t, _ := ctx.Value(contextKey{}).(*Trail)
	return t
}

// NewContext returns a context that holds t; nil hides the trail of ctx.
func NewContext(ctx context.Context, t *Trail) context.Context {
	return context.WithValue(ctx, contextKey{}, t)
}

// Detach returns a context for work that outlives the request: it is never
// cancelled and has no deadline, but keeps the values of ctx, the trail among
// them, so that calls made later go where the request went. The request's count
// ends with the request all the same; work that must hold up a restart calls
// [Trail.Hold] as well.
func Detach(ctx context.Context) context.Context { return context.WithoutCancel(ctx) }

// Decisions returns the decisions so far, in name order. The slice must not be
// changed.
func (t *Trail) Decisions() []sdk.Decision {
	if t == nil {
		return nil
	}
	return t.state.Load().decisions
}

// Text returns what travels: the received text, byte for byte, while nothing was
// added to it or replaced.
func (t *Trail) Text() string {
	if t == nil {
		return ""
	}
	return t.state.Load().text
}

// TextValue returns what Text does, as the kind of value that carriers such as
// the attachments of dubbo-go hold. It is made once while the text stands,
// however many calls the request makes.
func (t *Trail) TextValue() any {
	if t == nil {
		return ""
	}
	s := t.state.Load()
	if v := s.boxed.Load(); v != nil {
		return v
	}
	s.boxed.Store(s.text)
	return s.boxed.Load()
}

// Seed returns the seed of the request.
func (t *Trail) Seed() sdk.Seed {
	if t == nil {
		return 0
	}
	return t.seed
}

// Root reports whether the trail was made in this process, not received.
func (t *Trail) Root() bool { return t != nil && t.root }

// Pin adds a decision unless there is one for its channel already, and returns
// the one that holds. A decision added to an open trail is counted as under way.
// A decision without a channel or a colour is returned and not added.
func (t *Trail) Pin(d sdk.Decision) sdk.Decision {
	if t == nil || d.Channel == "" || d.Color == sdk.Neutral {
		return d
	}
	if held, ok := sdk.Find(t.Decisions(), d.Channel); ok {
		return held
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	old := t.state.Load()
	if held, ok := sdk.Find(old.decisions, d.Channel); ok {
		return held
	}
	at, _ := slices.BinarySearchFunc(old.decisions, d.Channel, func(d sdk.Decision, name string) int {
		return strings.Compare(d.Channel, name)
	})
	now := &state{decisions: make([]sdk.Decision, 0, len(old.decisions)+1)}
	now.decisions = append(append(append(now.decisions, old.decisions[:at]...), d), old.decisions[at:]...)
	now.text = render(t.seed, now.decisions)
	if t.activity != nil {
		t.activity.Counter(d.Channel).Begin(d.Color)
	}
	t.state.Store(now)
	t.counters.Decision(d.Channel, d.Color, d.Reason)
	return d
}

// Open counts the request as under way in a, in each channel and colour that it
// is decided for or will be. It reports whether this call opened the trail: who
// opened it closes it. A trail opens once.
func (t *Trail) Open(a *sdk.Activity) bool {
	if t == nil || a == nil {
		return false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.activity != nil || t.ended {
		return false
	}
	t.activity = a
	for _, d := range t.state.Load().decisions {
		a.Counter(d.Channel).Begin(d.Color)
	}
	return true
}

// Close says that the request is over. The decisions still hold, and more can be
// pinned, but once all holds are released nothing is counted any more. Later
// calls do nothing.
func (t *Trail) Close() {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ended = true
	t.settle()
}

// Hold keeps an open trail counted as under way beyond Close, until release is
// called, for work that the request leaves behind and that must not be cut by a
// restart. On a trail that is not open it does nothing. Later calls of release
// do nothing.
func (t *Trail) Hold() (release func()) {
	if t == nil {
		return func() {}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.activity == nil {
		return func() {}
	}
	t.holds++
	return sync.OnceFunc(func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.holds--
		t.settle()
	})
}

// settle ends the counting once nothing is under way any more.
func (t *Trail) settle() {
	if !t.ended || t.holds > 0 || t.activity == nil {
		return
	}
	for _, d := range t.state.Load().decisions {
		t.activity.Counter(d.Channel).End(d.Color)
	}
	t.activity = nil
}

// Ended reports whether the trail was closed.
func (t *Trail) Ended() bool {
	if t == nil {
		return false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.ended
}

// publish makes ds, which lie in memory of t's own, the first state. An empty
// text is rendered.
func (t *Trail) publish(ds []sdk.Decision, text string) {
	slices.SortFunc(ds, byChannel)
	if text == "" {
		text = render(t.seed, ds)
	}
	t.first.decisions, t.first.text = ds, text
	t.state.Store(&t.first)
}

func render(seed sdk.Seed, ds []sdk.Decision) string {
	var buf [128]byte
	return string(Append(buf[:0], seed, ds))
}
