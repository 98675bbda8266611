package sdk

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// counting is a Reporter that keeps everything.
type counting struct {
	mu      sync.Mutex
	reports []Report
	at      []time.Time
	fail    error
	onClose func()
}

func (c *counting) Report(_ context.Context, r Report) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fail != nil {
		return c.fail
	}
	c.reports, c.at = append(c.reports, r), append(c.at, time.Now())
	return nil
}

func (c *counting) Close(context.Context) error {
	if c.onClose != nil {
		c.onClose()
	}
	return nil
}

func (c *counting) setError(err error) { c.mu.Lock(); defer c.mu.Unlock(); c.fail = err }

func (c *counting) n() int { c.mu.Lock(); defer c.mu.Unlock(); return len(c.reports) }

func (c *counting) last(t *testing.T) (Report, ChannelReport) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.reports) == 0 {
		t.Fatal("no report")
	}
	r := c.reports[len(c.reports)-1]
	of, _ := r.Of("shop")
	return r, of
}

// blindPart is behind by what it is told to be.
type blindPart struct {
	mu    sync.Mutex
	blind []string
}

func (p *blindPart) set(c *Client, blind ...string) {
	p.mu.Lock()
	p.blind = blind
	p.mu.Unlock()
	c.Recheck()
}

func (p *blindPart) Behind(*Channel) []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.blind
}

// reporting runs f on a client that has sent its first report and has one part.
func reporting(t *testing.T, jitter time.Duration, f func(t *testing.T, w *world, r *counting, p *blindPart)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, channel(revision(5)))
		r, p := &counting{}, &blindPart{}
		c := w.start(WithReporter(r), WithJitter(func(time.Duration) time.Duration { return jitter }))
		defer w.stop()
		c.AddPart("rpc", p)
		time.Sleep(2*jitter + 1)
		synctest.Wait()
		f(t, w, r, p)
	})
}

func (w *world) reports(r *counting, before, want int) {
	w.t.Helper()
	synctest.Wait()
	if got := r.n() - before; got != want {
		w.t.Errorf("%d reports, want %d", got, want)
	}
}

func TestReportContent(t *testing.T) {
	reporting(t, time.Second, func(t *testing.T, w *world, r *counting, _ *blindPart) {
		w.reports(r, 0, 1)
		got, shop := r.last(t)
		if got.Seq != 1 || got.Origin != FromSource || got.Index != 1 || got.Identity.Boot == "" || got.Identity.Service != "order" || !slices.Equal(got.Caps, []string{"rpc"}) {
			t.Errorf("report %+v", got)
		}
		want := ChannelReport{Channel: "shop", Revision: 5, Converged: 5, Hash: hashDocument(document(t, channel(revision(5))))}
		if shop.Hash != want.Hash || shop.Converged != 5 || shop.Revision != 5 || shop.Blind != nil {
			t.Errorf("channel report %+v, want %+v", shop, want)
		}
		if stats := w.client.Stats(); stats.Reports != 1 || stats.ReportErrors != 0 {
			t.Errorf("stats %+v, want 1 report", stats)
		}
	})
}

func TestNoReportBeforeTheRules(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, r := newWorld(t, channel()), &counting{}
		w.source.SetError(errDown)
		c := w.start(WithReporter(r))
		defer w.stop()
		c.AddPart("rpc", &blindPart{})
		time.Sleep(20 * time.Second)
		w.reports(r, 0, 0)
		time.Sleep(10 * time.Second)
		w.reports(r, 0, 1)
		if got, _ := r.last(t); got.Origin != Assumed {
			t.Errorf("origin %v, want assumed", got.Origin)
		}
	})
}

func TestNoReportWithoutAChange(t *testing.T) {
	reporting(t, 0, func(t *testing.T, w *world, r *counting, _ *blindPart) {
		before := r.n()
		count := w.client.Activity().Counter("shop")
		for range 3600 {
			w.client.Recheck()
			count.Begin(Blue) // not closing: nobody waits for this
			count.End(Blue)
			time.Sleep(time.Second)
		}
		w.reports(r, before, 0)
	})
}

func TestBlindThenConverged(t *testing.T) {
	reporting(t, 2*time.Second, func(t *testing.T, w *world, r *counting, p *blindPart) {
		p.set(w.client, "payment/green", "payment/blue", "payment/blue")
		before := r.n()
		w.publish(channel(revision(6)))
		w.following(6)
		if w.client.Converged("shop") || w.client.HasConverged("shop") {
			t.Error("converged while a part is behind")
		}
		time.Sleep(2*time.Second - 1)
		w.reports(r, before, 0)
		time.Sleep(1)
		w.reports(r, before, 1)
		got, shop := r.last(t)
		if shop.Converged != 0 || shop.Revision != 6 || got.Index != 0 || !slices.Equal(shop.Blind, []string{"payment/blue", "payment/green"}) {
			t.Errorf("report %+v of index %d, want blind, sorted, each once", shop, got.Index)
		}
		p.set(w.client)
		synctest.Wait()
		if !w.client.Converged("shop") {
			t.Error("not converged after Recheck")
		}
		time.Sleep(2 * time.Second)
		w.reports(r, before, 2)
		if got, shop := r.last(t); shop.Converged != 6 || shop.Blind != nil || got.Index != 2 {
			t.Errorf("report %+v of index %d, want converged at 6, index 2", shop, got.Index)
		}
		p.set(w.client, "stock/blue") // an instance died: converged is taken back
		time.Sleep(2 * time.Second)
		w.reports(r, before, 3)
		if _, shop := r.last(t); shop.Converged != 0 {
			t.Errorf("report %+v, want not converged", shop)
		}
		if w.client.Converged("shop") || !w.client.HasConverged("shop") {
			t.Error("want converged at this revision once, and not now")
		}
		w.publish(channel(revision(7)))
		w.following(7)
		if w.client.HasConverged("shop") {
			t.Error("converged at a revision that it was never converged at")
		}
	})
}

// TestPublishIsOneReport: a revision that converges within the jitter costs one
// report, however often parts and documents change meanwhile.
func TestPublishIsOneReport(t *testing.T) {
	reporting(t, 5*time.Second, func(t *testing.T, w *world, r *counting, p *blindPart) {
		for rev := int64(6); rev < 16; rev++ {
			before, start := r.n(), time.Now()
			p.set(w.client, "own registration", "payment/blue")
			w.put(channel(revision(rev)))
			time.Sleep(time.Second)
			w.index.Channels["shop"] = rev
			w.putIndex()
			p.set(w.client, "payment/blue")
			time.Sleep(time.Second)
			p.set(w.client)
			time.Sleep(time.Minute)
			w.reports(r, before, 1)
			if _, shop := r.last(t); shop.Converged != rev {
				t.Errorf("converged at %d, want %d", shop.Converged, rev)
			}
			if delay := r.at[len(r.at)-1].Sub(start); delay > 5*time.Second {
				t.Errorf("reported after %v, want within the jitter of 5s", delay)
			}
		}
	})
}

// TestBlindnessThatLastsIsReportedSlowly: what a process is blind to may change
// with every push; this costs one report, then at most one per minute.
func TestBlindnessThatLastsIsReportedSlowly(t *testing.T) {
	reporting(t, 0, func(t *testing.T, w *world, r *counting, p *blindPart) {
		p.set(w.client, "0")
		synctest.Wait()
		before := r.n()
		w.publish(channel(revision(6)))
		for i := range 600 {
			p.set(w.client, time.Duration(i).String())
			time.Sleep(time.Second)
		}
		synctest.Wait()
		if got := r.n() - before; got < 5 || got > 11 {
			t.Errorf("%d reports in 10 minutes, want about one a minute", got)
		}
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if _, shop := r.last(t); !slices.Equal(shop.Blind, []string{"599ns"}) {
			t.Errorf("the last report says %v, want the last state", shop.Blind)
		}
		before = r.n()
		p.set(w.client)
		w.reports(r, before, 1)
	})
}

// TestThreeReportsPerRevision: converged, in flight to zero, from zero; no more,
// while a closing colour comes and goes.
func TestThreeReportsPerRevision(t *testing.T) {
	closing := func(rev int64) *Channel { return channel(revision(rev), share(0, 1), stage(Registered, Full)) }
	reporting(t, time.Second, func(t *testing.T, w *world, r *counting, _ *blindPart) {
		count := w.client.Activity().Counter("shop")
		count.Begin(Blue)
		count.Begin(Green)
		before := r.n()
		w.publish(closing(6))
		time.Sleep(time.Minute)
		w.reports(r, before, 1)
		_, shop := r.last(t)
		if shop.Converged != 6 || shop.InFlight != (PerColor[int64]{1, 1}) || shop.Starts != (PerColor[int64]{1, 1}) {
			t.Errorf("report %+v, want converged, 1 in flight and 1 started of each", shop)
		}
		count.End(Green) // not closing
		time.Sleep(time.Minute)
		w.reports(r, before, 1)
		count.End(Blue)
		time.Sleep(time.Minute)
		w.reports(r, before, 2)
		if _, shop := r.last(t); shop.InFlight.Blue != 0 || shop.Starts.Blue != 1 {
			t.Errorf("report %+v, want nothing in flight", shop)
		}
		count.Begin(Blue)
		time.Sleep(time.Minute)
		w.reports(r, before, 3)
		if _, shop := r.last(t); shop.Starts.Blue != 2 {
			t.Errorf("report %+v, want 2 starts", shop)
		}
		for range 100 {
			count.End(Blue)
			time.Sleep(5 * time.Second)
			count.Begin(Blue)
			time.Sleep(5 * time.Second)
		}
		count.End(Blue)
		w.reports(r, before, 3)
		w.publish(closing(7))
		time.Sleep(time.Minute)
		w.reports(r, before, 4)
		if _, shop := r.last(t); shop.Converged != 7 || shop.InFlight.Blue != 0 || shop.Starts.Blue != 102 {
			t.Errorf("report %+v, want a fresh count at the next revision", shop)
		}
	})
}

// TestStartsOnAnOutColor: a request that begins on a drained colour is told,
// even if it is over before the report is made.
func TestStartsOnAnOutColor(t *testing.T) {
	reporting(t, time.Second, func(t *testing.T, w *world, r *counting, _ *blindPart) {
		w.publish(channel(revision(6), share(0, 1), stage(Out, Full)))
		time.Sleep(time.Minute)
		before := r.n()
		count := w.client.Activity().Counter("shop")
		count.Begin(Blue)
		count.End(Blue)
		time.Sleep(time.Second)
		w.reports(r, before, 1)
		if _, shop := r.last(t); shop.Starts.Blue != 1 || shop.InFlight.Blue != 0 {
			t.Errorf("report %+v, want one start", shop)
		}
	})
}

func TestReporterErrorsAreRetried(t *testing.T) {
	reporting(t, 0, func(t *testing.T, w *world, r *counting, p *blindPart) {
		r.setError(errors.New("down"))
		before := r.n()
		p.set(w.client, "payment/blue")
		w.publish(channel(revision(6)))
		time.Sleep(10 * time.Second)
		w.reports(r, before, 0)
		if got := w.client.Stats().ReportErrors; got < 5 || got > 12 {
			t.Errorf("%d errors in 10s, want about one a second", got)
		}
		r.setError(nil)
		time.Sleep(time.Second)
		w.reports(r, before, 1)
		got, shop := r.last(t)
		if !slices.Equal(shop.Blind, []string{"payment/blue"}) || got.Seq != int64(before)+1 {
			t.Errorf("report %d: %+v, want the next number and blind", got.Seq, shop)
		}
	})
}

func TestTwoPartsAndOneThatPanics(t *testing.T) {
	reporting(t, 0, func(t *testing.T, w *world, r *counting, p *blindPart) {
		broken := true
		var mu sync.Mutex
		w.client.AddPart("mq", PartFunc(func(ch *Channel) []string {
			mu.Lock()
			defer mu.Unlock()
			if broken {
				panic("on purpose")
			}
			return nil
		}))
		p.set(w.client, "payment/blue")
		synctest.Wait()
		got, shop := r.last(t)
		if want := []string{"mq: panicked", "payment/blue"}; !slices.Equal(shop.Blind, want) || !slices.Equal(got.Caps, []string{"rpc", "mq"}) {
			t.Errorf("blind %v, caps %v, want %v", shop.Blind, got.Caps, want)
		}
		if w.client.Stats().Panics == 0 {
			t.Error("the panic was not counted")
		}
		mu.Lock()
		broken = false
		mu.Unlock()
		p.set(w.client)
		synctest.Wait()
		if _, shop := r.last(t); shop.Converged != 5 || !w.client.Converged("shop") {
			t.Errorf("report %+v, want converged", shop)
		}
	})
}

// TestIndexIsFollowedOnlyWithAllChannels: the report names an index revision
// only if every channel is followed as that index says.
func TestIndexIsFollowedOnlyWithAllChannels(t *testing.T) {
	reporting(t, 0, func(t *testing.T, w *world, r *counting, _ *blindPart) {
		w.index.Channels["shop"] = 6
		w.source.Put(ChannelDataID("shop"), "broken: [")
		w.putIndex()
		synctest.Wait()
		got, shop := r.last(t)
		if got.Index > 1 || shop.Converged != 5 || len(got.Problems) != 1 {
			t.Errorf("report of index %d, converged %d, problems %v; want less than 2, 5, one", got.Index, shop.Converged, got.Problems)
		}
		w.put(channel(revision(6)))
		synctest.Wait()
		if got, shop := r.last(t); got.Index != 2 || shop.Converged != 6 || len(got.Problems) != 0 {
			t.Errorf("report of index %d, converged %d, problems %v; want 2, 6, none", got.Index, shop.Converged, got.Problems)
		}
	})
}

// TestCapsAreReported: an adapter that joins late is told.
func TestCapsAreReported(t *testing.T) {
	reporting(t, 0, func(t *testing.T, w *world, r *counting, _ *blindPart) {
		before := r.n()
		w.client.AddPart("job", PartFunc(func(*Channel) []string { return nil }))
		w.reports(r, before, 1)
		if got, _ := r.last(t); !slices.Equal(got.Caps, []string{"rpc", "job"}) {
			t.Errorf("caps %v, want rpc and job", got.Caps)
		}
	})
}

func TestGoodbyeDoesNotWaitForTheDelay(t *testing.T) {
	reporting(t, 5*time.Second, func(t *testing.T, w *world, r *counting, _ *blindPart) {
		before, began := r.n(), time.Now()
		leaving := false
		r.onClose = func() { got, _ := r.last(t); leaving = got.Leaving }
		w.stop()
		w.reports(r, before, 1)
		if !leaving || time.Since(began) > time.Millisecond {
			t.Errorf("said goodbye: %t, after %s; want at once, before the report is withdrawn", leaving, time.Since(began))
		}
	})
}
