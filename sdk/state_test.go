package sdk

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestOneServiceTwoChannels: who wins depends on the documents, never on the
// order in which they arrive.
func TestOneServiceTwoChannels(t *testing.T) {
	docs := map[string]string{
		"a": document(t, channel(named("a", "order", "mail"))),
		"b": document(t, channel(named("b", "order", "payment"))),
		"c": document(t, channel(named("c", "order"), idle)),
		"d": document(t, channel(named("d", "order", "payment"))),
	}
	rapid.Check(t, func(t *rapid.T) {
		owner := rapid.SampledFrom([]string{"", "a", "b", "c", "d", "nobody"}).Draw(t, "owner")
		ix := indexOf(1, map[string]int64{"a": 1, "b": 1, "c": 1, "d": 1})
		if owner != "" {
			ix.Owners = map[string]string{"order": owner, "payment": "d"}
		}
		index, err := ix.Document()
		if err != nil {
			t.Fatal(err)
		}
		s := newRuleState(nil)
		steps := rapid.Permutation([]string{"index", "a", "b", "c", "d"}).Draw(t, "order")
		for _, step := range steps {
			if step == "index" {
				s.setIndex(index)
			} else {
				s.setChannel(step, docs[step])
			}
		}
		// A channel that came before the index and is not active is forgotten with
		// it only if it is not listed; all are listed here.
		want := "a"
		if owner == "b" || owner == "d" {
			want = owner
		}
		r := s.rules(FromSource)
		if got := r.ActiveChannel("order").Name; got != want {
			t.Fatalf("order belongs to %s, want %s (owner %q, arrival %v)", got, want, owner, steps)
		}
		wantPay := "b"
		if owner != "" {
			wantPay = "d"
		}
		if got := r.ActiveChannel("payment").Name; got != wantPay || r.ActiveChannel("mail").Name != "a" {
			t.Fatalf("payment belongs to %s, want %s", got, wantPay)
		}
		if len(r.Problems()) != 3 {
			t.Fatalf("problems %v, want two for order and one for payment", r.Problems())
		}
	})
}

// TestRevisionsOnlyGrow: whatever arrives in whatever order, the revision
// followed never goes back and the newest good document is followed in the end.
func TestRevisionsOnlyGrow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := newRuleState(nil)
		s.setIndex("apiVersion: bluegreen/v1\nrevision: 1\nchannels: {shop: 1}\n")
		newest, have := int64(0), int64(0)
		for range rapid.IntRange(1, 20).Draw(t, "documents") {
			rev := rapid.Int64Range(1, 9).Draw(t, "revision")
			doc, err := channel(revision(rev)).Document()
			if err != nil {
				t.Fatal(err)
			}
			if rapid.IntRange(0, 3).Draw(t, "broken") == 0 {
				doc += "share: {}\n"
			} else {
				newest = max(newest, rev)
			}
			s.setChannel("shop", doc)
			if ch := s.rules(FromSource).Channel("shop"); ch != nil {
				if ch.Revision < have {
					t.Fatalf("went back from %d to %d", have, ch.Revision)
				}
				have = ch.Revision
			}
		}
		if have != newest {
			t.Fatalf("follows %d, want %d", have, newest)
		}
	})
}

func TestThousandChannels(t *testing.T) {
	const n = 1000
	var channels []*Channel
	for i := range n {
		ch := channel(named(fmt.Sprintf("c%04d", i), fmt.Sprintf("s%d-a", i), fmt.Sprintf("s%d-b", i)))
		if i%2 == 0 {
			ch.State = Idle
		}
		channels = append(channels, ch)
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	w := newWorld(t, channels...)
	c := w.start()
	defer w.stop()
	start := time.Now()
	w.loaded()
	took := time.Since(start)
	runtime.GC()
	runtime.ReadMemStats(&after)
	if got := len(c.Rules().Channels()); got != n {
		t.Fatalf("%d channels, want %d", got, n)
	}
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 32<<20 {
		t.Errorf("%d MB for 1,000 channels, want at most 32", grown>>20)
	}
	t.Logf("%d channels in %v", n, took)
	trail := c.Rules().DecideRoot(Caller{}, Request{Seed: 1}, nil)
	if len(trail) != n/2 {
		t.Errorf("the root decided %d channels, want %d", len(trail), n/2)
	}
	if got := testing.AllocsPerRun(10, func() { trail = c.Rules().DecideRoot(Caller{}, Request{Seed: 1}, trail[:0]) }); got != 0 {
		t.Errorf("%.0f allocations, want 0", got)
	}
}
