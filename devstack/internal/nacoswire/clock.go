package nacoswire

import (
	"sync/atomic"
	"time"
)

// clock is the server's own clock: the machine's, moved by an offset that a test may step.
type clock struct{ offset atomic.Int64 }

func (c *clock) now() time.Time { return time.Now().Add(time.Duration(c.offset.Load())) }

func (c *clock) step(d time.Duration) { c.offset.Add(int64(d)) }
