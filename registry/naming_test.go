package registry

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/nacos-group/nacos-sdk-go/v2/vo"

	"github.com/bluegreen-go/bluegreen/sdk"
)

func TestWanted(t *testing.T) {
	blue := sdk.Identity{Service: "order", Color: sdk.Blue}
	for _, c := range []struct {
		name    string
		id      sdk.Identity
		channel *sdk.Channel
		origin  sdk.Origin
		full    int
		want    State
	}{
		{"idle", blue, nil, sdk.FromSource, 100, State{true, 100, 100, true}},
		{"not loaded", blue, nil, sdk.NotLoaded, 100, State{false, 100, 100, true}},
		{"last good file", blue, split(1, 1, sdk.Full, sdk.Full), sdk.FromFile, 100, State{true, 100, 100, true}},
		{"larger share keeps the full weight", blue, split(3, 1, sdk.Full, sdk.Full), sdk.FromSource, 100, State{true, 100, 100, true}},
		{"smaller share", blue, split(1, 3, sdk.Full, sdk.Full), sdk.FromSource, 100, State{true, 33, 33, true}},
		{"tiny share is at least 1", blue, split(1, 999, sdk.Full, sdk.Full), sdk.FromSource, 100, State{true, 1, 1, true}},
		{"tiny share, fine scale", blue, split(1, 999, sdk.Full, sdk.Full), sdk.FromSource, 10000, State{true, 10, 10, true}},
		{"registered with share 0", blue, split(0, 1, sdk.Registered, sdk.Full), sdk.FromSource, 100, State{true, 1, 0, true}},
		{"out", blue, split(0, 1, sdk.Out, sdk.Full), sdk.FromSource, 100, State{false, 1, 0, true}},
		{"of another service", sdk.Identity{Service: "stock", Color: sdk.Blue}, split(0, 1, sdk.Out, sdk.Full), sdk.FromSource, 100, State{true, 100, 100, true}},
		{"neutral", sdk.Identity{Service: "order"}, split(0, 1, sdk.Out, sdk.Full), sdk.FromSource, 100, State{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var channels []*sdk.Channel
			if c.channel != nil {
				channels = append(channels, c.channel)
			}
			if got := Wanted(sdk.NewRules(c.origin, sdk.Index{}, channels), c.id, c.full); got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}

func TestFirstRegistrationIsRight(t *testing.T) {
	inBubble(t, split(0, 1, sdk.Out, sdk.Full), func(b *bench) {
		b.register()
		b.want(false, 1, "0")
		got := b.fake.get(service).Metadata
		for key, want := range map[string]string{KeyService: "order", KeyColor: "blue", KeyVersion: "v1", KeyProto: Proto, "application": "order"} {
			if got[key] != want {
				t.Errorf("metadata %q is %q, want %q", key, got[key], want)
			}
		}
		if p := param(); p.Metadata["weight"] != "0" || !p.Enable {
			t.Error("the framework's own parameters were written to")
		}
	})
}

func TestOneWritePerChangeWithinTheJitter(t *testing.T) {
	inBubble(t, split(1, 1, sdk.Full, sdk.Full), func(b *bench) {
		b.register()
		writes := b.fake.count()
		b.publish(split(1, 2, sdk.Full, sdk.Full))
		b.publish(split(1, 3, sdk.Full, sdk.Full))
		b.publish(split(1, 4, sdk.Full, sdk.Full))
		b.after(jitter)
		b.want(true, 25, "25")
		if got := b.fake.count() - writes; got != 1 {
			t.Errorf("%d writes for three quick changes, want 1", got)
		}
		b.publish(split(2, 8, sdk.Full, sdk.Full)) // the same split
		b.after(time.Hour)
		if got := b.fake.count() - writes; got != 1 {
			t.Errorf("%d writes after a change that changes nothing, want still 1", got)
		}
	})
}

func TestClosedUntilRulesAreRead(t *testing.T) {
	inBubble(t, nil, func(b *bench) {
		b.register()
		b.want(false, 100, "100")
		b.source.SetError(nil)
		b.publish(split(1, 1, sdk.Full, sdk.Full))
		b.after(2 * jitter)
		b.want(true, 100, "100")
	})
}

func TestWithoutAnyRulesOpensOnlyIfAlone(t *testing.T) {
	for name, alone := range map[string]bool{"alone": true, "the other colour serves": false} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, nil, func(b *bench) {
				if !alone {
					b.fake.set(func(f *fake) { f.others[service] = green() })
				}
				b.register()
				b.after(2 * time.Minute)
				b.want(alone, 100, "100")
			})
		})
	}
}

func TestNeverEmptiesAService(t *testing.T) {
	inBubble(t, split(1, 1, sdk.Full, sdk.Full), func(b *bench) {
		b.register()
		b.publish(split(0, 1, sdk.Out, sdk.Full))
		b.after(time.Minute)
		b.want(true, 100, "100")
		if s := b.naming.Status(); len(s.Records) != 1 || !s.Records[0].Held {
			t.Errorf("status %+v, want one held record", s)
		}
		if got, _ := stateOf(b); len(got.Blind) != 1 || got.Blind[0] != "registry: held" {
			t.Errorf("blind %q, want held", got.Blind)
		}
		b.fake.set(func(f *fake) { f.others[service] = green() })
		b.after(time.Minute)
		b.want(false, 1, "0")
		if got, _ := stateOf(b); len(got.Blind) != 0 {
			t.Errorf("blind %q once drained", got.Blind)
		}
	})
}

func stateOf(b *bench) (sdk.ChannelReport, bool) {
	s := b.client.State()
	return s.Of("checkout")
}

func TestRetriesFailedWrites(t *testing.T) {
	inBubble(t, split(1, 1, sdk.Full, sdk.Full), func(b *bench) {
		b.register()
		b.fake.set(func(f *fake) { f.fail = errors.New("client not connected") })
		b.publish(split(1, 4, sdk.Full, sdk.Full))
		b.after(time.Minute)
		b.want(true, 100, "100")
		b.fake.set(func(f *fake) { f.fail = nil })
		b.after(time.Minute)
		b.want(true, 25, "25")
	})
}

func TestRefusalIsAnError(t *testing.T) {
	inBubble(t, split(1, 1, sdk.Full, sdk.Full), func(b *bench) {
		p := param()
		p.Metadata["methods"] = long(1024)
		if ok, err := b.naming.RegisterInstance(p); ok || !errors.Is(err, ErrRefused) {
			t.Errorf("got %t, %v, want ErrRefused", ok, err)
		}
		p = param()
		p.Metadata["methods"] = long(metadataLimit - size(p.Metadata) - len("methods") - 40)
		if ok, err := b.naming.RegisterInstance(p); !ok || err != nil {
			t.Fatalf("got %t, %v", ok, err)
		}
		got := b.fake.get(service).Metadata
		if got[KeyColor] != "blue" || got[KeyService] != "order" || got[KeyVersion] != "" {
			t.Errorf("version is %q, colour %q, service %q: want only service and colour of our keys", got[KeyVersion], got[KeyColor], got[KeyService])
		}
	})
}

func TestDeregisteredStaysAway(t *testing.T) {
	inBubble(t, split(1, 1, sdk.Full, sdk.Full), func(b *bench) {
		b.register()
		if ok, err := b.naming.DeregisterInstance(vo.DeregisterInstanceParam{Ip: "10.0.0.1", Port: 20000, ServiceName: service}); !ok || err != nil {
			t.Fatal(ok, err)
		}
		b.publish(split(1, 4, sdk.Full, sdk.Full))
		b.after(time.Hour)
		if got := b.fake.get(service); got.Ip != "" {
			t.Errorf("revived: %+v", got)
		}
	})
}

func TestShutdownTakesEverythingBack(t *testing.T) {
	inBubble(t, split(1, 1, sdk.Full, sdk.Full), func(b *bench) {
		b.register()
		app := vo.BatchRegisterInstanceParam{ServiceName: "order", Instances: []vo.RegisterInstanceParam{param()}}
		if ok, err := b.naming.BatchRegisterInstance(app); !ok || err != nil {
			t.Fatal(ok, err)
		}
		b.naming.CloseClient()
		if b.fake.closed {
			t.Error("CloseClient reached the connection")
		}
		if err := b.naming.Shutdown(context.Background()); err != nil {
			t.Fatal(err)
		}
		if n := len(b.fake.records); n != 0 {
			t.Errorf("%d records left", n)
		}
		if ok, err := b.naming.RegisterInstance(param()); ok || err == nil {
			t.Error("registered after the shutdown")
		}
	})
}

func TestReconcileRepairsOnceThenReports(t *testing.T) {
	inBubble(t, split(1, 1, sdk.Full, sdk.Full), func(b *bench) {
		b.register()
		writes := b.fake.count()
		b.fake.set(func(f *fake) { f.overlay[service] = 7 })
		b.after(10 * time.Minute)
		if got := b.fake.count() - writes; got != 1 {
			t.Errorf("%d writes against a console edit, want 1", got)
		}
		if s := b.naming.Status(); s.Records[0].Drift == "" {
			t.Error("the console edit is not reported")
		}
		if got, _ := stateOf(b); len(got.Blind) != 1 || got.Blind[0] != "registry: overridden" {
			t.Errorf("blind %q, want overridden", got.Blind)
		}
		b.fake.set(func(f *fake) { delete(f.overlay, service) })
		b.after(time.Minute)
		if s := b.naming.Status(); s.Records[0].Drift != "" {
			t.Errorf("drift %q after the edit was taken back", s.Records[0].Drift)
		}
	})
}

func TestLostRecordComesBack(t *testing.T) {
	inBubble(t, split(1, 1, sdk.Full, sdk.Full), func(b *bench) {
		b.register()
		b.after(time.Minute)
		b.fake.set(func(f *fake) { delete(f.records, service) })
		b.after(time.Minute)
		b.want(true, 100, "100")
	})
}

func TestRefuseStopsRegistration(t *testing.T) {
	inBubble(t, split(1, 1, sdk.Full, sdk.Full), func(b *bench) {
		want := errors.New("two names")
		b.naming.Refuse(want)
		if ok, err := b.naming.RegisterInstance(param()); ok || !errors.Is(err, want) {
			t.Errorf("got %t, %v", ok, err)
		}
	})
}

func TestConsumersArePassedOn(t *testing.T) {
	inBubble(t, split(0, 1, sdk.Out, sdk.Full), func(b *bench) {
		p := param()
		p.ServiceName = "consumers:x.order::"
		if ok, err := b.naming.RegisterInstance(p); !ok || err != nil {
			t.Fatal(ok, err)
		}
		if got := b.fake.get(p.ServiceName); !got.Enable || got.Metadata[KeyColor] != "" {
			t.Errorf("a consumer's record was changed: %+v", got)
		}
	})
}

func TestLostWriteIsNoticedSoon(t *testing.T) {
	inBubble(t, split(1, 1, sdk.Full, sdk.Full), func(b *bench) {
		b.fake.set(func(f *fake) { f.others[service] = green() })
		b.register()
		b.after(time.Minute)
		b.publish(split(0, 1, sdk.Out, sdk.Full))
		for b.fake.get(service).Enable {
			b.after(10 * time.Millisecond)
		}
		b.fake.set(func(f *fake) { // an old registration is repeated
			p := f.records[service][0]
			p.Enable = true
			f.records[service] = []vo.RegisterInstanceParam{p}
		})
		b.after(2*settleTime + jitter)
		b.want(false, 1, "0")
	})
}
