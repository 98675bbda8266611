package nacos

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/nacos-group/nacos-sdk-go/v2/clients"
	"github.com/nacos-group/nacos-sdk-go/v2/clients/config_client"
	"github.com/nacos-group/nacos-sdk-go/v2/clients/naming_client"
	"github.com/nacos-group/nacos-sdk-go/v2/common/constant"
	"github.com/nacos-group/nacos-sdk-go/v2/model"
	"github.com/nacos-group/nacos-sdk-go/v2/vo"
)

// probeGroup and probeName are what the readiness probe writes and removes again.
const (
	probeGroup = "BLUEGREEN_INTEGRATION"
	probeName  = "readiness-probe"
)

// probeEvery is how often the probe writes while it waits for a push.
const probeEvery = time.Second

// awaitPush returns when a naming push and a config push arrived.
func (s *Server) awaitPush(ctx context.Context) error {
	dir, err := os.MkdirTemp(s.home, "probe-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	param := vo.NacosClientParam{
		ClientConfig: &constant.ClientConfig{
			TimeoutMs: 3000, NotLoadCacheAtStart: true, DisableUseSnapShot: true, LogLevel: "error",
			LogDir: filepath.Join(dir, "log"), CacheDir: filepath.Join(dir, "cache"),
		},
		ServerConfigs: []constant.ServerConfig{*constant.NewServerConfig(s.Host(), uint64(s.port))},
	}
	if err := s.awaitNamingPush(ctx, param); err != nil {
		return err
	}
	return s.awaitConfigPush(ctx, param)
}

func (s *Server) awaitNamingPush(ctx context.Context, param vo.NacosClientParam) error {
	watcher, err := clients.NewNamingClient(param)
	if err != nil {
		return err
	}
	defer watcher.CloseClient()
	writer, err := clients.NewNamingClient(param)
	if err != nil {
		return err
	}
	defer writer.CloseClient()
	pushed := make(chan struct{}, 1)
	subscription := &vo.SubscribeParam{ServiceName: probeName, GroupName: probeGroup, SubscribeCallback: func(list []model.Instance, _ error) {
		if len(list) > 0 {
			signal(pushed)
		}
	}}
	defer func() { _ = watcher.Unsubscribe(subscription) }()
	subscribed := false
	write := func(i int) error {
		// An empty service may be refused at first; the next round subscribes.
		if !subscribed {
			subscribed = watcher.Subscribe(subscription) == nil
		}
		return register(writer, i)
	}
	defer func() {
		_, _ = writer.DeregisterInstance(vo.DeregisterInstanceParam{Ip: s.Host(), Port: 1, ServiceName: probeName, GroupName: probeGroup, Ephemeral: true})
	}()
	if err := until(ctx, pushed, write); err != nil {
		return fmt.Errorf("no naming push: %w", err)
	}
	return nil
}

func register(writer naming_client.INamingClient, i int) error {
	_, err := writer.RegisterInstance(vo.RegisterInstanceParam{
		Ip: "127.0.0.1", Port: 1, ServiceName: probeName, GroupName: probeGroup,
		Weight: float64(i + 1), Enable: true, Healthy: true, Ephemeral: true,
	})
	return err
}

func (s *Server) awaitConfigPush(ctx context.Context, param vo.NacosClientParam) error {
	client, err := clients.NewConfigClient(param)
	if err != nil {
		return err
	}
	defer client.CloseClient()
	pushed := make(chan struct{}, 1)
	key := vo.ConfigParam{DataId: probeName, Group: probeGroup}
	listen := key
	listen.OnChange = func(_, _, _, _ string) { signal(pushed) }
	if err := client.ListenConfig(listen); err != nil {
		return err
	}
	defer func() {
		_ = client.CancelListenConfig(key)
		_, _ = client.DeleteConfig(key)
	}()
	if err := until(ctx, pushed, func(i int) error { return publish(client, key, i) }); err != nil {
		return fmt.Errorf("no config push: %w", err)
	}
	return nil
}

func publish(client config_client.IConfigClient, key vo.ConfigParam, i int) error {
	key.Content = fmt.Sprintf("probe %d at %d", i, time.Now().UnixNano())
	_, err := client.PublishConfig(key)
	return err
}

// until writes again and again until a push came.
func until(ctx context.Context, pushed <-chan struct{}, write func(i int) error) error {
	tick := time.NewTicker(probeEvery)
	defer tick.Stop()
	for i := 0; ; i++ {
		last := write(i)
		select {
		case <-pushed:
			return nil
		case <-tick.C:
		case <-ctx.Done():
			return errors.Join(context.Cause(ctx), last)
		}
	}
}

func signal(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
