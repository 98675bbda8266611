package conformance

import (
	"slices"
	"testing"

	"github.com/nacos-group/nacos-sdk-go/v2/model"
	"github.com/nacos-group/nacos-sdk-go/v2/vo"
)

func (s *suite) needCut(t *testing.T) {
	t.Helper()
	if s.Cut == nil {
		t.Skip("the target cannot cut connections")
	}
}

func (s *suite) redo(t *testing.T) {
	s.needCut(t)
	svc, owner := s.service("redo"), s.namingClient(t, "")
	w := s.watch(t, s.namingClient(t, ""), svc)
	in := instance{ip: "10.0.0.1", port: 20000, weight: 1, meta: map[string]string{"v": "1"}}
	register(t, owner, svc, in)
	w.waitFor(t, "registered", in.record())
	in.weight, in.meta = 6, map[string]string{"v": "2"}
	update(t, owner, svc, in)
	w.waitFor(t, "updated", in.record())
	s.Cut(t, func() { s.waitAdmin(t, svc) })
	s.waitAdmin(t, svc, in.record())
	w.waitFor(t, "the newest value is registered again", in.record())
	in.weight = 7
	update(t, owner, svc, in)
	w.waitFor(t, "both ends work again", in.record())
}

// redoDisabled: the disabled instance comes back disabled, and is never seen in between.
func (s *suite) redoDisabled(t *testing.T) {
	s.needCut(t)
	svc, owner, other := s.service("redo-disabled"), s.namingClient(t, ""), s.namingClient(t, "")
	w := s.watch(t, s.namingClient(t, ""), svc)
	in := instance{ip: "10.0.0.1", port: 20000, weight: 1}
	mate := instance{ip: "10.0.0.2", port: 20000, weight: 1}
	register(t, owner, svc, in)
	register(t, other, svc, mate)
	w.waitFor(t, "both", in.record(), mate.record())
	in.off, in.weight = true, 4
	update(t, owner, svc, in)
	w.waitFor(t, "disabled", mate.record())
	before := len(w.all())
	s.Cut(t, func() { s.waitAdmin(t, svc) })
	s.waitAdmin(t, svc, in.record(), mate.record())
	mate.weight = 2
	update(t, other, svc, mate)
	w.waitFor(t, "the mate is back", mate.record())
	for _, list := range w.all()[before:] {
		if slices.ContainsFunc(list, func(i model.Instance) bool { return i.Ip == in.ip }) {
			t.Errorf("the disabled instance was pushed after the cut: %+v", list)
		}
	}
}

// updateWhileCut: an update that fails for want of a connection is what is registered when it is back.
func (s *suite) updateWhileCut(t *testing.T) {
	s.needCut(t)
	svc, owner := s.service("cut-update"), s.namingClient(t, "")
	w := s.watch(t, s.namingClient(t, ""), svc)
	in := instance{ip: "10.0.0.1", port: 20000, weight: 1}
	register(t, owner, svc, in)
	w.waitFor(t, "registered", in.record())
	in.weight = 9
	s.Cut(t, func() {
		s.waitAdmin(t, svc)
		if ok, err := owner.UpdateInstance(vo.UpdateInstanceParam(in.param(svc))); ok || err == nil {
			t.Errorf("update without a connection: got %v, %v, want an error", ok, err)
		}
	})
	w.waitFor(t, "the value of the failed update", in.record())
}

func (s *suite) listenAfterCut(t *testing.T) {
	s.needCut(t)
	writer, reader, id := s.configClient(t, ""), s.configClient(t, ""), s.name("cut-listen")
	var h heard
	h.listen(t, reader, configGroup, id)
	publish(t, writer, configGroup, id, "before")
	h.waitFor(t, writer, id, "before")
	s.Cut(t, func() {})
	eventually(t, "publish after the cut", func() string {
		if ok, err := writer.PublishConfig(vo.ConfigParam{DataId: id, Group: configGroup, Content: "after"}); !ok || err != nil {
			return "refused"
		}
		return ""
	})
	h.waitFor(t, writer, id, "after")
}

func (s *suite) restart(t *testing.T) {
	if s.Restart == nil {
		t.Skip("the target cannot be restarted")
	}
	svc, owner := s.service("restart"), s.namingClient(t, "")
	c, id := s.configClient(t, ""), s.name("restart")
	w := s.watch(t, s.namingClient(t, ""), svc)
	var h heard
	h.listen(t, c, configGroup, id)
	publish(t, c, configGroup, id, "kept")
	h.waitFor(t, c, id, "kept")
	in := instance{ip: "10.0.0.1", port: 20000, weight: 1}
	register(t, owner, svc, in)
	w.waitFor(t, "registered", in.record())
	s.edit(t, svc, Edit{IP: in.ip, Port: in.port, Weight: 13, Enabled: true})
	in.weight = 13
	w.waitFor(t, "edited", in.record())
	s.Restart(t)
	s.waitAdmin(t, svc, in.record())
	w.waitFor(t, "registered again, the console's edit kept", in.record())
	waitConfig(t, c, configGroup, id, "kept")
	eventually(t, "publish", func() string {
		if ok, err := c.PublishConfig(vo.ConfigParam{DataId: id, Group: configGroup, Content: "new"}); !ok || err != nil {
			return "refused"
		}
		return ""
	})
	h.waitFor(t, c, id, "new")
	svc2 := s.service("restart-later")
	w2 := s.watch(t, s.namingClient(t, ""), svc2)
	register(t, owner, svc2, in)
	w2.waitFor(t, "the old connection's successor works", in.record())
}
