package registry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/nacos-group/nacos-sdk-go/v2/clients/naming_client"
	"github.com/nacos-group/nacos-sdk-go/v2/model"
	"github.com/nacos-group/nacos-sdk-go/v2/vo"

	"github.com/bluegreen-go/bluegreen/sdk"
)

// ErrRefused is returned for a registration that the server answered with "no"
// and nothing else. The usual cause is metadata of more than 1024 characters.
var ErrRefused = errors.New("refused by the registry")

// Naming is a naming client whose registrations follow the traffic rules. All
// methods may be called concurrently.
type Naming struct {
	naming_client.INamingClient // the client that it decorates

	client *sdk.Client
	id     sdk.Identity
	cfg    config
	log    *slog.Logger

	write    sync.Mutex // held during a write to the server, so that writes of one record keep their order
	mu       sync.Mutex // guards what follows
	records  map[recordKey]*record
	closed   bool
	writes   int64
	refusal  error // why this process must not be registered at all
	assumeOK bool  // no rules, and the other colour is not there: open

	wake   chan struct{}
	cancel context.CancelFunc
	done   chan struct{}
	unsub  func()
}

var _ naming_client.INamingClient = (*Naming)(nil)

// Decorate wraps the naming client that a framework registers with. The result
// follows the rules until [Naming.Shutdown], which the client's Shutdown calls.
func Decorate(inner naming_client.INamingClient, client *sdk.Client, opts ...Option) *Naming {
	ctx, cancel := context.WithCancel(context.Background())
	n := &Naming{
		INamingClient: inner, client: client, id: client.Identity(), cfg: newConfig(opts), log: client.Logger(),
		records: map[recordKey]*record{}, wake: make(chan struct{}, 1), cancel: cancel, done: make(chan struct{}),
	}
	go n.follow(ctx)
	n.unsub = client.Subscribe(func(*sdk.Rules) { n.poke() })
	client.AddPart("registry", sdk.PartFunc(n.behind))
	client.OnShutdown(sdk.StopRPC, "registry", n.Shutdown)
	return n
}

// Refuse makes all later registrations fail with err: the process must not start.
func (n *Naming) Refuse(err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.refusal = err
}

// wanted is what the records should say now.
func (n *Naming) wanted() State {
	rules := n.client.Rules()
	s := Wanted(rules, n.id, n.cfg.fullWeight)
	if rules.Origin() == sdk.Assumed && !n.assumeOK {
		s.Enabled = false
	}
	return s
}

// governs reports whether a service name is a provider's.
func governs(service string) bool {
	for _, other := range []string{"consumers:", "routers:", "configurators:"} {
		if strings.HasPrefix(service, other) {
			return false
		}
	}
	return true
}

// RegisterInstance registers as the rules want it. While the server does not
// answer at all it reports success and registers later: a process that starts
// meanwhile is not to end for it.
func (n *Naming) RegisterInstance(param vo.RegisterInstanceParam) (bool, error) {
	if !governs(param.ServiceName) {
		return n.INamingClient.RegisterInstance(param)
	}
	return n.register(&record{service: param.ServiceName, group: param.GroupName, single: &param})
}

// BatchRegisterInstance registers as the rules want it.
func (n *Naming) BatchRegisterInstance(param vo.BatchRegisterInstanceParam) (bool, error) {
	if !governs(param.ServiceName) {
		return n.INamingClient.BatchRegisterInstance(param)
	}
	return n.register(&record{service: param.ServiceName, group: param.GroupName, batch: &param})
}

// UpdateInstance registers anew with what the param says, as the rules want it.
func (n *Naming) UpdateInstance(param vo.UpdateInstanceParam) (bool, error) {
	return n.RegisterInstance(vo.RegisterInstanceParam(param))
}

// DeregisterInstance takes the record back; the rules do not revive it.
func (n *Naming) DeregisterInstance(param vo.DeregisterInstanceParam) (bool, error) {
	n.write.Lock()
	defer n.write.Unlock()
	n.mu.Lock()
	_, known := n.records[keyOf(param.GroupName, param.ServiceName)]
	delete(n.records, keyOf(param.GroupName, param.ServiceName))
	gone := n.closed && !known
	n.mu.Unlock()
	if gone {
		return true, nil // Shutdown has taken it back already
	}
	return n.INamingClient.DeregisterInstance(param)
}

// CloseClient does nothing: the connection carries the records of the whole
// process, whoever asks. Shutdown closes it.
func (n *Naming) CloseClient() {}

func keyOf(group, service string) recordKey {
	if group == "" {
		group = "DEFAULT_GROUP"
	}
	return recordKey{group, service}
}

func (n *Naming) register(r *record) (bool, error) {
	n.write.Lock()
	defer n.write.Unlock()
	n.mu.Lock()
	if n.refusal != nil || n.closed {
		err := n.refusal
		n.mu.Unlock()
		if err == nil {
			err = errors.New("bluegreen: registry is shut down")
		}
		return false, err
	}
	n.records[keyOf(r.group, r.service)] = r
	want := n.wanted()
	n.mu.Unlock()
	ok, err := n.send(r, want)
	switch {
	case err != nil && n.unreachable(err):
		n.log.Warn("bluegreen: the registry does not answer; registering as soon as it does", "service", r.service, "error", err)
		n.mu.Lock()
		r.owed = true
		n.mu.Unlock()
		ok, err = true, nil
	case err == nil && !ok:
		err = fmt.Errorf("service %q, metadata of %d characters: %w", r.service, size(r.params(n.id, want)[0].Metadata), ErrRefused)
		n.log.Error("bluegreen: registration refused", "error", err)
	}
	n.poke()
	return ok, err
}

// unreachable reports whether a write failed for want of a server, not because of
// what it said.
func (n *Naming) unreachable(err error) bool {
	return strings.Contains(err.Error(), "client not connected") || !n.ServerHealthy()
}

// send writes a record; the caller holds n.write.
func (n *Naming) send(r *record, want State) (ok bool, err error) {
	params := r.params(n.id, want)
	if r.single != nil {
		ok, err = n.INamingClient.RegisterInstance(params[0])
	} else {
		ok, err = n.INamingClient.BatchRegisterInstance(vo.BatchRegisterInstanceParam{
			ServiceName: r.batch.ServiceName, GroupName: r.batch.GroupName, Instances: params,
		})
	}
	n.mu.Lock()
	n.writes++
	r.at = time.Now()
	r.confirmed = ok && err == nil
	if r.confirmed {
		r.sent, r.held, r.owed = want, false, false
	}
	n.mu.Unlock()
	n.client.Recheck()
	return ok, err
}

// Shutdown takes back every record, waits for what is being written, and closes
// the connection's work for the rules. Later registrations fail.
func (n *Naming) Shutdown(ctx context.Context) error {
	n.mu.Lock()
	if n.closed {
		n.mu.Unlock()
		return nil
	}
	n.closed = true
	records := n.records
	n.records = map[recordKey]*record{}
	n.mu.Unlock()
	n.unsub()
	n.cancel()
	finished := make(chan error, 1)
	go func() {
		<-n.done
		n.write.Lock()
		defer n.write.Unlock()
		var errs []error
		for _, r := range records {
			errs = append(errs, n.takeBack(r))
		}
		finished <- errors.Join(errs...)
	}()
	select {
	case err := <-finished:
		return err
	case <-ctx.Done():
		return fmt.Errorf("deregistration: %w", context.Cause(ctx))
	}
}

func (n *Naming) takeBack(r *record) error {
	p := r.params(n.id, State{})[0]
	ok, err := n.INamingClient.DeregisterInstance(vo.DeregisterInstanceParam{
		Ip: p.Ip, Port: p.Port, Cluster: p.ClusterName, ServiceName: r.service, GroupName: r.group, Ephemeral: true,
	})
	if err == nil && !ok {
		err = ErrRefused
	}
	if err != nil {
		return fmt.Errorf("deregister %s: %w", r.service, err)
	}
	return nil
}

func (n *Naming) poke() {
	select {
	case n.wake <- struct{}{}:
	default:
	}
}

// Status is what is known of the records of this process.
type Status struct {
	Writes  int64 // registrations sent in the life of the process
	Records []RecordStatus
}

// RecordStatus is what is known of one record.
type RecordStatus struct {
	Group, Service string
	Wanted, Sent   State
	Confirmed      bool
	Held           bool   // stays enabled because the other colour has no live instance
	Drift          string // what the registry says instead, because somebody else changed it
}

// Status returns a copy of what is known now.
func (n *Naming) Status() Status {
	n.mu.Lock()
	defer n.mu.Unlock()
	s := Status{Writes: n.writes}
	want := n.wanted()
	for key, r := range n.records {
		s.Records = append(s.Records, RecordStatus{
			Group: key.group, Service: key.service, Wanted: want, Sent: r.sent,
			Confirmed: r.confirmed, Held: r.held, Drift: r.drift,
		})
	}
	return s
}

// behind implements sdk.Part: the process's own registration is as the rules say.
func (n *Naming) behind(ch *sdk.Channel) []string {
	if !ch.Has(n.id.Service) {
		return nil
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	want := n.wanted()
	if !want.Governed {
		return nil
	}
	for _, r := range n.records {
		switch {
		case r.held:
			return []string{"registry: held"}
		case !r.confirmed || r.sent != want:
			return []string{"registry: pending"}
		case r.drift != "":
			return []string{"registry: overridden"}
		}
	}
	return nil
}

// options

// Option configures [Decorate].
type Option interface{ apply(*config) }

type optionFunc func(*config)

func (f optionFunc) apply(c *config) { f(c) }

type config struct {
	fullWeight int
	reader     func() (Reader, error)
	reconcile  time.Duration
	jitter     func(limit time.Duration) time.Duration
}

func newConfig(opts []Option) config {
	c := config{fullWeight: FullWeight, reconcile: 30 * time.Second, jitter: sdk.RandomDelay}
	for _, o := range opts {
		o.apply(&c)
	}
	return c
}

// WithFullWeight sets the weight of the colour with the larger share, 1..10000;
// other values are taken to the nearest of these. The default is [FullWeight]. A
// full weight of 10000 makes what callers without the SDK send to a colour with
// share 0 a hundred times smaller.
func WithFullWeight(w int) Option {
	return optionFunc(func(c *config) { c.fullWeight = min(10000, max(1, w)) })
}

// Reader looks at the registry as it is now, not as a subscription was told.
type Reader interface {
	// Instances returns the enabled instances of a service.
	Instances(group, service string) ([]model.Instance, error)
	Close()
}

// WithReader sets how to get a reader. It is called at most once, when first
// needed. Without one, the decorated client's view is taken, which may be old.
func WithReader(open func() (Reader, error)) Option {
	return optionFunc(func(c *config) { c.reader = open })
}

// WithReconcileInterval sets how often the records are compared with what the
// registry shows; the default is 30 s.
func WithReconcileInterval(d time.Duration) Option {
	return optionFunc(func(c *config) { c.reconcile = d })
}

// WithJitter replaces the random delay before writes; f gets the bound in force.
// It is for tests.
func WithJitter(f func(limit time.Duration) time.Duration) Option {
	return optionFunc(func(c *config) { c.jitter = f })
}
