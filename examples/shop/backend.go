package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"strings"

	"github.com/nacos-group/nacos-sdk-go/v2/clients"
	"github.com/nacos-group/nacos-sdk-go/v2/clients/config_client"
	"github.com/nacos-group/nacos-sdk-go/v2/common/constant"
	"github.com/nacos-group/nacos-sdk-go/v2/vo"

	"github.com/bluegreen-go/bluegreen/devstack"
	"github.com/bluegreen-go/bluegreen/examples/shop/internal/tally"
)

// backend is the Nacos that the demo runs on: the one of the devstack, in this process, or a real one. All that the demo
// leaves in it is in two groups of its own.
type backend struct {
	addr          string
	rulesGroup    string
	registryGroup string
	dev           *devstack.Server // nil with a real server
	dir           string
}

// openBackend starts the devstack if addr is empty. id tells this run from others on the same server.
func openBackend(addr, id, dir string) (*backend, error) {
	b := &backend{addr: addr, rulesGroup: "BLUE_GREEN_" + id, registryGroup: "SHOP_" + id, dir: dir}
	if addr != "" {
		return b, nil
	}
	dev, err := devstack.Start(devstack.WithLogger(slog.New(slog.DiscardHandler)))
	if err != nil {
		return nil, err
	}
	b.dev, b.addr = dev, dev.Addr()
	return b, nil
}

// name says what the demo runs on.
func (b *backend) name() string {
	if b.dev != nil {
		return "the devstack's Nacos at " + b.addr
	}
	return "Nacos at " + b.addr
}

// writes returns the registry writes that the devstack saw, by record and connection, for a connection that was lost
// takes its records along and the next one has to register them anew; false with a real server, which keeps no such journal.
func (b *backend) writes() (writes []tally.Write, ok bool) {
	if b.dev == nil {
		return nil, false
	}
	for _, w := range b.dev.Writes() {
		if w.Group == b.registryGroup && w.Type != devstack.WriteDeregister && strings.HasPrefix(w.Service, "providers:") {
			writes = append(writes, tally.Write{
				At: w.Time, Record: fmt.Sprintf("%s %s:%d on %s", w.Service, w.IP, w.Port, w.Conn),
				Note: fmt.Sprintf("enabled %v, weight %g, applied %v", w.Enabled, w.Weight, w.Applied),
			})
		}
	}
	return writes, true
}

// close stops the devstack, or removes what the demo left in a real server.
func (b *backend) close(ctx context.Context) error {
	if b.dev != nil {
		return b.dev.Close()
	}
	return b.clean(ctx)
}

// clean removes the demo's config documents: its rules, and what dubbo-go published about its interfaces. Instances go
// with their processes.
func (b *backend) clean(ctx context.Context) error {
	client, err := b.configClient()
	if err != nil {
		return err
	}
	defer client.CloseClient()
	var errs []error
	for _, group := range []string{b.rulesGroup, b.registryGroup} {
		for range 20 { // pages
			page, err := client.SearchConfig(vo.SearchConfigParam{Search: "blur", DataId: "*", Group: group, PageNo: 1, PageSize: 100})
			if err != nil || len(page.PageItems) == 0 || ctx.Err() != nil {
				errs = append(errs, err)
				break
			}
			for _, item := range page.PageItems {
				_, err := client.DeleteConfig(vo.ConfigParam{DataId: item.DataId, Group: group})
				errs = append(errs, err)
			}
		}
	}
	return errors.Join(errs...)
}

func (b *backend) configClient() (config_client.IConfigClient, error) {
	host, portText, err := net.SplitHostPort(b.addr)
	if err != nil {
		return nil, fmt.Errorf("address of Nacos: %w", err)
	}
	port, err := strconv.ParseUint(portText, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("address of Nacos: %w", err)
	}
	return clients.NewConfigClient(vo.NacosClientParam{
		ClientConfig: constant.NewClientConfig(constant.WithCacheDir(b.dir), constant.WithLogDir(b.dir),
			constant.WithNotLoadCacheAtStart(true), constant.WithLogLevel("error")),
		ServerConfigs: []constant.ServerConfig{*constant.NewServerConfig(host, port)},
	})
}
