package rpc

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"dubbo.apache.org/dubbo-go/v3/common"
	"dubbo.apache.org/dubbo-go/v3/common/constant"
	"dubbo.apache.org/dubbo-go/v3/protocol/base"
	"dubbo.apache.org/dubbo-go/v3/protocol/invocation"
	"dubbo.apache.org/dubbo-go/v3/protocol/result"

	"github.com/bluegreen-go/bluegreen/registry"
	"github.com/bluegreen-go/bluegreen/sdk"
	"github.com/bluegreen-go/bluegreen/tracing"
)

// instance is an invoker that answers at once.
type instance struct {
	url *common.URL
	do  func(ctx context.Context, inv base.Invocation) result.Result
}

func (i *instance) GetURL() *common.URL { return i.url }
func (i *instance) IsAvailable() bool   { return true }
func (i *instance) Destroy()            {}
func (i *instance) Invoke(ctx context.Context, inv base.Invocation) result.Result {
	return i.do(ctx, inv)
}

// path is the way of a call through the adapter, without dubbo-go around it.
type path struct {
	tracer      *tracing.Tracer
	interceptor *interceptor
	router      *colorRouter
	filter      *clientFilter
	provider    *providerFilter
	instances   []base.Invoker
	cluster     *instance // what stands behind the interceptor: routing, balancing, filter
	last        string    // attachment as it left
}

func newPath(t testing.TB, id sdk.Identity, channels ...*sdk.Channel) *path {
	t.Helper()
	source, err := sdk.NewMemorySource(channels...)
	if err != nil {
		t.Fatal(err)
	}
	client, err := sdk.NewClient(id, source, sdk.WithLastGoodFile(""))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Shutdown(context.Background()) })
	if err := client.WaitLoaded(context.Background()); err != nil {
		t.Fatal(err)
	}
	tracer := tracing.New(client)
	p := &path{tracer: tracer, interceptor: &interceptor{tracer: tracer}, filter: &clientFilter{tracer: tracer}, provider: &providerFilter{tracer, new(atomic.Int64)}}
	made, err := (&routers{tracer: tracer}).NewPriorityRouter(common.NewURLWithOptions())
	if err != nil {
		t.Fatal(err)
	}
	p.router, _ = made.(*colorRouter)
	ok := &result.RPCResult{}
	for i := range 4 {
		url := common.NewURLWithOptions(
			common.WithParamsValue(registry.KeyService, "order"), common.WithParamsValue(registry.KeyColor, sdk.Colors[i%2].String()),
			common.WithIp("127.0.0.1"), common.WithPort(fmt.Sprint(2000+i)),
		)
		p.instances = append(p.instances, &instance{url: url, do: func(_ context.Context, inv base.Invocation) result.Result {
			p.last, _ = inv.GetAttachment(tracing.Key)
			return ok
		}})
	}
	p.router.Notify(p.instances)
	p.cluster = &instance{url: common.NewURLWithOptions(), do: func(ctx context.Context, inv base.Invocation) result.Result {
		list := p.router.Route(p.instances, nil, inv)
		if len(list) == 0 {
			return &result.RPCResult{Err: fmt.Errorf("no provider available")}
		}
		return p.filter.Invoke(ctx, list[0], inv)
	}}
	return p
}

func newInvocation() base.Invocation {
	return invocation.NewRPCInvocationWithOptions(
		invocation.WithMethodName("Place"), invocation.WithAttachments(map[string]any{constant.TimeoutKey: "1s"}),
	)
}

func (p *path) call(ctx context.Context) result.Result {
	return p.interceptor.Invoke(ctx, p.cluster, newInvocation())
}

func checkout(whenEmpty sdk.WhenEmpty) *sdk.Channel {
	return &sdk.Channel{
		APIVersion: sdk.APIVersion, Name: "checkout", Revision: 7, State: sdk.Active, Services: []string{"order"},
		Share: sdk.Both(1), Stage: sdk.Both(sdk.Full), WhenEmpty: whenEmpty,
	}
}

// bare is what a call costs without the adapter: the invocation and the same list.
func (p *path) bare(ctx context.Context) result.Result {
	inv := newInvocation()
	inv.SetAttribute("x", p) // the router chain of dubbo-go sets one for every call
	return p.instances[0].Invoke(ctx, inv)
}

func TestAllocationsOfACall(t *testing.T) {
	for _, c := range []struct {
		name     string
		channels []*sdk.Channel
		trail    bool
		most     float64
	}{
		{"no channel active", nil, false, 0},
		{"in a request", []*sdk.Channel{checkout(sdk.UseOther)}, true, 1},
		{"as the root", []*sdk.Channel{checkout(sdk.UseOther)}, false, 4},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPath(t, sdk.Identity{Service: "gateway"}, c.channels...)
			ctx := t.Context()
			if c.trail {
				var trail *tracing.Trail
				ctx, trail = p.tracer.Start(ctx, nil)
				trail.Open(p.tracer.Client().Activity())
				defer trail.Close()
			}
			p.call(ctx) // counters of a series are made at first use
			bare := testing.AllocsPerRun(200, func() { p.bare(ctx) })
			with := testing.AllocsPerRun(200, func() {
				inv := newInvocation()
				inv.SetAttribute("x", p)
				p.interceptor.Invoke(ctx, p.cluster, inv)
			})
			t.Logf("%v allocations with the adapter, %v without", with, bare)
			if with-bare > c.most {
				t.Errorf("the adapter adds %v allocations, want at most %v", with-bare, c.most)
			}
		})
	}
}

func TestProviderAllocatesNothingWhenIdle(t *testing.T) {
	p := newPath(t, sdk.Identity{Service: "order", Color: sdk.Blue})
	inv, ctx := newInvocation(), t.Context()
	if n := testing.AllocsPerRun(200, func() { p.provider.Invoke(ctx, p.instances[0], inv) }); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}

func TestTextLeavesWithTheCall(t *testing.T) {
	p := newPath(t, sdk.Identity{Service: "gateway"}, checkout(sdk.UseOther))
	ctx, trail := p.tracer.Start(t.Context(), nil)
	if res := p.call(ctx); res.Error() != nil {
		t.Fatal(res.Error())
	}
	if p.last == "" || p.last != trail.Text() {
		t.Errorf("attachment %q, trail %q", p.last, trail.Text())
	}
}

func TestStaleAttachmentIsOverwritten(t *testing.T) {
	p := newPath(t, sdk.Identity{Service: "gateway"}, checkout(sdk.UseOther))
	ctx, trail := p.tracer.Start(t.Context(), nil)
	inv := newInvocation()
	inv.SetAttachment(tracing.Key, "#1~checkout:b:3~gone:g:1")
	p.interceptor.Invoke(ctx, p.cluster, inv)
	if p.last != trail.Text() {
		t.Errorf("attachment %q, trail %q", p.last, trail.Text())
	}
}

func TestAttachmentsStandInForALostContext(t *testing.T) {
	p := newPath(t, sdk.Identity{Service: "gateway"}, checkout(sdk.UseOther))
	for range 20 {
		inv := newInvocation()
		inv.SetAttachment(tracing.Key, "#1~checkout:g:7")
		p.interceptor.Invoke(t.Context(), p.cluster, inv)
		if p.last != "#1~checkout:g:7" {
			t.Fatalf("the call went on with %q", p.last)
		}
	}
}

func TestRefusalNamesWhatIsMissing(t *testing.T) {
	p := newPath(t, sdk.Identity{Service: "gateway"}, checkout(sdk.Fail))
	client := p.tracer.Client()
	for deadline := time.Now().Add(10 * time.Second); !client.Converged("checkout"); runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatal("not converged, although there are no parts")
		}
	}
	p.router.Notify(p.instances[1:2]) // only a green one
	p.instances = p.instances[1:2]
	inv := newInvocation()
	inv.SetAttachment(tracing.Key, "#1~checkout:b:7")
	err := p.interceptor.Invoke(t.Context(), p.cluster, inv).Error()
	want := EmptyColorError{Service: "order", Channel: "checkout", Color: sdk.Blue, Revision: 7}
	if got, ok := errors.AsType[*EmptyColorError](err); !ok || *got != want {
		t.Errorf("got %v, want %v", err, &want)
	}
}

func TestCallAfterTheRequestIsCounted(t *testing.T) {
	p := newPath(t, sdk.Identity{Service: "gateway"}, checkout(sdk.UseOther))
	ctx, trail := p.tracer.Start(t.Context(), nil)
	trail.Open(p.tracer.Client().Activity())
	trail.Close()
	color := trail.Decisions()[0].Color
	counter := p.tracer.Client().Activity().Counter("checkout")
	during := int64(-1)
	inner := p.cluster.do
	p.cluster.do = func(ctx context.Context, inv base.Invocation) result.Result {
		during = counter.InFlight(color)
		return inner(ctx, inv)
	}
	p.call(ctx)
	if during != 1 || counter.InFlight(color) != 0 {
		t.Errorf("%d in flight during the call and %d after, want 1 and 0", during, counter.InFlight(color))
	}
}

func TestWeightChangeKeepsTheConnection(t *testing.T) {
	equal := equalButWeight(func(l, r *common.URL, exclude ...string) bool { return common.IsEquals(l, r, exclude...) })
	url := func(weight, color string) *common.URL {
		return common.NewURLWithOptions(common.WithIp("127.0.0.1"), common.WithPort("1"),
			common.WithParamsValue(constant.WeightKey, weight), common.WithParamsValue(registry.KeyColor, color))
	}
	cached := url("100", "blue")
	if !equal(url("33", "blue"), cached) || cached.GetParam(constant.WeightKey, "") != "33" {
		t.Errorf("a new weight made another instance, or was not taken over: %s", cached)
	}
	if equal(url("33", "green"), cached) {
		t.Error("another colour is the same instance")
	}
}

func TestMethodWeightsAreDropped(t *testing.T) {
	url := common.NewURLWithOptions(common.WithParamsValue("methods.Place.weight", "0"), common.WithParamsValue("methods.Place.retries", "2"))
	dropMethodWeights(url)
	if url.GetParam("methods.Place.weight", "gone") != "gone" || url.GetParam("methods.Place.retries", "") != "2" {
		t.Errorf("left %s", url)
	}
}

func TestFilterList(t *testing.T) {
	for list, want := range map[string]string{
		"":               "bluegreenClient",
		"cshutdown":      "bluegreenClientShutdown", // dubbo-go's default: still one name, without a comma
		"echo":           "bluegreenClient,echo",
		"echo,cshutdown": "bluegreenClient,echo,cshutdown",
	} {
		if got := clientFilters(list); got != want {
			t.Errorf("clientFilters(%q) = %q, want %q", list, got, want)
		}
	}
}

// marking is a filter that leaves its mark on the way there and on the way back.
type marking struct{}

func (marking) Invoke(ctx context.Context, invoker base.Invoker, inv base.Invocation) result.Result {
	inv.SetAttachment("mark", "there")
	return invoker.Invoke(ctx, inv)
}

func (marking) OnResponse(_ context.Context, res result.Result, _ base.Invoker, _ base.Invocation) result.Result {
	res.AddAttachment("mark", "back")
	return res
}

func TestFilterRunsTheNextOne(t *testing.T) {
	p := newPath(t, sdk.Identity{Service: "gateway"}, checkout(sdk.UseOther))
	f := &clientFilter{tracer: p.tracer, next: marking{}}
	decided, _ := p.tracer.Start(t.Context(), nil)
	for name, ctx := range map[string]context.Context{"decided": decided, "not decided": t.Context()} {
		inv := newInvocation()
		res := f.OnResponse(ctx, f.Invoke(ctx, p.instances[0], inv), p.instances[0], inv)
		if there, _ := inv.GetAttachment("mark"); there != "there" || res.Attachment("mark", nil) != "back" {
			t.Errorf("%s: the next filter was not run: %q, %v", name, there, res.Attachments())
		}
	}
}
