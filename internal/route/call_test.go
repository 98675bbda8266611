package route

import (
	"sync"
	"testing"
)

func TestEachCallHasMemoryOfItsOwn(t *testing.T) {
	var s Starter
	var mu sync.Mutex
	seen := map[*Call]bool{}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 100 {
				c := s.allocate()
				if c.trail != nil || c.service != "" || c.late != nil {
					t.Error("a call was used before")
				}
				c.service = "order"
				mu.Lock()
				if seen[c] {
					t.Error("two calls are the same")
				}
				seen[c] = true
				mu.Unlock()
			}
		})
	}
	wg.Wait()
}
