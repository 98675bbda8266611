package registry

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nacos-group/nacos-sdk-go/v2/clients/naming_client"
	"github.com/nacos-group/nacos-sdk-go/v2/model"
	"github.com/nacos-group/nacos-sdk-go/v2/vo"

	"github.com/bluegreen-go/bluegreen/sdk"
)

const (
	retryFirst = time.Second // first pause after a failed write
	retryMax   = 30 * time.Second
	heldPause  = 3 * time.Second // between two looks whether the other colour lives
	settleTime = 3 * time.Second // after a write, before the registry is expected to show it
)

// follow is the one goroutine that writes records after the rules have changed.
func (n *Naming) follow(ctx context.Context) {
	defer close(n.done)
	look := &looker{open: n.cfg.reader, fallback: n.INamingClient}
	defer look.close()
	tick := time.NewTicker(n.cfg.reconcile)
	defer tick.Stop()
	due := time.NewTimer(time.Hour)
	due.Stop()
	defer due.Stop()
	verify := time.NewTimer(time.Hour)
	verify.Stop()
	defer verify.Stop()
	pending, retry := false, retryFirst
	for {
		select {
		case <-ctx.Done():
			return
		case <-n.wake:
			n.checkAssumed(look)
			if !pending && len(n.outdated()) > 0 {
				pending = true
				due.Reset(n.cfg.jitter(n.client.Rules().Settings().Jitter()))
			}
			continue
		case <-tick.C:
			n.reconcile(look)
			if pending || len(n.outdated()) == 0 {
				continue
			}
		case <-verify.C:
			n.reconcile(look)
			continue
		case <-due.C:
		}
		pending = false
		switch again := n.writeOutdated(ctx, look); again {
		case 0:
			retry = retryFirst
			// nacos-sdk-go may repeat an older registration when it reconnects.
			verify.Reset(settleTime + sdk.RandomDelay(settleTime))
		case heldPause:
			pending = true
			due.Reset(heldPause)
		default:
			pending = true
			due.Reset(retry)
			retry = min(2*retry, retryMax)
		}
	}
}

// outdated lists the records that do not say what they should.
func (n *Naming) outdated() (list []*record) {
	n.mu.Lock()
	defer n.mu.Unlock()
	want := n.wanted()
	if n.closed {
		return nil
	}
	for _, r := range n.records {
		if r.owed || want.Governed && (!r.confirmed || r.sent != want) {
			list = append(list, r)
		}
	}
	return list
}

// writeOutdated writes each outdated record once. It returns 0 if all is done,
// heldPause if only held records are left, else retryFirst.
func (n *Naming) writeOutdated(ctx context.Context, look *looker) (again time.Duration) {
	for _, r := range n.outdated() {
		if ctx.Err() != nil {
			return 0
		}
		err := n.writeOne(r, look)
		switch {
		case errors.Is(err, errHeld):
			if again == 0 {
				again = heldPause
			}
		case err != nil:
			n.log.Warn("bluegreen: registry write failed", "service", r.service, "error", err)
			again = retryFirst
		}
	}
	return again
}

var errHeld = errors.New("the other colour has no live instance")

func (n *Naming) writeOne(r *record, look *looker) error {
	n.mu.Lock()
	want := n.wanted()
	visible := r.confirmed && r.sent.Enabled
	n.mu.Unlock()
	if !want.Enabled && visible {
		lives, err := look.lives(r, n.id.Color.Other())
		if err != nil {
			return fmt.Errorf("look before disabling: %w", err)
		}
		if !lives {
			n.hold(r, true)
			return errHeld
		}
	}
	n.write.Lock()
	defer n.write.Unlock()
	n.mu.Lock()
	current := n.records[keyOf(r.group, r.service)] == r && n.wanted() == want
	n.mu.Unlock()
	if !current {
		n.poke() // deregistered, registered anew, or the rules have changed again
		return nil
	}
	ok, err := n.send(r, want)
	if err == nil && !ok {
		err = ErrRefused
	}
	return err
}

func (n *Naming) hold(r *record, held bool) {
	n.mu.Lock()
	changed := r.held != held
	r.held = held
	n.mu.Unlock()
	if changed {
		n.log.Error("bluegreen: not disabled: the other colour has no live instance", "service", r.service, "color", n.id.Color)
		n.client.Recheck()
	}
}

// checkAssumed opens a process that knows no rules at all, if the other colour
// is not there to serve.
func (n *Naming) checkAssumed(look *looker) {
	n.mu.Lock()
	var one *record
	for _, r := range n.records {
		one = r
	}
	settled := n.assumeOK
	n.mu.Unlock()
	if settled || one == nil || n.client.Rules().Origin() != sdk.Assumed {
		return
	}
	lives, err := look.lives(one, n.id.Color.Other())
	n.mu.Lock()
	n.assumeOK = err == nil && !lives
	stays := !n.assumeOK
	n.mu.Unlock()
	if stays {
		n.log.Error("bluegreen: no rules were ever read and the other colour may serve: staying closed", "service", n.id.Service)
	}
}

// reconcile compares the records with what the registry shows to everybody, and
// repairs what is ours once; what stays different is somebody else's doing.
func (n *Naming) reconcile(look *looker) {
	n.poke()
	want := n.wanted()
	n.mu.Lock()
	var settled []*record
	for _, r := range n.records {
		if r.confirmed && r.sent == want && want.Governed && time.Since(r.at) >= settleTime {
			settled = append(settled, r)
		}
	}
	n.mu.Unlock()
	for _, r := range settled {
		shown, err := look.list(r)
		if err != nil {
			continue
		}
		n.judge(r, want, drift(want, r.params(n.id, want)[0], shown))
	}
}

func (n *Naming) judge(r *record, want State, found string) {
	n.mu.Lock()
	if r.sent != want {
		n.mu.Unlock()
		return // written meanwhile: what was shown is old
	}
	changed := r.drift != found
	r.drift = found
	again := found != "" && !r.repaired
	r.repaired = found != ""
	if again {
		r.confirmed = false // write it once more
	}
	n.mu.Unlock()
	if changed {
		if found == "" {
			n.log.Info("bluegreen: registry shows what it should again", "service", r.service)
		} else {
			n.log.Warn("bluegreen: registry shows something else", "service", r.service, "drift", found)
		}
		n.client.Recheck()
	}
	if again {
		n.poke()
	}
}

// drift says how the registry's list differs from what this process sent.
func drift(want State, sent vo.RegisterInstanceParam, shown []model.Instance) string {
	for _, i := range shown {
		if i.Ip != sent.Ip || i.Port != sent.Port {
			continue
		}
		switch {
		case !want.Enabled:
			return "shown although disabled"
		case i.Weight != sent.Weight:
			return fmt.Sprintf("weight is %g, not %g", i.Weight, sent.Weight)
		case i.Metadata[keyWeight] != sent.Metadata[keyWeight]:
			return fmt.Sprintf("metadata weight is %q, not %q", i.Metadata[keyWeight], sent.Metadata[keyWeight])
		}
		return ""
	}
	if want.Enabled {
		return "not shown although enabled"
	}
	return ""
}

// looker reads the registry, through a [Reader] if there is one.
type looker struct {
	open     func() (Reader, error)
	fallback naming_client.INamingClient
	own      Reader
}

// list returns the enabled instances of the record's service.
func (l *looker) list(r *record) ([]model.Instance, error) {
	if l.own == nil && l.open != nil {
		own, err := l.open()
		if err != nil {
			return nil, err
		}
		l.own = own
	}
	if l.own != nil {
		return l.own.Instances(r.group, r.service)
	}
	return l.fallback.SelectAllInstances(vo.SelectAllInstancesParam{ServiceName: r.service, GroupName: r.group})
}

// lives reports whether the registry shows an instance of the colour.
func (l *looker) lives(r *record, c sdk.Color) (bool, error) {
	list, err := l.list(r)
	if err != nil {
		return false, err
	}
	for _, i := range list {
		if strings.EqualFold(i.Metadata[KeyColor], c.String()) && i.Enable && i.Healthy {
			return true, nil
		}
	}
	return false, nil
}

func (l *looker) close() {
	if l.own != nil {
		l.own.Close()
	}
}
