package sdk

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// follow runs f on a client that follows channel shop at revision 5.
func follow(t *testing.T, f func(t *testing.T, w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, channel(revision(5)))
		w.start()
		defer w.stop()
		w.following(5)
		f(t, w)
	})
}

// pushed gives the documents to the client as pushes and as what a load finds.
func (w *world) pushed(text string) { w.source.Put(ChannelDataID("shop"), text) }

func TestRefusedDocuments(t *testing.T) {
	rev := func(r int64, edit ...func(*Channel)) string {
		doc, err := channel(append(edit, revision(r))...).Document()
		if err != nil {
			panic(err)
		}
		return doc
	}
	tests := []struct{ name, doc, problem string }{
		{"broken YAML", "share: {", "invalid document"},
		{"unknown requires", rev(6, func(c *Channel) { c.Requires = []string{"teleport"} }), "teleport"},
		{"both shares 0", rev(6, share(0, 0)), "both shares are 0"},
		{"share below consuming", rev(6, stage(Registered, Full)), "only registered"},
		{"no colour at full", rev(6, stage(Consuming, Consuming)), "no colour is full"},
		{"revision goes back", rev(4), ErrGoesBack.Error()},
		{"same revision, other content", rev(5, share(1, 9)), ErrSameRev.Error()},
		{"deleted", "", ErrGone.Error()},
		{"another channel's", rev(6, named("other", "order")), ErrWrongName.Error()},
		{"1 MB", rev(6) + string(make([]byte, 1<<20)), ErrTooLarge.Error()},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			follow(t, func(t *testing.T, w *world) {
				w.pushed(tt.doc)
				w.following(5)
				w.problem(tt.problem)
				loads := w.source.loaded(ChannelDataID("shop"))
				applied := w.client.Stats().Applied
				for range 10 {
					w.client.Recheck()
					synctest.Wait()
				}
				if got := w.source.loaded(ChannelDataID("shop")) - loads; got != 0 {
					t.Errorf("loaded %d times by Recheck, want 0", got)
				}
				w.pushed(tt.doc)
				time.Sleep(time.Hour)
				synctest.Wait()
				stats := w.client.Stats()
				if got := w.log.count("not followed"); got != 1 || stats.Refused != 1 || stats.Applied != applied {
					t.Errorf("logged %d times, refused %d, applied %d more; want 1, 1, 0", got, stats.Refused, stats.Applied-applied)
				}
				w.pushed(rev(7))
				w.following(7)
				w.problem("")
			})
		})
	}
}

// TestBackToWhatIsFollowed: putting the followed text back, of a channel and of
// the index, ends the problem, also when the push is lost.
func TestBackToWhatIsFollowed(t *testing.T) {
	for _, lost := range []bool{false, true} {
		for _, dataID := range []string{IndexDataID, ChannelDataID("shop")} {
			t.Run(fmt.Sprintf("%s lost=%v", dataID, lost), func(t *testing.T) {
				follow(t, func(t *testing.T, w *world) {
					good, _ := w.source.Load(t.Context(), dataID)
					w.source.Put(dataID, "broken: [")
					w.problem("invalid document")
					w.source.set(func() { w.source.deaf = lost })
					w.source.Put(dataID, good)
					if lost {
						time.Sleep(time.Minute)
					}
					w.following(5)
					w.problem("")
				})
			})
		}
	}
}

// TestLatePush: a push that comes after a newer one is ignored and is no problem.
func TestLatePush(t *testing.T) {
	follow(t, func(t *testing.T, w *world) {
		six, seven := document(t, channel(revision(6))), document(t, channel(revision(7)))
		w.pushed(seven)
		w.following(7)
		w.source.replay(ChannelDataID("shop"), six)
		w.following(7)
		w.problem("")
		// Both wait in the inbox at once, in the wrong order.
		eight, nine := document(t, channel(revision(8))), document(t, channel(revision(9)))
		w.source.set(func() { w.source.deaf = true })
		w.pushed(nine)
		w.source.set(func() { w.source.deaf = false })
		w.client.mu.Lock()
		w.client.inbox[ChannelDataID("shop")] = []string{nine, eight}
		w.client.mu.Unlock()
		w.client.Recheck()
		w.following(9)
		w.problem("")
	})
}

// replay pushes a content without changing what a load finds.
func (s *countingSource) replay(dataID, content string) {
	s.MemorySource.mu.Lock()
	calls := make([]func(string), 0, 1)
	for _, w := range s.watchers[dataID] {
		calls = append(calls, w)
	}
	s.MemorySource.mu.Unlock()
	for _, call := range calls {
		call(content)
	}
}

func TestSourceLostLater(t *testing.T) {
	follow(t, func(t *testing.T, w *world) {
		w.source.SetError(errDown)
		before := w.source.total()
		time.Sleep(time.Hour)
		w.following(5)
		w.problem("")
		if w.client.Rules().Origin() != FromSource || !w.client.Converged("shop") {
			t.Error("a client that lost its source must keep what it has")
		}
		if loads, errs := w.source.total()-before, w.client.Stats().LoadErrors; loads > 3600/5+10 || errs == 0 {
			t.Errorf("%d loads and %d errors in an hour, want at most one per 5s", loads, errs)
		}
		before = w.source.total()
		for range 1000 {
			w.client.Recheck()
			synctest.Wait()
		}
		if got := w.source.total() - before; got != 0 {
			t.Errorf("%d loads by Recheck while the source is down, want 0", got)
		}
		w.source.set(func() { w.source.deaf = true })
		w.publish(channel(revision(6)))
		w.source.SetError(nil)
		time.Sleep(retryMax)
		w.following(6)
	})
}

func TestLostPushIsHealedByThePoll(t *testing.T) {
	follow(t, func(t *testing.T, w *world) {
		w.source.set(func() { w.source.deaf = true })
		w.publish(channel(revision(6)))
		w.following(5)
		time.Sleep(time.Minute)
		w.following(6)
		before := w.source.total()
		time.Sleep(time.Hour)
		synctest.Wait()
		if got := w.source.total() - before; got < 60 || got > 120 {
			t.Errorf("%d loads in a quiet hour, want one of the index each 30–60s", got)
		}
	})
}

func TestNewerIndexLoadsTheChannel(t *testing.T) {
	follow(t, func(t *testing.T, w *world) {
		w.source.set(func() { w.source.deaf = true })
		w.put(channel(revision(6)))
		w.source.set(func() { w.source.deaf = false })
		w.following(5)
		w.index.Channels["shop"] = 6
		w.putIndex()
		w.following(6)
		w.publish(channel(named("new", "mail")))
		synctest.Wait()
		if w.client.Rules().Channel("new") == nil {
			t.Error("a channel that is new in the index is not followed")
		}
	})
}

// TestWatchFailsForAWhile: what could not be watched is watched at a later poll.
func TestWatchFailsForAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, channel(revision(5)))
		w.source.blind = true
		w.start()
		defer w.stop()
		w.following(5)
		w.put(channel(revision(6)))
		w.following(5)
		w.source.set(func() { w.source.blind = false })
		time.Sleep(time.Minute)
		w.put(channel(revision(7)))
		w.following(7)
	})
}

// TestBehindIsReadOncePerPoll: a channel that is not as the index says, because
// its document is broken or old, is not read again by every wake.
func TestBehindIsReadOncePerPoll(t *testing.T) {
	for name, doc := range map[string]string{"broken": "broken: [", "old": document(t, channel(revision(5)))} {
		t.Run(name, func(t *testing.T) {
			follow(t, func(t *testing.T, w *world) {
				w.source.set(func() { w.source.deaf = true })
				w.pushed(doc)
				w.source.set(func() { w.source.deaf = false })
				w.index.Channels["shop"] = 6
				w.putIndex()
				synctest.Wait()
				before := w.source.loaded(ChannelDataID("shop"))
				for range 100 {
					w.client.Recheck()
					synctest.Wait()
				}
				if got := w.source.loaded(ChannelDataID("shop")) - before; got != 0 {
					t.Errorf("%d reads by Recheck, want 0", got)
				}
				time.Sleep(10 * time.Minute)
				synctest.Wait()
				if got := w.source.loaded(ChannelDataID("shop")) - before; got < 10 || got > 20 {
					t.Errorf("%d reads in 10 minutes, want one at each poll", got)
				}
			})
		})
	}
}

// TestLoadFailsForAWhile: a channel that the index names and the source refuses
// is asked for again, and its watch is kept.
func TestLoadFailsForAWhile(t *testing.T) {
	follow(t, func(t *testing.T, w *world) {
		w.source.set(func() { w.source.fail[ChannelDataID("new")] = true })
		w.publish(channel(named("new", "mail")))
		time.Sleep(time.Minute)
		w.following(5)
		before := w.source.total()
		for range 1000 {
			w.client.Recheck()
			synctest.Wait()
		}
		if got := w.source.total() - before; got != 0 {
			t.Errorf("%d loads by Recheck while the source fails, want 0", got)
		}
		w.publish(channel(revision(6))) // others go on
		w.following(6)
		w.source.set(func() { w.source.fail = map[string]bool{} })
		time.Sleep(retryMax)
		synctest.Wait()
		if w.client.Rules().Channel("new") == nil {
			t.Error("the channel was not read when the source answered again")
		}
	})
}

func TestChannelsThatLeaveTheIndex(t *testing.T) {
	follow(t, func(t *testing.T, w *world) {
		w.publish(channel(idle, named("gone", "mail")))
		w.publish(channel(named("kept", "stock")))
		synctest.Wait()
		delete(w.index.Channels, "gone")
		delete(w.index.Channels, "kept")
		w.client.mu.Lock() // the deletions and the index arrive together
		w.client.inbox[ChannelDataID("gone")] = []string{""}
		w.client.inbox[IndexDataID] = []string{document(t, indexOf(100, w.index.Channels))}
		w.client.mu.Unlock()
		w.client.Recheck()
		w.problem("not in the index")
		r := w.client.Rules()
		if r.Channel("gone") != nil || r.Channel("kept") == nil || r.Channel("shop") == nil {
			t.Errorf("channels %v, want kept and shop", r.Channels())
		}
		if got := w.source.watched(ChannelDataID("gone")); got != 0 {
			t.Errorf("%d watches of a channel that is gone, want 0", got)
		}
		w.put(channel(named("kept", "stock"), revision(2)))
		w.problem("not in the index")
		w.index.Revision = 100
		w.index.Channels["kept"] = 2
		w.putIndex()
		w.problem("")
		w.put(channel(named("kept", "stock"), revision(3)))
		synctest.Wait()
		if got := w.client.Rules().Channel("kept").Revision; got != 3 {
			t.Errorf("a channel that came back is at revision %d, want 3", got)
		}
	})
}

func (s *countingSource) watched(dataID string) int {
	s.MemorySource.mu.Lock()
	defer s.MemorySource.mu.Unlock()
	return len(s.watchers[dataID])
}

func TestIndexGoesBackOrVanishes(t *testing.T) {
	for name, tt := range map[string]struct{ doc, problem string }{
		"back":  {"apiVersion: bluegreen/v1\nrevision: 1\n", ErrGoesBack.Error()},
		"other": {"apiVersion: bluegreen/v1\nrevision: 2\n", ErrSameRev.Error()},
		"gone":  {"", ErrGone.Error()},
		"two":   {"apiVersion: bluegreen/v1\nrevision: 0\nchannels: {A: 0, B: 0, C: 0}\n", "revision"},
	} {
		t.Run(name, func(t *testing.T) {
			follow(t, func(t *testing.T, w *world) {
				w.putIndex() // revision 2
				w.source.Put(IndexDataID, tt.doc)
				time.Sleep(time.Hour)
				w.following(5)
				w.problem(tt.problem)
				if got := w.log.count("not followed"); got != 1 {
					t.Errorf("logged %d times, want once", got)
				}
				if got := w.client.State().Problems; len(got) != 1 {
					t.Errorf("the report's problems %v, want one", got)
				}
				w.putIndex()
				w.problem("")
			})
		})
	}
}
