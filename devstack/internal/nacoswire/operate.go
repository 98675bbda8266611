package nacoswire

import (
	"slices"
	"time"

	"github.com/nacos-group/nacos-sdk-go/v2/model"
)

// describe returns all that is known of a connection.
func (s *Server) describe(c *conn) Conn {
	d := c.describe()
	s.naming.tie(c, &d)
	return d
}

// excluded reports whether the client is to be kept out, and cuts it if so. writing is the service about to be written.
func (s *Server) excluded(c *conn, writing *ServiceKey) bool {
	rules := s.faults.exclusions()
	if len(rules) == 0 {
		return false
	}
	d := s.describe(c)
	if writing != nil && !slices.Contains(d.Published, *writing) {
		d.Published = append(d.Published, *writing)
	}
	if !slices.ContainsFunc(rules, func(match func(Conn) bool) bool { return match(d) }) {
		return false
	}
	s.cut(c)
	return true
}

func (s *Server) cut(c *conn) {
	s.disconnect(c)
	s.grpcGate.cut(c.remote)
}

// DropConnections cuts all clients. They may come back at once.
func (s *Server) DropConnections() { s.cutAll() }

// DropClient cuts the clients that match and returns how many there were. They may come back at once.
func (s *Server) DropClient(match func(Conn) bool) int {
	n := 0
	for _, c := range s.connections() {
		if match(s.describe(c)) {
			s.cut(c)
			n++
		}
	}
	return n
}

// ExcludeClient cuts the clients that match and keeps them out until Readmit: when they connect, and when they write.
func (s *Server) ExcludeClient(match func(Conn) bool) int {
	s.faults.addExclusion(match)
	return s.DropClient(match)
}

// Readmit ends all exclusions.
func (s *Server) Readmit() { s.faults.clearExclusions() }

// Refuse turns new connections away and cuts the present ones, until it is called with false.
func (s *Server) Refuse(on bool) {
	s.life.Lock()
	defer s.life.Unlock()
	if s.ctx.Err() != nil {
		return
	}
	s.refused = on
	s.gates(on)
	if on {
		s.cutAll()
	}
}

func (s *Server) gates(closed bool) {
	s.httpGate.refuse(closed)
	s.grpcGate.refuse(closed)
}

// Restart cuts all clients, is unreachable for the given time and then serves again on the same ports. What clients had
// registered is gone; configs, console edits and reference times stay. It returns ErrClosed if the server is closed first.
func (s *Server) Restart(down time.Duration) error {
	s.life.Lock()
	defer s.life.Unlock()
	if s.ctx.Err() != nil {
		return ErrClosed
	}
	s.gates(true)
	s.cutAll()
	timer := time.NewTimer(down)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-s.ctx.Done():
		return ErrClosed
	}
	s.gates(s.refused)
	return nil
}

// Stall holds the answers to a type of request back. The request itself takes effect at once. Zero ends it, also for
// answers that are waiting.
func (s *Server) Stall(requestType string, d time.Duration) { s.faults.setStall(requestType, d) }

// FailNext answers the next n requests of a type with an error, without applying them.
func (s *Server) FailNext(requestType string, n int) { s.faults.setFail(requestType, n) }

// LosePushes drops the next n pushes; a negative n drops all until it is set to zero.
func (s *Server) LosePushes(n int) { s.faults.setLose(n) }

// HoldPushes keeps back the pushes to the connections that match, until it is called again; then the newest state is
// sent. A nil function holds nobody's.
func (s *Server) HoldPushes(match func(Conn) bool) {
	s.faults.setHold(match)
	for _, c := range s.connections() {
		c.signal()
	}
}

// Control sets the function that sees requests of a type before the server does; nil removes it.
func (s *Server) Control(requestType string, fn ControlFunc) { s.faults.setControl(requestType, fn) }

// StepClock moves the server's clock.
func (s *Server) StepClock(d time.Duration) { s.clock.step(d) }

// Config returns a config's content.
func (s *Server) Config(k ConfigKey) (string, bool) {
	c, ok := s.configs.get(k)
	return c.Content, ok
}

// Publish stores a config.
func (s *Server) Publish(k ConfigKey, content string) error {
	return s.configs.publish(Config{Key: k, Content: content, Type: contentType("")}, "")
}

// RemoveConfig removes a config if there is one.
func (s *Server) RemoveConfig(k ConfigKey) { s.configs.remove(k) }

// Instances returns all instances of a service with the values in force, also the disabled ones.
func (s *Server) Instances(k ServiceKey) []model.Instance { return s.naming.instances(k) }

// Services returns the names of the services of a group that have an instance, sorted.
func (s *Server) Services(namespace, group string) []string { return s.naming.names(namespace, group) }

// Subscribers returns how many connections watch a service.
func (s *Server) Subscribers(k ServiceKey) int { return s.naming.subscribers(k) }

// UpdateInstance edits an instance as the console does.
func (s *Server) UpdateInstance(k ServiceKey, ip string, port uint64, cluster string, o Overlay) error {
	return s.naming.edit(k, ip, port, cluster, o)
}

// Writes returns the journal of naming writes in the order of their arrival.
func (s *Server) Writes() []Write { return s.journal.all() }

// Visible returns the journal of what watchers of a service could see.
func (s *Server) Visible(k ServiceKey) []Visibility { return s.naming.visibility(k) }

// Clients describes the connections that have completed their setup.
func (s *Server) Clients() []Conn {
	var all []Conn
	for _, c := range s.connections() {
		if c.isReady() {
			all = append(all, s.describe(c))
		}
	}
	return all
}
