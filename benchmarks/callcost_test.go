package benchmarks

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/bluegreen-go/bluegreen/devstack"
	"github.com/bluegreen-go/bluegreen/internal/dubbotest"
	"github.com/bluegreen-go/bluegreen/sdk"
)

func TestMain(m *testing.M) {
	dubbotest.Main()
	goleak.VerifyTestMain(m, goleak.IgnoreCurrent()) // what dubbo-go and nacos-sdk-go start when they are linked
}

// Environment of the measurement.
const (
	envRatios = "BLUEGREEN_BENCH"      // 1: enough rounds for ratios, and a failure if one is too high
	envJSON   = "BLUEGREEN_BENCH_JSON" // file for the raw numbers
)

// budget is the most that an arm may add, in allocations per call. Beginning a
// request takes some beside those of its calls.
var budget = map[string]struct{ caller, provider float64 }{
	Idle:    {0, 0},
	Carried: {6, 6},
	Root:    {9, 7},
}

const rounding = 0.5

// arm is a caller and its provider, in processes of their own, and how it calls.
type arm struct {
	name             string
	caller, provider *dubbotest.Node
	iface            string
	asOne            bool // the calls belong to one request
}

// pair starts a provider and a caller. Names have the same length in all arms.
func pair(t testing.TB, dev *devstack.Server, iface, group string) (caller, provider *dubbotest.Node) {
	cfg := dubbotest.Config{Registry: dev.Addr(), RulesGroup: group, Plain: group == "", Version: "v1"}
	p, c := cfg, cfg
	p.App, p.Color, p.Provide = "order", "blue", []string{iface}
	c.App, c.Consume = "gateway", []string{iface}
	provider = dubbotest.Start(t, p)
	return dubbotest.Start(t, c), provider
}

// publish puts the rules of a group into the devstack.
func publish(t testing.TB, dev *devstack.Server, group string, channels ...*sdk.Channel) {
	t.Helper()
	zero := sdk.Duration(0)
	index := &sdk.Index{APIVersion: sdk.APIVersion, Revision: 1, Channels: map[string]int64{}}
	index.Settings.JitterMax = &zero
	put := func(dataID string, doc interface{ Document() (string, error) }) {
		text, err := doc.Document()
		if err == nil {
			err = dev.Publish(group, dataID, text)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, ch := range channels {
		index.Channels[ch.Name] = ch.Revision
		put(sdk.ChannelDataID(ch.Name), ch)
	}
	put(sdk.IndexDataID, index)
}

const (
	idleGroup = "BG_IDLE"
	busyGroup = "BG_BUSY"
)

// newArms starts everything and waits until every caller gets answers.
func newArms(t testing.TB) []arm {
	dev := devstack.RunT(t)
	publish(t, dev, idleGroup)
	publish(t, dev, busyGroup, &sdk.Channel{
		APIVersion: sdk.APIVersion, Name: "checkout", Revision: 1, State: sdk.Active, Services: []string{"order"},
		Share: sdk.PerColor[int]{Blue: 1}, Stage: sdk.PerColor[sdk.Stage]{Blue: sdk.Full}, WhenEmpty: sdk.UseOther,
	})
	var arms []arm
	for _, a := range []struct{ name, iface, group string }{
		{Plain, "bench.EchoA", ""}, {Again, "bench.EchoB", ""}, {Idle, "bench.EchoC", idleGroup}, {Carried, "bench.EchoD", busyGroup},
	} {
		caller, provider := pair(t, dev, a.iface, a.group)
		arms = append(arms, arm{a.name, caller, provider, a.iface, a.name == Carried})
	}
	last := arms[len(arms)-1]
	last.name, last.asOne = Root, false
	arms = append(arms, last)
	for _, a := range arms {
		a.warm(t)
	}
	return arms
}

// warmCalls fill dubbo-go's pools and the counters of the SDK.
const warmCalls = 300

func (a *arm) warm(t testing.TB) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for {
		r := a.caller.Call(a.iface, "", 1, 1)
		if len(r.Errors) == 0 && (a.name != Carried || a.caller.State().Channels[0].Converged == 1) {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: no answers within a minute: %v", a.name, r.Errors)
		}
		<-time.After(50 * time.Millisecond)
	}
	a.measure(warmCalls)
}

// chunk is how many calls are measured at a time. What happens in the background
// meanwhile, such as a report or a heartbeat, only adds, so of allocations the
// least chunk counts.
const chunk = 25

// measure makes the calls, rounded up to whole chunks.
func (a *arm) measure(calls int) Sample {
	var callerAllocs, providerAllocs, callerBytes, providerBytes, took []float64
	var cpu time.Duration
	for done := 0; done < calls; done += chunk {
		before := a.provider.Usage()
		load := a.caller.Load(a.iface, chunk, a.asOne)
		p := a.provider.Usage().Sub(before)
		cpu += load.Used.CPU + p.CPU
		callerAllocs = append(callerAllocs, float64(load.Used.Mallocs)/chunk)
		providerAllocs = append(providerAllocs, float64(p.Mallocs)/chunk)
		callerBytes = append(callerBytes, float64(load.Used.Bytes)/chunk)
		providerBytes = append(providerBytes, float64(p.Bytes)/chunk)
		took = append(took, micros(load.P50))
	}
	median := func(sample []float64) float64 { return MedianOf(sample).Median }
	return Sample{
		CallerAllocs: slices.Min(callerAllocs), ProviderAllocs: slices.Min(providerAllocs),
		CallerBytes: slices.Min(callerBytes), ProviderBytes: slices.Min(providerBytes),
		CPUMicros: micros(cpu) / float64(len(took)*chunk), P50Micros: median(took),
	}
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

// run measures every arm in every round. The order turns, so that no arm is
// always the first after a pause or next to the same one.
func run(arms []arm, rounds, calls int) *Report {
	r := &Report{Go: runtime.Version(), CPUs: runtime.NumCPU(), Calls: calls, Rounds: map[string][]Sample{}}
	for _, a := range arms {
		r.Arms = append(r.Arms, a.name)
	}
	for round := range rounds {
		for i := range arms {
			a := &arms[(round+i)%len(arms)]
			r.Rounds[a.name] = append(r.Rounds[a.name], a.measure(calls))
		}
	}
	return r
}

// TestCallCost holds the budgets of the whole call: allocations always, ratios
// when asked for.
func TestCallCost(t *testing.T) {
	withRatios := os.Getenv(envRatios) == "1"
	rounds, calls := 3, 500
	if withRatios {
		rounds, calls = 15, 500
	}
	arms := newArms(t)
	r := run(arms, rounds, calls)
	for again := 0; again < 3 && len(r.overBudget()) > 0; again++ {
		t.Logf("measuring again, since what runs in the background only adds: %v", r.overBudget())
		r = run(arms, rounds, calls)
	}
	for _, problem := range r.overBudget() {
		t.Error(problem)
	}
	judgeRatios(t, r, withRatios)
	t.Logf("%d rounds of %d calls, %d CPUs, %s\n%s", rounds, calls, r.CPUs, r.Go, r.Table())
	write(t, r)
}

// overBudget lists the arms that allocate more than they may.
func (r *Report) overBudget() (problems []string) {
	for _, arm := range []string{Idle, Carried, Root} {
		most := budget[arm]
		caller, provider := r.Added(arm, callerAllocs), r.Added(arm, providerAllocs)
		if caller >= most.caller+rounding {
			problems = append(problems, fmt.Sprintf("%s: %.1f allocations added in the caller, want at most %.0f", arm, caller, most.caller))
		}
		if provider >= most.provider+rounding {
			problems = append(problems, fmt.Sprintf("%s: %.1f allocations added in the provider, want at most %.0f", arm, provider, most.provider))
		}
	}
	return problems
}

func judgeRatios(t *testing.T, r *Report, gate bool) {
	for _, arm := range []string{Idle, Carried, Root} {
		for what, field := range map[string]func(Sample) float64{"CPU time": cpu, "p50": p50} {
			verdict, ok := r.judge(arm, what, field)
			r.Verdicts = append(r.Verdicts, verdict)
			if gate && !ok {
				t.Error(verdict)
			} else {
				t.Log(verdict)
			}
		}
	}
}

func write(t *testing.T, r *Report) {
	t.Helper()
	path := os.Getenv(envJSON)
	if path == "" {
		return
	}
	raw, err := json.MarshalIndent(r, "", " ")
	if err == nil {
		err = os.WriteFile(path, append(raw, '\n'), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// BenchmarkCall is for a quick look at one arm; compare arms by TestCallCost.
func BenchmarkCall(b *testing.B) {
	for _, a := range newArms(b) {
		b.Run(a.name, func(b *testing.B) {
			s := a.measure(b.N)
			b.ReportMetric(s.CallerAllocs, "caller-allocs/op")
			b.ReportMetric(s.ProviderAllocs, "provider-allocs/op")
			b.ReportMetric(s.CPUMicros*1000, "cpu-ns/op")
			b.ReportMetric(s.P50Micros*1000, "p50-ns/op")
		})
	}
}
