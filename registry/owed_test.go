package registry

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/bluegreen-go/bluegreen/sdk"
)

// errSaid is what a server answers that does not want the record.
var errSaid = errors.New("no permission")

func (f *fake) ServerHealthy() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.fail == nil || errors.Is(f.fail, errSaid)
}

func TestUnreachableServerIsOwedTheRecord(t *testing.T) {
	inBubble(t, split(1, 4, sdk.Full, sdk.Full), func(b *bench) {
		neutral, err := sdk.NewClient(sdk.Identity{Service: "pricing"}, b.source, sdk.WithLastGoodFile(""))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = neutral.Shutdown(context.Background()) }()
		other := &bench{t: t, fake: newFake(), source: b.source, client: neutral}
		other.naming = Decorate(other.fake, neutral)
		for _, b := range []*bench{b, other} {
			b.fake.set(func(f *fake) { f.fail = errors.New("connection refused") })
			b.register()
		}
		b.after(time.Minute)
		for _, b := range []*bench{b, other} {
			b.fake.set(func(f *fake) { f.fail = nil })
		}
		b.after(time.Minute)
		b.want(true, 25, "25")
		other.want(true, 1, "0") // as the framework has it
		writes := other.fake.count()
		b.after(time.Hour)
		if got := other.fake.count(); got != writes {
			t.Errorf("%d writes after the record was there", got-writes)
		}
	})
}

func TestServersNoIsAnError(t *testing.T) {
	inBubble(t, split(1, 1, sdk.Full, sdk.Full), func(b *bench) {
		b.fake.set(func(f *fake) { f.fail = errSaid })
		if ok, err := b.naming.RegisterInstance(param()); ok || !errors.Is(err, errSaid) {
			t.Errorf("got %t, %v; want %v", ok, err, errSaid)
		}
		b.fake.set(func(f *fake) { f.fail = nil })
	})
}
