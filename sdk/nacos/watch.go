package nacos

import (
	"sync"

	"github.com/nacos-group/nacos-sdk-go/v2/clients/config_client"
	"github.com/nacos-group/nacos-sdk-go/v2/vo"
)

// watchers spreads the changes of documents to those who watch. nacos-sdk-go
// takes one callback per document and never another; it can even bring back one
// that was cancelled. So each document is listened to once, for good.
type watchers struct {
	mu     sync.Mutex
	group  string
	client config_client.IConfigClient // nil until connected
	docs   map[string]map[int]func(string)
	next   int
	closed bool
}

// Watch implements [sdk.Source]. changed is called from any goroutine, possibly
// with an older content after a newer one. It is not called with the content that
// is there already. A change can get lost in nacos-sdk-go; it heals that after
// five minutes, and [sdk.Client] earlier.
func (n *Nacos) Watch(dataID string, changed func(content string)) (func(), error) {
	stop, err := n.watch.add(dataID, changed)
	if err != nil {
		return nil, err
	}
	if _, err := n.config.start(); err != nil {
		stop()
		return nil, err
	}
	return stop, nil
}

func (w *watchers) add(dataID string, changed func(string)) (stop func(), err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return nil, ErrClosed
	}
	if w.docs == nil {
		w.docs = map[string]map[int]func(string){}
	}
	if w.docs[dataID] == nil {
		if err := w.listen(dataID); err != nil {
			return nil, err
		}
		w.docs[dataID] = map[int]func(string){}
	}
	id := w.next
	w.next++
	w.docs[dataID][id] = changed
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.docs[dataID], id)
	}, nil
}

// listen needs mu. It sends nothing by itself.
func (w *watchers) listen(dataID string) error {
	if w.client == nil {
		return nil
	}
	return w.client.ListenConfig(vo.ConfigParam{
		DataId: dataID, Group: w.group,
		OnChange: func(_, _, dataID, content string) { w.changed(dataID, content) },
	})
}

// connect starts listening to what is watched already.
func (w *watchers) connect(group string, client config_client.IConfigClient) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.group, w.client = group, client
	for dataID := range w.docs {
		if err := w.listen(dataID); err != nil {
			w.client = nil
			return err
		}
	}
	return nil
}

func (w *watchers) changed(dataID, content string) {
	w.mu.Lock()
	calls := make([]func(string), 0, len(w.docs[dataID]))
	for _, c := range w.docs[dataID] {
		calls = append(calls, c)
	}
	closed := w.closed
	w.mu.Unlock()
	if closed {
		return
	}
	for _, c := range calls {
		c(content)
	}
}

func (w *watchers) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
}
