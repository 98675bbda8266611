package nacos

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"net"
	"time"

	"github.com/nacos-group/nacos-sdk-go/v2/model"

	"github.com/bluegreen-go/bluegreen/internal/naming"
	"github.com/bluegreen-go/bluegreen/sdk"
)

// AgentPrefix and a service's name make the name of the Nacos service that holds
// the reports of its processes.
const AgentPrefix = "agent."

// reportLimit bounds one report also where the context does not.
const reportLimit = 15 * time.Second

// Reporter writes the process's agent report as ephemeral instances of a Nacos
// service, on a connection of its own: they vanish with the process.
type Reporter struct {
	n      *Nacos
	client *lazy[*naming.Client]
	ip     string

	// turn is held by the write that is under way, also one that nobody waits
	// for any more, so that an older report is never written over a newer one.
	turn    chan struct{}
	parts   int    // the greatest count of parts so far; guarded by turn
	service string // what was registered; guarded by turn
	port    uint64
}

var _ sdk.Reporter = (*Reporter)(nil)

// Reporter returns the reporter of this process. There is one; Close of the
// Nacos closes it as well.
func (n *Nacos) Reporter() *Reporter { return n.reporter }

// Report writes the report of this process with [Nacos.Reporter].
func (n *Nacos) Report(ctx context.Context, r sdk.Report) error { return n.reporter.Report(ctx, r) }

func newReporter(n *Nacos) *Reporter {
	r := &Reporter{n: n, ip: hostIP(), turn: make(chan struct{}, 1)}
	r.client = &lazy[*naming.Client]{
		open: func() (*naming.Client, error) { return n.openNaming("report") }, close: (*naming.Client).Close,
	}
	return r
}

// Report writes the report in one step. It waits no longer than ctx says; a
// report that was given up may still be written, but never over a later one.
// nacos-sdk-go repeats the newest one by itself after a reconnect.
func (r *Reporter) Report(ctx context.Context, report sdk.Report) error {
	ctx, cancel := context.WithTimeout(ctx, reportLimit)
	defer cancel()
	client, err := r.client.get(ctx)
	if err != nil {
		return fmt.Errorf("nacos: report: %w", err)
	}
	err = r.inTurn(ctx, func() error {
		texts, err := encode(&report, r.parts)
		if err != nil {
			return err
		}
		r.parts, r.service, r.port = len(texts), AgentPrefix+report.Identity.Service, basePort(report.Identity.Boot)
		ok, err := client.BatchRegisterInstance(r.service, r.n.cfg.Group, r.instances(texts))
		if err == nil && !ok {
			return errRefused
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("nacos: report: %w", err)
	}
	return nil
}

// inTurn runs f after the writes before it, and waits for it no longer than ctx.
func (r *Reporter) inTurn(ctx context.Context, f func() error) error {
	select {
	case r.turn <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	_, err := begin(func() (struct{}, error) {
		defer func() { <-r.turn }()
		return struct{}{}, f()
	}).wait(ctx)
	return err
}

func (r *Reporter) instances(parts []map[string]string) []model.Instance {
	all := make([]model.Instance, len(parts))
	for i, metadata := range parts {
		all[i] = model.Instance{
			Ip: r.ip, Port: r.port + uint64(i), Weight: 1, Enable: true, Healthy: true, Ephemeral: true,
			Metadata: metadata,
		}
	}
	return all
}

// Close withdraws the report and closes the connection, waiting no longer than
// ctx. Nacos forgets the report by itself once the connection is gone.
func (r *Reporter) Close(ctx context.Context) error {
	var err error
	if client, ok := r.connected(); ok {
		err = r.inTurn(ctx, func() error {
			if r.service == "" {
				return nil
			}
			_, err := client.DeregisterInstance(r.service, r.n.cfg.Group, model.Instance{Ip: r.ip, Port: r.port, Ephemeral: true})
			r.service = ""
			return err
		})
	}
	return errors.Join(err, r.client.shut(ctx))
}

// connected returns the client if there is one, and makes none.
func (r *Reporter) connected() (*naming.Client, bool) {
	r.client.mu.Lock()
	a, closed := r.client.current, r.client.closed
	r.client.mu.Unlock()
	if a == nil || closed {
		return nil, false
	}
	select {
	case <-a.done:
		return a.value, a.err == nil
	default:
		return nil, false
	}
}

// basePort spreads the processes of a host over port numbers, which mean nothing:
// some tools take two instances with one address for the same.
func basePort(boot string) uint64 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(boot))
	return 1 + uint64(h.Sum32()%(65535/maxParts))*maxParts
}

// hostIP returns an address of this host for people to recognize it by.
func hostIP() string {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return "127.0.0.1"
	}
	for _, a := range addrs {
		if n, ok := a.(*net.IPNet); ok && n.IP.IsGlobalUnicast() && n.IP.To4() != nil {
			return n.IP.String()
		}
	}
	return "127.0.0.1"
}
