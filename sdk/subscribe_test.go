package sdk

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// revisions records the revisions of shop that a subscriber is told of.
type revisions struct {
	mu   sync.Mutex
	seen []int64
}

func (r *revisions) add(rules *Rules) {
	if ch := rules.Channel("shop"); ch != nil {
		r.mu.Lock()
		r.seen = append(r.seen, ch.Revision)
		r.mu.Unlock()
	}
}

func (r *revisions) check(t *testing.T, who string, last int64) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if !slices.IsSorted(r.seen) {
		t.Errorf("%s: revisions out of order: %v", who, r.seen)
	}
	if len(r.seen) == 0 || r.seen[len(r.seen)-1] != last {
		t.Errorf("%s: saw %v, want the last to be %d", who, r.seen, last)
	}
}

// TestHundredPublishes: revisions grow and the last is always seen; a slow and a
// panicking subscriber harm nobody.
func TestHundredPublishes(t *testing.T) {
	follow(t, func(t *testing.T, w *world) {
		var fast, slow, panicking revisions
		w.client.Subscribe(fast.add)
		w.client.Subscribe(func(r *Rules) { slow.add(r); time.Sleep(300 * time.Millisecond) })
		w.client.Subscribe(func(r *Rules) { panicking.add(r); panic("on purpose") })
		synctest.Wait()
		for rev := int64(6); rev < 106; rev++ {
			w.publish(channel(revision(rev)))
			time.Sleep(10 * time.Millisecond)
		}
		w.following(105)
		fast.check(t, "fast", 105)
		if got := slices.Compact(slices.Clone(fast.seen)); len(got) != 101 {
			t.Errorf("the fast one was told %v, want every revision", got)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		slow.check(t, "slow", 105)
		if n := len(slow.seen); n < 3 || n > 6 {
			t.Errorf("the slow one was told %d times in 1s, want about 4", n)
		}
		panicking.check(t, "panicking", 105)
		if got := w.client.Stats().Panics; got != int64(len(panicking.seen)) {
			t.Errorf("%d panics counted, want %d", got, len(panicking.seen))
		}
	})
}

// TestPublishBurst is the same without a pause between the publishes.
func TestPublishBurst(t *testing.T) {
	follow(t, func(t *testing.T, w *world) {
		var all revisions
		w.client.Subscribe(all.add)
		var wg sync.WaitGroup
		for rev := int64(6); rev < 106; rev++ {
			wg.Go(func() { w.put(channel(revision(rev))) })
		}
		wg.Wait()
		w.put(channel(revision(106)))
		w.following(106)
		all.check(t, "subscriber", 106)
	})
}

func TestSubscribeTellsThePresentFirst(t *testing.T) {
	follow(t, func(t *testing.T, w *world) {
		var got revisions
		w.client.Subscribe(got.add)
		synctest.Wait()
		got.check(t, "subscriber", 5)
		w.client.announce(w.client.Rules()) // as when it subscribes just before this
		synctest.Wait()
		if len(got.seen) != 1 {
			t.Errorf("told %d times, want once", len(got.seen))
		}
	})
}

func TestSubscribeCancel(t *testing.T) {
	follow(t, func(t *testing.T, w *world) {
		var running, calls atomic.Int64
		cancel := w.client.Subscribe(func(*Rules) {
			calls.Add(1)
			running.Add(1)
			time.Sleep(time.Second)
			running.Add(-1)
		})
		synctest.Wait()
		cancel()
		if running.Load() != 0 {
			t.Error("cancel returned while the subscriber ran")
		}
		cancel()
		w.publish(channel(revision(6)))
		w.following(6)
		if got := calls.Load(); got != 1 {
			t.Errorf("%d calls, want none after cancel", got-1)
		}
	})
}

func TestSubscribeConcurrentSafe(t *testing.T) {
	w := newWorld(t, channel())
	c := w.start()
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 50 {
				cancel := c.Subscribe(func(r *Rules) { _ = r.Channel("shop") })
				if i == 0 {
					w.put(channel(revision(int64(j + 2))))
				}
				c.Recheck()
				_ = c.State()
				_ = c.Converged("shop")
				c.AddPart("x", PartFunc(func(*Channel) []string { return nil }))
				cancel()
			}
		})
	}
	left := c.Subscribe(func(*Rules) {})
	wg.Wait()
	wg.Go(left)
	w.stop()
	wg.Wait()
}

func TestShutdown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, channel())
		var mu sync.Mutex
		var order []string
		note := func(what string) {
			mu.Lock()
			defer mu.Unlock()
			order = append(order, what)
		}
		reporter := &counting{onClose: func() { note("report") }}
		c := w.start(WithReporter(reporter))
		synctest.Wait()
		hook := func(phase Phase, name string, err error) {
			c.OnShutdown(phase, name, func(context.Context) error { note(name); return err })
		}
		boom, bang := errors.New("boom"), errors.New("bang")
		hook(StopClients, "clients", nil)
		hook(StopRPC, "rpc 1", boom)
		hook(StopMessages, "messages", bang)
		hook(StopRPC, "rpc 2", nil)
		hook(StopJobs, "jobs", nil)
		told := false
		c.Subscribe(func(*Rules) { time.Sleep(time.Second); told = true })
		synctest.Wait()
		err := c.Shutdown(t.Context())
		if !errors.Is(err, boom) || !errors.Is(err, bang) {
			t.Errorf("Shutdown = %v, want both errors", err)
		}
		if want := []string{"jobs", "messages", "rpc 2", "rpc 1", "report", "clients"}; !slices.Equal(order, want) {
			t.Errorf("order %v, want %v", order, want)
		}
		if !told {
			t.Error("Shutdown did not wait for the subscriber that ran")
		}
		if err := c.Shutdown(t.Context()); err != nil {
			t.Errorf("second Shutdown = %v, want nil", err)
		}
		if n := w.source.watched(IndexDataID) + w.source.watched(ChannelDataID("shop")); n != 0 {
			t.Errorf("%d watches are left, want 0", n)
		}
		w.put(channel(revision(2)))
		c.Recheck()
		c.Refresh("shop", 2)
		c.Subscribe(func(*Rules) { t.Error("a subscriber was called after Shutdown") })()
		w.following(1) // the last snapshot stays readable
	})
}

// TestShutdownWhileTheSourceHangs: a load that waits is cut off.
func TestShutdownWhileTheSourceHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, channel())
		c, err := NewClient(blueOrder, hanging{w.source}, WithLastGoodFile(""))
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		start := time.Now()
		if err := c.Shutdown(t.Context()); err != nil || time.Since(start) != 0 {
			t.Errorf("Shutdown = %v after %v, want nil at once", err, time.Since(start))
		}
	})
}

type hanging struct{ Source }

func (hanging) Load(ctx context.Context, _ string) (string, error) {
	<-ctx.Done()
	return "", ctx.Err()
}
