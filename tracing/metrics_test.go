package tracing_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"

	"github.com/bluegreen-go/bluegreen/sdk"
	"github.com/bluegreen-go/bluegreen/tracing"
)

// meter is a metric.Meter that runs the registered callback on demand.
type meter struct {
	noop.Meter
	callback metric.Callback
	failOn   string
}

type instrument struct {
	noop.Int64ObservableCounter
	name string
}

type gauge struct {
	noop.Int64ObservableGauge
	name string
}

type upDown struct {
	noop.Int64ObservableUpDownCounter
	name string
}

var errMeter = errors.New("no such instrument")

func (m *meter) Int64ObservableCounter(name string, _ ...metric.Int64ObservableCounterOption) (metric.Int64ObservableCounter, error) {
	if name == m.failOn {
		return nil, errMeter
	}
	return instrument{name: name}, nil
}

func (m *meter) Int64ObservableGauge(name string, _ ...metric.Int64ObservableGaugeOption) (metric.Int64ObservableGauge, error) {
	return gauge{name: name}, nil
}

func (m *meter) Int64ObservableUpDownCounter(name string, _ ...metric.Int64ObservableUpDownCounterOption) (metric.Int64ObservableUpDownCounter, error) {
	return upDown{name: name}, nil
}

func (m *meter) RegisterCallback(f metric.Callback, _ ...metric.Observable) (metric.Registration, error) {
	m.callback = f
	return noop.Registration{}, nil
}

// observer writes what is observed as "name{key=value,…}" → value.
type observer struct {
	noop.Observer
	seen map[string]int64
}

func (o *observer) ObserveInt64(i metric.Int64Observable, n int64, opts ...metric.ObserveOption) {
	name := ""
	switch i := i.(type) {
	case instrument:
		name = i.name
	case gauge:
		name = i.name
	case upDown:
		name = i.name
	}
	set := metric.NewObserveConfig(opts).Attributes()
	var attrs []string
	for _, kv := range set.ToSlice() {
		attrs = append(attrs, strings.TrimPrefix(string(kv.Key), "bluegreen.")+"="+kv.Value.String())
	}
	o.seen[fmt.Sprintf("%s{%s}", strings.TrimPrefix(name, "bluegreen."), strings.Join(attrs, ","))] = n
}

func TestMetrics(t *testing.T) {
	tracer := newTracer(t, "order", sdk.Blue, active("order", 50, "order"))
	m := &meter{}
	if _, err := tracing.RegisterMetrics(m, tracer.Client(), tracer.Counters()); err != nil {
		t.Fatal(err)
	}
	_, trail := tracer.Receive(t.Context(), "#7~order:g:17", true)
	trail.Open(tracer.Client().Activity())
	defer trail.Close()
	tracer.Receive(t.Context(), "#7~order:z:17", true)
	tracer.Receive(appBaggage(t, t.Context(), "#7~order:g:17"), "#7~order:b:17", true)
	tracer.Counters().Crossing("order", sdk.Corrected)
	o := &observer{seen: map[string]int64{}}
	if err := m.callback(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	for what, want := range map[string]int64{
		"decisions{channel=order,color=blue,decision.source=arrived}": 1,
		"decisions{channel=order,color=blue,decision.source=self}":    1,
		"decisions{channel=order,color=blue,decision.source=carried}": 1,
		"crossings{channel=order,reason=corrected}":                   1,
		"misrouted{channel=order}":                                    1,
		"carrier.errors{carrier=own,reason=color}":                    1,
		"carrier.conflicts{}":                                         1,
		"requests.active{channel=order,color=blue}":                   1,
		"requests.active{channel=order,color=green}":                  0,
		"requests.started{channel=order,color=blue}":                  1,
		"rule.revision{channel=order}":                                17,
		"rule.updates{reason=applied}":                                1,
		"rule.updates{reason=refused}":                                0,
	} {
		if got, ok := o.seen[what]; !ok || got != want {
			t.Errorf("%s = %d (observed: %v), want %d", what, got, ok, want)
		}
	}
	if t.Failed() {
		t.Logf("observed: %v", o.seen)
	}
	if _, err := tracing.RegisterMetrics(&meter{failOn: "bluegreen.crossings"}, tracer.Client(), tracer.Counters()); !errors.Is(err, errMeter) {
		t.Errorf("error = %v, want %v", err, errMeter)
	}
}

func TestCountersAreBounded(t *testing.T) {
	tracer := newTracer(t, "order", sdk.Blue)
	counters := tracer.Counters()
	const n = 3000
	for i := range n {
		counters.Decision(fmt.Sprint("channel", i), sdk.Blue, sdk.Carried)
	}
	s := counters.Snapshot()
	if len(s.Decisions) > 1100 {
		t.Errorf("%d series, want a bound", len(s.Decisions))
	}
	total, others := int64(0), int64(0)
	for _, d := range s.Decisions {
		total += d.Count
		if d.Channel == tracing.Others {
			others += d.Count
		}
	}
	if total != n || others == 0 {
		t.Errorf("total %d with %d others, want %d with some", total, others, n)
	}
}

func TestCountersConcurrentSafe(t *testing.T) {
	counters := newTracer(t, "order", sdk.Blue).Counters()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := range 200 {
				counters.Decision(fmt.Sprint("channel", i%10), sdk.Blue, sdk.Late)
				counters.Crossing("order", sdk.Late)
				_ = counters.Snapshot()
			}
		})
	}
	wg.Wait()
	s := counters.Snapshot()
	if len(s.Decisions) != 10 || s.Decisions[0].Count != 160 || s.Crossings[0].Count != 1600 {
		t.Errorf("counted %v and %v, want 10 × 160 and 1600", s.Decisions, s.Crossings)
	}
}

func TestNilCounters(t *testing.T) {
	var c *tracing.Counters
	c.Decision("order", sdk.Blue, sdk.Late)
	c.Crossing("order", sdk.Late)
	if s := c.Snapshot(); len(s.Decisions) != 0 || len(s.Crossings) != 0 {
		t.Errorf("snapshot = %v, want nothing", s)
	}
}
