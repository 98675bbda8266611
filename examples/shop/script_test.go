package main

import (
	"testing"

	"github.com/bluegreen-go/bluegreen/control/store"
	"github.com/bluegreen-go/bluegreen/sdk"
)

// TestReleaseIsLegal plays the script on the pure steps of control/store: each is allowed where it stands, every colour
// is out when it is deployed, and both colours end with the same version.
func TestReleaseIsLegal(t *testing.T) {
	ch := &sdk.Channel{APIVersion: sdk.APIVersion, Name: shop, Revision: 1, State: sdk.Idle, WhenEmpty: sdk.UseOther, Services: servicesOf(shop)}
	versions := sdk.Both(stable)
	for i, s := range release() {
		next, err := legally(ch, s)
		if err != nil {
			t.Fatalf("step %d, %s: %v", i+1, s.title, err)
		}
		if s.do == deploy {
			if ch.Stage.Of(s.color) != sdk.Out {
				t.Errorf("step %d, %s: %s is %s, want out", i+1, s.title, s.color, ch.Stage.Of(s.color))
			}
			versions = versions.With(s.color, s.version)
		}
		if s.do == watch && (versions.Blue != s.version || next.Share.Blue == 0) {
			t.Errorf("step %d, %s: blue runs %s with a share of %d", i+1, s.title, versions.Blue, next.Share.Blue)
		}
		if s.sample && next.Share.Blue*s.share.Green != next.Share.Green*s.share.Blue {
			t.Errorf("step %d, %s: the share is %d:%d, measured against %d:%d",
				i+1, s.title, next.Share.Blue, next.Share.Green, s.share.Blue, s.share.Green)
		}
		ch = next
	}
	if ch.IsActive() || versions != sdk.Both(hotfix) {
		t.Errorf("the release ends %s with versions %+v, want idle with %s on both", ch.State, versions, hotfix)
	}
}

// legally takes a channel through the publishes of a step.
func legally(ch *sdk.Channel, s step) (*sdk.Channel, error) {
	type publish func(*sdk.Channel) (*sdk.Channel, error)
	of := func(f func(*sdk.Channel, sdk.Color) (*sdk.Channel, error)) publish {
		return func(ch *sdk.Channel) (*sdk.Channel, error) { return f(ch, s.color) }
	}
	for _, f := range map[action][]publish{
		activate: {func(ch *sdk.Channel) (*sdk.Channel, error) { return store.Activate(ch, sdk.Release{}) }},
		share:    {func(ch *sdk.Channel) (*sdk.Channel, error) { return store.Split(ch, s.share) }},
		open:     {of(store.Register)},
		closing:  {of(store.HandOver), of(store.TakeOut)},
		abort:    {of(store.Withdraw), of(store.TakeOut)},
		promote:  {of(store.Promote)},
		finish:   {store.Balance, store.Deactivate},
	}[s.do] {
		next, err := f(ch)
		if err != nil {
			return nil, err
		}
		ch = next
	}
	return ch, nil
}

// TestExpect: what a run has to show follows from the script.
func TestExpect(t *testing.T) {
	e := expect(release())
	if e.Certificates != 3 || e.Aborts != 1 || e.Faulty != faulty {
		t.Errorf("expect %+v, want 3 certificates and 1 abort", e)
	}
	shares := 1 // the second channel's
	for _, s := range release() {
		if s.changesShare() && s.do != finish {
			shares++
		}
	}
	if e.Steps != shares {
		t.Errorf("%d shares are measured, want all %d", e.Steps, shares)
	}
	if fast.roots < 2000 || normal.roots < 2000 {
		t.Errorf("roots for each step: %d and %d, want at least 2000", normal.roots, fast.roots)
	}
}

// TestPrice: only the faulty version is wrong.
func TestPrice(t *testing.T) {
	for version, want := range map[string]bool{stable: true, faulty: false, hotfix: true} {
		if right := orderTotal(version) == price; right != want {
			t.Errorf("version %s asks the right total: %v, want %v", version, right, want)
		}
	}
}
