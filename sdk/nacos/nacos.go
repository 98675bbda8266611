package nacos

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/nacos-group/nacos-sdk-go/v2/clients"
	"github.com/nacos-group/nacos-sdk-go/v2/clients/config_client"
	"github.com/nacos-group/nacos-sdk-go/v2/common/logger"
	"github.com/nacos-group/nacos-sdk-go/v2/vo"

	"github.com/bluegreen-go/bluegreen/internal/naming"
	"github.com/bluegreen-go/bluegreen/sdk"
)

// ErrClosed is returned by everything after [Nacos.Close].
var ErrClosed = errors.New("nacos: closed")

// Nacos is a connection to one Nacos. Its methods may be called concurrently.
// It implements [sdk.Source] and is what control publishes and reads with.
type Nacos struct {
	cfg      Config
	dir      string // nacos-sdk-go's files, of this value alone
	config   *lazy[config_client.IConfigClient]
	reader   *lazy[*naming.Client]
	reporter *Reporter
	watch    watchers
	proof    proof
}

var _ sdk.Source = (*Nacos)(nil)

// Open returns a connection that is made at first use: it does not wait for the
// server. End it with [Nacos.Close].
func Open(cfg Config) (*Nacos, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	if _, err := cfg.servers(); err != nil {
		return nil, err
	}
	if cfg.LogDir == "" {
		logger.SetLogger(warnings{cfg.Logger})
	}
	// Its own directory, because nacos-sdk-go takes what it finds there for what
	// the caller knows already, and then does not call back.
	if cfg.CacheDir != "" {
		if err := os.MkdirAll(cfg.CacheDir, 0o750); err != nil {
			return nil, err
		}
	}
	dir, err := os.MkdirTemp(cfg.CacheDir, "bluegreen-nacos-")
	if err != nil {
		return nil, fmt.Errorf("nacos: %w", err)
	}
	n := &Nacos{cfg: cfg, dir: dir, proof: newProof()}
	n.config = &lazy[config_client.IConfigClient]{
		open: n.openConfig, close: func(c config_client.IConfigClient) { c.CloseClient() },
	}
	n.reader = &lazy[*naming.Client]{open: func() (*naming.Client, error) { return n.openNaming("agents") }, close: (*naming.Client).Close}
	n.reporter = newReporter(n)
	return n, nil
}

// openConfig makes the config client. The documents that are watched are listened
// to before anybody can read with it: then a first answer comes in milliseconds
// instead of seconds, and nothing is missed between reading and listening.
func (n *Nacos) openConfig() (config_client.IConfigClient, error) {
	servers, err := n.cfg.servers()
	if err != nil {
		return nil, err
	}
	client := n.cfg.client(filepath.Join(n.dir, "rules"))
	c, err := clients.NewConfigClient(vo.NacosClientParam{ClientConfig: &client, ServerConfigs: servers})
	if err != nil {
		return nil, fmt.Errorf("nacos: %w", err)
	}
	if err := n.watch.connect(n.cfg.Group, c); err != nil {
		c.CloseClient()
		return nil, err
	}
	return c, nil
}

// limitPause is the pause after nacos-sdk-go refused to read a document a sixth
// time in a second.
const limitPause = 200 * time.Millisecond

// Load returns a document as it is now; "" if there is none. It reads each
// document at most five times a second, for the whole process, and waits when
// asked more often.
func (n *Nacos) Load(ctx context.Context, dataID string) (string, error) {
	client, err := n.config.get(ctx)
	if err != nil {
		return "", fmt.Errorf("nacos: load %s: %w", dataID, err)
	}
	for {
		content, err := call(ctx, func() (string, error) {
			return client.GetConfig(vo.ConfigParam{DataId: dataID, Group: n.cfg.Group})
		})
		if err == nil {
			return content, nil
		}
		if !passing(err) || !sleep(ctx, limitPause) {
			return "", fmt.Errorf("nacos: load %s: %w", dataID, err)
		}
	}
}

// passing reports an answer that is another one a moment later: nacos-sdk-go's own
// limit of reads, and a document that the server is just writing.
func passing(err error) bool {
	return strings.Contains(err.Error(), "is limited") || strings.Contains(err.Error(), "being modified")
}

// sleep waits, and reports whether the context still stands.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// Close withdraws the report, ends watching and closes the connections. It waits
// for that no longer than ctx, since nacos-sdk-go can hang where the server is
// away, and says so. Later calls do nothing.
func (n *Nacos) Close(ctx context.Context) error {
	n.watch.close()
	err := errors.Join(n.reporter.Close(ctx), n.config.shut(ctx), n.reader.shut(ctx))
	if err != nil {
		err = fmt.Errorf("nacos: close: %w", err)
	}
	return errors.Join(err, os.RemoveAll(n.dir))
}
