package tracing_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/bluegreen-go/bluegreen/sdk"
	"github.com/bluegreen-go/bluegreen/tracing"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// active returns an active channel with the given share of blue in 100.
func active(name string, blue int, services ...string) *sdk.Channel {
	return &sdk.Channel{
		APIVersion: sdk.APIVersion, Name: name, Revision: 17, State: sdk.Active, Services: services,
		Share: sdk.PerColor[int]{Blue: blue, Green: 100 - blue}, Stage: sdk.Both(sdk.Full), WhenEmpty: sdk.UseOther,
	}
}

func idle(name string, services ...string) *sdk.Channel {
	ch := active(name, 50, services...)
	ch.State = sdk.Idle
	return ch
}

// newTracer returns a tracer of a process that has read the channels.
func newTracer(t testing.TB, service string, color sdk.Color, channels ...*sdk.Channel) *tracing.Tracer {
	t.Helper()
	source, err := sdk.NewMemorySource(channels...)
	if err != nil {
		t.Fatal(err)
	}
	return newTracerOf(t, service, color, source)
}

func newTracerOf(t testing.TB, service string, color sdk.Color, source sdk.Source) *tracing.Tracer {
	t.Helper()
	client, err := sdk.NewClient(sdk.Identity{Service: service, Color: color}, source,
		sdk.WithLastGoodFile(""), sdk.WithLogger(slog.New(slog.DiscardHandler)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := client.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
	if err := client.WaitLoaded(t.Context()); err != nil {
		t.Fatal(err)
	}
	return tracing.New(client)
}

// silent is a source whose pushes are all lost.
type silent struct{ *sdk.MemorySource }

func (silent) Watch(string, func(string)) (func(), error) { return func() {}, nil }

// waitFor polls until the condition holds.
func waitFor(t *testing.T, condition func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	deadline := time.After(10 * time.Second)
	for !condition() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("the condition did not come to hold in 10 s")
		}
	}
}
