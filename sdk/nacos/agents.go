package nacos

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/nacos-group/nacos-sdk-go/v2/common/constant"
	"github.com/nacos-group/nacos-sdk-go/v2/model"

	"github.com/bluegreen-go/bluegreen/internal/naming"
	"github.com/bluegreen-go/bluegreen/sdk"
)

const (
	pageSize = 500 // names of services per request
	queries  = 8   // requests at the same time
)

// services lists the Nacos services that hold reports.
func (n *Nacos) services(ctx context.Context, r *naming.Client) ([]string, error) {
	namespace := cmp.Or(n.cfg.Namespace, constant.DEFAULT_NAMESPACE_ID)
	var names []string
	for page, seen := uint32(1), int64(0); ; page++ {
		list, err := call(ctx, func() (model.ServiceList, error) {
			return r.GetServiceList(page, pageSize, n.cfg.Group, namespace, &model.ExpressionSelector{})
		})
		if err != nil {
			return nil, fmt.Errorf("nacos: list services: %w", err)
		}
		for _, name := range list.Doms {
			if strings.HasPrefix(name, AgentPrefix) {
				names = append(names, name)
			}
		}
		seen += int64(len(list.Doms))
		if len(list.Doms) == 0 || seen >= list.Count {
			slices.Sort(names)
			return slices.Compact(names), nil
		}
	}
}

// Agents returns the newest reports of all processes that are connected now, by
// service, colour and start. It asks the server each time; Nacos itself shows a
// report up to about a second after it was taken. What could not be read is named
// in the error, beside the reports that could.
func (n *Nacos) Agents(ctx context.Context) ([]sdk.Report, error) {
	r, err := n.reader.get(ctx)
	if err != nil {
		return nil, fmt.Errorf("nacos: agents: %w", err)
	}
	v, err := n.look(ctx, r)
	return v.reports, errors.Join(err, v.broken)
}

// view is what the registry held at one look.
type view struct {
	services []string // names of the Nacos services
	reports  []sdk.Report
	broken   error // names processes whose reports cannot be read
}

// look asks for everything. An error means that some services' processes are
// missing in the view.
func (n *Nacos) look(ctx context.Context, r *naming.Client) (view, error) {
	names, err := n.services(ctx, r)
	if err != nil {
		return view{}, err
	}
	hosts, errs := make([][]model.Instance, len(names)), make([]error, len(names))
	slots := make(chan struct{}, queries)
	var wg sync.WaitGroup
	for i, name := range names {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			hosts[i], errs[i] = n.instances(ctx, r, name)
		})
	}
	wg.Wait()
	v := view{services: names}
	var broken []error
	for i, name := range names {
		reports, err := collect(strings.TrimPrefix(name, AgentPrefix), hosts[i])
		v.reports = append(v.reports, reports...)
		broken = append(broken, err)
	}
	v.broken = errors.Join(broken...)
	return v, errors.Join(errs...)
}

func (n *Nacos) instances(ctx context.Context, r *naming.Client, name string) ([]model.Instance, error) {
	hosts, err := call(ctx, func() ([]model.Instance, error) { return r.Instances(n.cfg.Group, name) })
	if err != nil {
		return nil, fmt.Errorf("nacos: agents of %s: %w", strings.TrimPrefix(name, AgentPrefix), err)
	}
	return hosts, nil
}

// collect makes reports of the instances of one service.
func collect(service string, hosts []model.Instance) ([]sdk.Report, error) {
	processes := map[string][]map[string]string{}
	where := map[string]string{}
	for _, h := range hosts {
		boot := h.Metadata[keyBoot]
		processes[boot] = append(processes[boot], h.Metadata)
		where[boot] = h.Ip
	}
	var reports []sdk.Report
	var errs []error
	for _, boot := range slices.Sorted(maps.Keys(processes)) {
		report, err := decode(processes[boot])
		if err == nil && (report.Identity.Service != service || report.Identity.Boot != boot) {
			err = errors.New("report of another process")
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("nacos: agent %s/%s at %s: %w", service, boot, where[boot], err))
			continue
		}
		reports = append(reports, report)
	}
	slices.SortFunc(reports, func(a, b sdk.Report) int {
		return cmp.Or(cmp.Compare(a.Identity.Color, b.Identity.Color), a.Identity.Start.Compare(b.Identity.Start),
			cmp.Compare(a.Identity.Boot, b.Identity.Boot))
	})
	return reports, errors.Join(errs...)
}
