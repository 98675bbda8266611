package tracing

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/bluegreen-go/bluegreen/sdk"
)

// RegisterMetrics registers observable instruments that read counters and client
// at each collection; the request path pays for none of them.
//
//	bluegreen.decisions          {decision}  channel, color, decision.source
//	bluegreen.crossings          {call}      channel, reason
//	bluegreen.misrouted          {request}   channel
//	bluegreen.carrier.errors     {value}     carrier, reason
//	bluegreen.carrier.conflicts  {value}
//	bluegreen.requests.active    {request}   channel, color
//	bluegreen.requests.started   {request}   channel, color
//	bluegreen.rule.revision      1           channel
//	bluegreen.rule.updates       {update}    reason (applied or refused)
//
// Unregister the returned registration before the client is shut down.
func RegisterMetrics(meter metric.Meter, client *sdk.Client, counters *Counters) (metric.Registration, error) {
	m := &instruments{client: client, counters: counters}
	if err := m.create(meter); err != nil {
		return nil, err
	}
	return meter.RegisterCallback(m.observe, m.decisions, m.crossings, m.misrouted, m.errors, m.conflicts,
		m.active, m.started, m.revision, m.updates)
}

type instruments struct {
	client   *sdk.Client
	counters *Counters

	decisions, crossings, misrouted, errors, conflicts, started, updates metric.Int64ObservableCounter

	active   metric.Int64ObservableUpDownCounter
	revision metric.Int64ObservableGauge
}

func (m *instruments) create(meter metric.Meter) (err error) {
	for _, c := range []struct {
		into              *metric.Int64ObservableCounter
		name, unit, about string
	}{
		{&m.decisions, "bluegreen.decisions", "{decision}", "Decisions that requests were given or brought along."},
		{&m.crossings, "bluegreen.crossings", "{call}", "Calls that left their decided colour."},
		{&m.misrouted, "bluegreen.misrouted", "{request}", "Requests that came in on another colour than they carried."},
		{&m.errors, "bluegreen.carrier.errors", "{value}", "Carried texts that could not be read."},
		{&m.conflicts, "bluegreen.carrier.conflicts", "{value}", "Requests whose baggage said something else than their own key."},
		{&m.started, "bluegreen.requests.started", "{request}", "Requests started in the life of the process."},
		{&m.updates, "bluegreen.rule.updates", "{update}", "Rule snapshots applied, and documents refused."},
	} {
		*c.into, err = meter.Int64ObservableCounter(c.name, metric.WithUnit(c.unit), metric.WithDescription(c.about))
		if err != nil {
			return err
		}
	}
	m.active, err = meter.Int64ObservableUpDownCounter("bluegreen.requests.active", metric.WithUnit("{request}"),
		metric.WithDescription("Requests under way."))
	if err != nil {
		return err
	}
	m.revision, err = meter.Int64ObservableGauge("bluegreen.rule.revision", metric.WithUnit("1"),
		metric.WithDescription("Revision of a channel's rules that the process follows."))
	return err
}

func (m *instruments) observe(_ context.Context, o metric.Observer) error {
	observe := func(c metric.Int64Observable, n int64, attrs ...attribute.KeyValue) {
		o.ObserveInt64(c, n, metric.WithAttributes(attrs...))
	}
	s := m.counters.Snapshot()
	misrouted := map[string]int64{}
	for _, d := range s.Decisions {
		observe(m.decisions, d.Count, AttrChannel.String(d.Channel), AttrColor.String(d.Color.String()), AttrSource.String(string(d.Reason)))
		if d.Reason == sdk.Arrived {
			misrouted[d.Channel] += d.Count
		}
	}
	for channel, n := range misrouted {
		observe(m.misrouted, n, AttrChannel.String(channel))
	}
	for _, c := range s.Crossings {
		observe(m.crossings, c.Count, AttrChannel.String(c.Channel), AttrReason.String(string(c.Reason)))
	}
	for _, e := range s.CarrierErrors {
		observe(m.errors, e.Count, AttrCarrier.String(e.Carrier), AttrReason.String(e.Reason))
	}
	observe(m.conflicts, s.Conflicts)
	for _, ch := range m.client.Rules().Channels() {
		name := AttrChannel.String(ch.Name)
		observe(m.revision, ch.Revision, name)
		count := m.client.Activity().Counter(ch.Name)
		for _, color := range sdk.Colors {
			observe(m.active, count.InFlight(color), name, AttrColor.String(color.String()))
			observe(m.started, count.Starts(color), name, AttrColor.String(color.String()))
		}
	}
	stats := m.client.Stats()
	observe(m.updates, stats.Applied, AttrReason.String("applied"))
	observe(m.updates, stats.Refused, AttrReason.String("refused"))
	return nil
}
