package nacos

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/nacos-group/nacos-sdk-go/v2/common/constant"
	"github.com/nacos-group/nacos-sdk-go/v2/model"

	"github.com/bluegreen-go/bluegreen/sdk"
)

const (
	pageSize = 500 // names of services per request
	queries  = 8   // requests at the same time
)

// services lists the Nacos services that hold reports.
func (n *Nacos) services(ctx context.Context, r *naming) ([]string, error) {
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

// Agents returns the newest reports of all processes that are connected now, as
// the server has them at this moment, by service, colour and process. What could
// not be read is named in the error, beside the reports that could.
func (n *Nacos) Agents(ctx context.Context) ([]sdk.Report, error) {
	r, err := n.reader.get(ctx)
	if err != nil {
		return nil, fmt.Errorf("nacos: agents: %w", err)
	}
	names, err := n.services(ctx, r)
	if err != nil {
		return nil, err
	}
	found, errs := make([][]sdk.Report, len(names)), make([]error, len(names))
	slots := make(chan struct{}, queries)
	var wg sync.WaitGroup
	for i, name := range names {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			found[i], errs[i] = n.agentsOf(ctx, r, name)
		})
	}
	wg.Wait()
	return slices.Concat(found...), errors.Join(errs...)
}

// agentsOf returns the reports of one service's processes.
func (n *Nacos) agentsOf(ctx context.Context, r *naming, name string) ([]sdk.Report, error) {
	info, err := call(ctx, func() (*model.Service, error) {
		return r.QueryInstancesOfService(name, n.cfg.Group, "", 0, false)
	})
	if err != nil {
		return nil, fmt.Errorf("nacos: agents of %s: %w", strings.TrimPrefix(name, AgentPrefix), err)
	}
	return collect(strings.TrimPrefix(name, AgentPrefix), info.Hosts)
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
	for boot, parts := range processes {
		report, err := decode(parts)
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
