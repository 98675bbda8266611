// Package release_test plays a release on a real Nacos and looks at it with the
// eyes of callers that know nothing of this module.
package release_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/bluegreen-go/bluegreen/sdk"
)

const (
	// sample is how many calls measure a share.
	sample = 400
	// chiSquare is the value of the chi-square distribution with one degree of
	// freedom that chance exceeds with a probability of 0.001.
	chiSquare = 10.828
	// smallSide is the most that a side may get at 1:99.
	smallSide = 0.04
)

// TestReleaseAsCallersWithoutTheSDKSeeIt is one story, because each start costs
// seconds: a Java Dubbo consumer under constant load, without retries, follows
// four shares; blue is drained, restarted twice with and without a goodbye, and
// opened again. No call fails in all this.
//
// Measured on two cores, with a jitter of up to 300 ms; docs/guarantees.md has
// the table:
//
//	shares 9:1, 3:1, 1:1 of 400 calls: chi-square 0.0 to 0.7, 10.83 is p = 0.001
//	1:99: 2 to 5 of 400 calls
//	last call on a colour that is drained: 0.6 s to 1 s after its share is 0, and
//	  seconds before it is out of the registry, for its weight is 0 by then
//	pushes between certificate and opening that show it: none
func TestReleaseAsCallersWithoutTheSDKSeeIt(t *testing.T) {
	s := newStage(t)
	if err := s.java.Load(2, 5*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	share := func(blue, green int) {
		t.Run(fmt.Sprintf("share %d to %d", blue, green), func(t *testing.T) { s.follows(t, sdk.PerColor[int]{Blue: blue, Green: green}) })
	}
	share(9, 1)
	share(3, 1)
	t.Run("share 1 to 99", func(t *testing.T) { s.small(t) })
	share(1, 1)
	t.Run("drain", func(t *testing.T) { s.drain(t) })
	t.Run("restart", func(t *testing.T) { s.restart(t) })
	t.Run("open", func(t *testing.T) { s.open(t) })
	t.Run("abort", func(t *testing.T) { s.abort(t) })
	load, err := s.java.StopLoad()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("load: %d calls, %d failed", load.Total(), load.Failed())
	if load.Failed() != 0 || load.Total() < sample {
		t.Errorf("load: %v, want many calls and no failure", load)
	}
}

// follows sets a share and measures it. A sample that only chance can explain
// badly is not the last word: four times as many calls decide, by the same
// measure, so that a wrong share shows all the more and chance once in a million
// runs.
func (s *stage) follows(t *testing.T, share sdk.PerColor[int]) {
	s.share(t, share)
	want := float64(share.Blue) / float64(share.Blue+share.Green)
	for _, n := range []int{sample, 4 * sample} {
		blue := s.call(t, n)
		x := deviation(blue, n, want)
		t.Logf("%d:%d: %d of %d calls on blue, want %.0f: chi-square %.2f", share.Blue, share.Green, blue, n, want*float64(n), x)
		if x < chiSquare {
			return
		}
	}
	t.Errorf("chi-square above %.2f twice, want callers to follow the share", chiSquare)
}

// deviation is the chi-square statistic of k hits in n trials.
func deviation(k, n int, p float64) float64 {
	d := float64(k) - p*float64(n)
	return d * d / (float64(n) * p * (1 - p))
}

func (s *stage) small(t *testing.T) {
	s.share(t, sdk.PerColor[int]{Blue: 1, Green: 99})
	blue := s.call(t, sample)
	t.Logf("1:99: %d of %d calls on blue", blue, sample)
	if float64(blue) > smallSide*sample {
		t.Errorf("%d of %d calls on blue at 1:99, want at most %.0f", blue, sample, smallSide*sample)
	}
}

// drain closes blue and waits until callers must have followed.
func (s *stage) drain(t *testing.T) {
	began := time.Now()
	certificate, err := s.store.Close(t.Context(), channel, sdk.Blue)
	if err != nil {
		t.Fatal(err)
	}
	if !certificate.Drained {
		t.Fatalf("certificate %+v, want drained", certificate)
	}
	s.certified = time.Now()
	t.Logf("closed in %.1f s", s.certified.Sub(began).Seconds())
	last := s.lastInTime(t, "v1")
	if late := last.Sub(s.certified); late > 0 {
		t.Errorf("last Java call on blue %v after the certificate, want none", late)
	}
}

// lastInTime waits until callers must have followed the last change of blue's
// share, which is zero, and returns when the last call on this version of it ended.
func (s *stage) lastInTime(t *testing.T, version string) time.Time {
	t.Helper()
	zero, out := s.since()
	<-time.After(time.Until(out.Add(jitter + follow)))
	last := s.lastCall(t, version)
	t.Logf("last Java call on blue %.2f s after its share was 0, %.2f s before it was out", last.Sub(zero).Seconds(), out.Sub(last).Seconds())
	if late := last.Sub(zero); late > jitter+follow {
		t.Errorf("last Java call on blue %v after its share was 0, want within %v", late, jitter+follow)
	}
	return last
}

// restart restarts both blue processes twice, by turns with and without a goodbye.
func (s *stage) restart(t *testing.T) {
	for round := range 2 {
		for i := range s.blue {
			if (i+round)%2 == 0 {
				s.blue[i].Stop()
			} else {
				s.blue[i].Kill()
			}
			s.blue[i] = s.start(sdk.Blue, s.blue[i].Cfg.Port, "v2")
		}
	}
	s.listedDisabled(t)
	s.reopened = time.Now()
	if shown := s.shown(s.certified, s.reopened); len(shown) > 0 {
		t.Errorf("subscribers without the SDK were shown drained instances: %v", shown)
	}
	stats := s.stats(t)
	for text, c := range stats.Replies {
		if color, version := origin(text); color == "blue" && (version != "v1" || c.Last.After(s.certified)) {
			t.Errorf("%d Java calls on drained %s, the last %v after the certificate", c.N, text, c.Last.Sub(s.certified))
		}
	}
	if stats.Failed() != 0 {
		t.Errorf("load: %v, want no failure", stats)
	}
}

// open brings the restarted blue in, with its share.
func (s *stage) open(t *testing.T) {
	if _, err := s.store.Open(t.Context(), channel, sdk.Blue); err != nil {
		t.Fatal(err)
	}
	s.follows(t, sdk.PerColor[int]{Blue: 1, Green: 1})
	if stats := s.stats(t); stats.Failed() != 0 {
		t.Errorf("load: %v, want no failure", stats)
	}
	for _, w := range s.watchers() {
		if newest := w.ports(time.Now()); len(newest) != 2*perColor {
			t.Errorf("%s shows the ports %v, want all %d", w.name, newest, 2*perColor)
		}
	}
}

// abort takes blue back at once.
func (s *stage) abort(t *testing.T) {
	if _, err := s.store.Abort(t.Context(), channel, sdk.Blue, false); err != nil {
		t.Fatal(err)
	}
	certified := time.Now()
	s.lastInTime(t, "v2")
	if shown := s.shown(certified, time.Now()); len(shown) > 0 {
		t.Errorf("subscribers without the SDK were shown drained instances: %v", shown)
	}
}
