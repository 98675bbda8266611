package sdk

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
)

func TestActivityCounts(t *testing.T) {
	var a Activity
	c := a.Counter("shop")
	c.Begin(Blue)
	c.Begin(Blue)
	c.Begin(Green)
	c.End(Blue)
	if got := [...]int64{c.InFlight(Blue), c.Starts(Blue), c.InFlight(Green), c.Starts(Green), c.Starts(Neutral)}; got != [...]int64{1, 2, 1, 1, 0} {
		t.Errorf("counts %v, want [1 2 1 1 0]", got)
	}
	if a.Counter("shop") != c || a.Counter("other") == c {
		t.Error("Counter must return one counter per channel")
	}
}

func TestActivityTellsOfEdges(t *testing.T) {
	var got []string
	a := Activity{onEdge: func(channel string, color Color) { got = append(got, channel+"/"+color.String()) }}
	c := a.Counter("shop")
	c.Begin(Blue)
	c.Begin(Blue)
	c.End(Blue)
	c.End(Blue)
	c.Begin(Green)
	if want := "[shop/blue shop/blue shop/green]"; fmt.Sprint(got) != want {
		t.Errorf("edges %v, want %v", got, want)
	}
}

func TestActivityConcurrentSafe(t *testing.T) {
	var a Activity
	const workers, rounds = 8, 2000
	var wg sync.WaitGroup
	for i := range workers {
		wg.Go(func() {
			for j := range rounds {
				c := a.Counter(fmt.Sprintf("c%d", j%16))
				c.Begin(Colors[i%2])
				c.End(Colors[i%2])
			}
		})
	}
	wg.Wait()
	total := int64(0)
	for j := range 16 {
		c := a.Counter(fmt.Sprintf("c%d", j))
		total += c.Starts(Blue) + c.Starts(Green)
		if c.InFlight(Blue) != 0 || c.InFlight(Green) != 0 {
			t.Errorf("c%d: in flight %d, %d, want 0", j, c.InFlight(Blue), c.InFlight(Green))
		}
	}
	if total != workers*rounds {
		t.Errorf("%d starts, want %d", total, workers*rounds)
	}
}

// TestZeroInFlightMissesNoStart: if a reader sees nothing in flight after it has
// read the starts, then every request counted among them is over. Certificates
// rest on this.
func TestZeroInFlightMissesNoStart(t *testing.T) {
	w := newWorld(t, channel())
	c := w.start()
	defer w.stop()
	w.loaded()
	count := c.Activity().Counter("shop")
	var over atomic.Int64
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			count.Begin(Blue)
			over.Add(1)
			count.End(Blue)
		}
	})
	zeros := 0
	for range 5_000 {
		shop, _ := func() (ChannelReport, bool) { r := c.State(); return r.Of("shop") }()
		if shop.InFlight.Blue != 0 {
			continue
		}
		zeros++
		if done := over.Load(); done < shop.Starts.Blue {
			t.Errorf("nothing in flight, %d started, but only %d are over", shop.Starts.Blue, done)
			break
		}
	}
	close(stop)
	wg.Wait()
	t.Logf("%d reports with nothing in flight", zeros)
}
