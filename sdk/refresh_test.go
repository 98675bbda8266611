package sdk

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// TestRefreshIsCoalesced: many calls that see a newer revision cause one read.
func TestRefreshIsCoalesced(t *testing.T) {
	follow(t, func(t *testing.T, w *world) {
		w.source.set(func() { w.source.deaf = true })
		w.put(channel(revision(6)))
		before := w.source.loaded(ChannelDataID("shop"))
		for range 1000 {
			w.client.Refresh("shop", 6)
		}
		w.following(6)
		w.client.Refresh("shop", 6)
		synctest.Wait()
		if got := w.source.loaded(ChannelDataID("shop")) - before; got != 1 {
			t.Errorf("%d reads, want 1", got)
		}
	})
}

// TestRefreshOutlivesAnError: a hint is not lost when the source does not answer.
func TestRefreshOutlivesAnError(t *testing.T) {
	follow(t, func(t *testing.T, w *world) {
		w.source.set(func() { w.source.deaf = true; w.source.fail[ChannelDataID("shop")] = true })
		w.put(channel(revision(6)))
		w.client.Refresh("shop", 6)
		w.following(5)
		w.source.set(func() { w.source.fail = map[string]bool{} })
		time.Sleep(retryMax)
		w.following(6)
	})
}

// TestRefreshOfNonsense: names that nobody knows are asked for at most
// maxAsked times, leave no trace, and do not keep known ones from being read.
func TestRefreshOfNonsense(t *testing.T) {
	follow(t, func(t *testing.T, w *world) {
		before := w.source.total()
		for i := range 5000 {
			w.client.Refresh(fmt.Sprintf("nonsense-%d", i), 1)
		}
		w.client.Refresh("../../etc", 1)
		synctest.Wait()
		if got := w.source.total() - before; got > maxAsked {
			t.Errorf("%d reads, want at most %d", got, maxAsked)
		}
		w.problem("")
		w.source.set(func() { w.source.deaf = true })
		w.put(channel(revision(6)))
		w.client.Refresh("shop", 6)
		w.following(6)
	})
}
