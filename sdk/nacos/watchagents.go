package nacos

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/nacos-group/nacos-sdk-go/v2/clients/naming_client/naming_cache"
	"github.com/nacos-group/nacos-sdk-go/v2/model"
	"github.com/nacos-group/nacos-sdk-go/v2/util"

	"github.com/bluegreen-go/bluegreen/internal/naming"
	"github.com/bluegreen-go/bluegreen/sdk"
)

const (
	agentsPoll  = 2 * time.Second        // for new services, and against lost pushes
	agentsPause = 100 * time.Millisecond // between two looks
)

// WatchAgents calls changed with what [Nacos.Agents] returns, first at once and
// then after each change, until ctx is done, whose cause it returns. Changes are
// collected for 100 ms; changed is called by the goroutine of the caller. While the
// server does not answer nothing is said; a process whose report cannot be read is
// left out and logged.
func (n *Nacos) WatchAgents(ctx context.Context, changed func([]sdk.Report)) error {
	return n.watchAgents(ctx, agentsPoll, changed)
}

func (n *Nacos) watchAgents(ctx context.Context, poll time.Duration, changed func([]sdk.Report)) error {
	r, err := n.connectReader(ctx)
	if err != nil {
		return err
	}
	w := &agentWatch{n: n, r: r, poke: make(chan struct{}, 1), subscribed: map[string]func(){}}
	defer w.end()
	tick := time.NewTicker(poll)
	defer tick.Stop()
	for {
		w.look(ctx, changed)
		if !sleep(ctx, agentsPause) {
			return context.Cause(ctx)
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-w.poke:
		case <-tick.C:
		}
	}
}

// connectReader waits for a client. Making one fails only for what may pass.
func (n *Nacos) connectReader(ctx context.Context) (*naming.Client, error) {
	for {
		r, err := n.reader.get(ctx)
		if err == nil {
			return r, nil
		}
		if errors.Is(err, ErrClosed) || !sleep(ctx, agentsPoll) {
			return nil, fmt.Errorf("nacos: agents: %w", err)
		}
		n.cfg.Logger.Warn("bluegreen: agents cannot be read", "error", err)
	}
}

// agentWatch is one run of WatchAgents. Pushes are hints only: what is told is
// always asked for, since pushes get lost and merged.
type agentWatch struct {
	n          *Nacos
	r          *naming.Client
	poke       chan struct{}
	subscribed map[string]func() // service → end
	told       bool
	last       []sdk.Report
	trouble    string
}

func (w *agentWatch) look(ctx context.Context, changed func([]sdk.Report)) {
	v, err := w.n.look(ctx, w.r)
	if ctx.Err() != nil {
		return
	}
	if err != nil {
		w.note(err)
		return
	}
	w.note(v.broken)
	for _, name := range v.services {
		if w.subscribed[name] == nil {
			w.subscribe(ctx, name)
		}
	}
	if w.told && reflect.DeepEqual(w.last, v.reports) {
		return
	}
	w.told, w.last = true, v.reports
	changed(append([]sdk.Report(nil), v.reports...))
}

// note logs trouble once.
func (w *agentWatch) note(err error) {
	text := ""
	if err != nil {
		text = err.Error()
	}
	if text != w.trouble && text != "" {
		w.n.cfg.Logger.Warn("bluegreen: agents cannot be read", "error", err)
	}
	w.trouble = text
}

// subscribe makes pushes of the service poke the loop; after an error polling has
// to do until the next look.
func (w *agentWatch) subscribe(ctx context.Context, name string) {
	group, full := w.n.cfg.Group, util.GetGroupName(name, w.n.cfg.Group)
	onPush := func([]model.Instance, error) {
		select {
		case w.poke <- struct{}{}:
		default:
		}
	}
	callback := naming_cache.NewSubscribeCallbackFuncWrapper(naming_cache.NewClusterSelector(nil), &onPush)
	w.r.Holder.RegisterCallback(full, "", callback)
	_, err := call(ctx, func() (model.Service, error) { return w.r.Subscribe(name, group, "") })
	if err != nil {
		w.r.Holder.DeregisterCallback(full, "", callback)
		return
	}
	w.subscribed[name] = func() {
		w.r.Holder.DeregisterCallback(full, "", callback)
		if !w.r.Holder.IsSubscribed(full, "") {
			_ = w.r.Unsubscribe(name, group, "")
		}
	}
}

// endLimit bounds how long the end of a watch waits for the server.
const endLimit = time.Second

func (w *agentWatch) end() {
	ctx, cancel := context.WithTimeout(context.Background(), endLimit)
	defer cancel()
	_, _ = call(ctx, func() (struct{}, error) {
		for _, end := range w.subscribed {
			end()
		}
		return struct{}{}, nil
	})
}
