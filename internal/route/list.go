package route

import (
	"sync"
	"sync/atomic"

	"github.com/bluegreen-go/bluegreen/internal/view"
	"github.com/bluegreen-go/bluegreen/sdk"
)

// List is what a caller sees behind one name of the registry, as last told. The
// zero List has been told nothing. Its methods may be called concurrently.
type List[T comparable] struct {
	view atomic.Pointer[view.View[T]]

	mu    sync.Mutex
	known map[string]bool // services that it ever had an instance of
}

// Set takes a new list of instances; it keeps the slice.
func (l *List[T]) Set(instances []T, classify func(T) view.Class) {
	v := view.New(instances, classify)
	l.mu.Lock()
	if l.known == nil {
		l.known = map[string]bool{}
	}
	v.Services(func(name string, _ sdk.Live) { l.known[name] = true })
	l.mu.Unlock()
	l.view.Store(v)
}

// Among returns a view of the instances that are left to choose from.
func (l *List[T]) Among(instances []T, classify func(T) view.Class) *view.View[T] {
	if v := l.view.Load(); v != nil {
		return v.Narrow(instances, classify)
	}
	return view.New(instances, classify)
}

// Blind says what the list lacks for a channel; see [view.View.Blind].
func (l *List[T]) Blind(ch *sdk.Channel) []string {
	v := l.view.Load()
	if v == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return v.Blind(ch, l.known)
}

// All returns the list; nil if there was none yet. It must not be changed.
func (l *List[T]) All() []T {
	if v := l.view.Load(); v != nil {
		return v.All()
	}
	return nil
}
