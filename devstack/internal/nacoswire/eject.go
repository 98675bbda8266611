package nacoswire

import "time"

// A client that has been silent for idleAfter is asked whether it is alive, and removed if it has said nothing more by
// answerWithin later. Living clients send a health check every five seconds.
const (
	idleAfter    = 20 * time.Second
	answerWithin = 5 * time.Second
)

// ejector removes the clients whose transport stands but who do not answer any more, such as stopped processes.
func (s *Server) ejector() {
	defer s.running.Done()
	tick := time.NewTicker(max(s.opts.IdleAfter/10, time.Millisecond))
	defer tick.Stop()
	for {
		select {
		case <-s.ctx.Done():
			return
		case <-tick.C:
		}
		for _, c := range s.connections() {
			s.eject(c, time.Now())
		}
	}
}

func (s *Server) eject(c *conn, now time.Time) {
	if !c.isReady() || now.Sub(c.lastActive()) < s.opts.IdleAfter {
		c.probed.Store(0)
		return
	}
	asked := c.probed.Load()
	switch {
	case asked == 0:
		p, err := payload("ClientDetectionRequest", map[string]string{"module": "internal", "requestId": c.id})
		if err != nil {
			return
		}
		c.probed.Store(now.UnixNano())
		c.post(p)
	case now.Sub(time.Unix(0, asked)) > s.opts.AnswerWithin:
		s.opts.Logger.Warn("a silent client was removed", "connection", c.id)
		s.cut(c)
	}
}
