package nacos

import (
	"context"
	"fmt"
	"sync"
)

// call runs f, which knows no context, and waits for it no longer than ctx. A
// call that was given up goes on beside until f returns.
func call[T any](ctx context.Context, f func() (T, error)) (T, error) {
	if err := context.Cause(ctx); err != nil {
		var zero T
		return zero, err
	}
	a := begin(f)
	return a.wait(ctx)
}

// attempt is one run of a function.
type attempt[T any] struct {
	done  chan struct{} // closed when value and err are set
	value T
	err   error
}

func begin[T any](f func() (T, error)) *attempt[T] {
	a := &attempt[T]{done: make(chan struct{})}
	go func() {
		defer close(a.done)
		a.value, a.err = guard(f)
	}()
	return a
}

func (a *attempt[T]) wait(ctx context.Context) (T, error) {
	select {
	case <-a.done:
		return a.value, a.err
	case <-ctx.Done():
		var zero T
		return zero, context.Cause(ctx)
	}
}

// guard makes an error of a panic: nacos-sdk-go asserts types of answers.
func guard[T any](f func() (T, error)) (v T, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("nacos-sdk-go panicked: %v", p)
		}
	}()
	return f()
}

// lazy is a client that is made at first use, because making one may wait for
// the server, and made anew after that failed.
type lazy[T any] struct {
	open  func() (T, error)
	close func(T)

	mu      sync.Mutex
	current *attempt[T]
	closed  bool
}

// start begins making the client unless that is under way or done.
func (l *lazy[T]) start() (*attempt[T], error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil, ErrClosed
	}
	if l.current != nil {
		select {
		case <-l.current.done:
			if l.current.err == nil {
				return l.current, nil
			}
		default:
			return l.current, nil
		}
	}
	l.current = begin(l.open)
	return l.current, nil
}

// get returns the client, or why there is none yet.
func (l *lazy[T]) get(ctx context.Context) (T, error) {
	a, err := l.start()
	if err != nil {
		var zero T
		return zero, err
	}
	return a.wait(ctx)
}

// shut closes the client, if there is one, for good. It waits for that no longer
// than ctx; closing goes on beside.
func (l *lazy[T]) shut(ctx context.Context) error {
	l.mu.Lock()
	a := l.current
	done := l.closed
	l.closed = true
	l.mu.Unlock()
	if a == nil || done {
		return nil
	}
	_, err := begin(func() (struct{}, error) {
		<-a.done
		if a.err == nil {
			l.close(a.value)
		}
		return struct{}{}, nil
	}).wait(ctx)
	return err
}
