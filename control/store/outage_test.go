package store

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bluegreen-go/bluegreen/sdk"
)

// awayOnce is a backend whose index cannot be reached for a while after a
// channel's document was published.
type awayOnce struct {
	*Memory
	until atomic.Pointer[time.Time]
}

func (b *awayOnce) away(dataID string) error {
	if until := b.until.Load(); dataID == sdk.IndexDataID && until != nil && time.Now().Before(*until) {
		return errors.New("client not connected")
	}
	return nil
}

func (b *awayOnce) Load(ctx context.Context, dataID string) (string, error) {
	if err := b.away(dataID); err != nil {
		return "", err
	}
	return b.Memory.Load(ctx, dataID)
}

func (b *awayOnce) Publish(ctx context.Context, dataID, content, old string) error {
	if err := b.away(dataID); err != nil {
		return err
	}
	err := b.Memory.Publish(ctx, dataID, content, old)
	if strings.HasPrefix(dataID, sdk.ChannelPrefix) && b.until.Load() == nil {
		until := time.Now().Add(10 * time.Second)
		b.until.Store(&until)
	}
	return err
}

func TestOutageBetweenDocumentAndIndexEndsNothing(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.active()
		backend := &awayOnce{Memory: w.memory}
		w.store.backend = backend
		if _, err := w.store.Share(w.ctx, "checkout", share(1, 3)); err != nil {
			t.Fatalf("%v\n%s", err, w.log())
		}
		ix, err := w.store.Index(w.ctx)
		if err != nil || ix.Channels["checkout"] != w.doc().Revision {
			t.Errorf("the index says %v (%v), want revision %d", ix, err, w.doc().Revision)
		}
	})
}
