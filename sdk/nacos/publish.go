package nacos

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nacos-group/nacos-sdk-go/v2/vo"

	"github.com/bluegreen-go/bluegreen/sdk"
)

// Errors of publishing.
var (
	// ErrConflict says that the document is not what the caller replaces. It
	// wraps [sdk.ErrConflict].
	ErrConflict = fmt.Errorf("nacos: %w", sdk.ErrConflict)
	// ErrUncertain says that a publish may have happened, or may yet happen.
	ErrUncertain = errors.New("nacos: it is not known whether the document was published")
	// ErrNoCAS says that the server ignores compare-and-set: Nacos before 2.3.2.
	ErrNoCAS = errors.New("nacos: the server publishes over a document that was changed meanwhile (Nacos 2.3.2 or later is needed)")
	// errRefused is for answers without a reason.
	errRefused = errors.New("refused by the server without a reason")
)

const (
	absent      = "absent"        // as an md5 it is never right, so that only a missing document can be replaced
	settleLimit = 2 * time.Second // how long a read may lag behind a publish
	settlePause = 250 * time.Millisecond
)

// Publish replaces the document old by content; old "" means that there must be
// none. It returns [ErrConflict] if the document is another one, and nil also if
// it found that its content is there after an error, so contents of different
// publishers must differ (a nonce). After [ErrUncertain] the caller may publish
// the same content again. Where reads lag behind, it waits for up to 2 s until the
// publish can be read. The first call proves that the server can be trusted
// with this; see [Nacos.SelfTest].
func (n *Nacos) Publish(ctx context.Context, dataID, content, old string) error {
	if content == "" {
		return fmt.Errorf("nacos: publish %s: no content", dataID)
	}
	if err := n.SelfTest(ctx); err != nil {
		return err
	}
	sum := absent
	if old != "" {
		// The server creates a document that is missing whatever is compared.
		now, err := n.await(ctx, dataID, func(now string) bool { return now != "" })
		if err != nil {
			return err
		}
		if now == "" {
			return fmt.Errorf("publish %s: %w: there is none any more", dataID, ErrConflict)
		}
		sum = sumOf(old)
	}
	if err := n.put(ctx, dataID, content, sum); err != nil {
		return n.settle(ctx, dataID, content, old, err)
	}
	// So that who publishes and then reads does not read what was before.
	_, _ = n.await(ctx, dataID, func(now string) bool { return now != old })
	return nil
}

// settle finds out what became of a publish that ended in an error.
func (n *Nacos) settle(ctx context.Context, dataID, content, old string, cause error) error {
	var now string
	var err error
	if refused := isConflict(cause); refused {
		now, err = n.await(ctx, dataID, func(now string) bool { return now != old })
	} else {
		now, err = n.Load(ctx, dataID)
	}
	switch {
	case err != nil:
		return fmt.Errorf("publish %s: %w: %w", dataID, ErrUncertain, cause)
	case now == content:
		return nil
	case now != old || isConflict(cause):
		return fmt.Errorf("publish %s: %w", dataID, ErrConflict)
	case errors.Is(cause, errRefused):
		return fmt.Errorf("publish %s: %w", dataID, cause)
	}
	return fmt.Errorf("publish %s: %w: %w", dataID, ErrUncertain, cause)
}

// isConflict recognizes the server's words for a comparison that failed, and for
// a document that two created at once.
func isConflict(err error) bool {
	text := strings.ToLower(err.Error())
	return strings.Contains(text, "cas publish") || strings.Contains(text, "already exist")
}

// await reads the document until ok holds, but not for longer than reads may lag,
// and returns what it read last.
func (n *Nacos) await(ctx context.Context, dataID string, ok func(string) bool) (string, error) {
	limit := time.Now().Add(settleLimit)
	for {
		now, err := n.Load(ctx, dataID)
		if err != nil || ok(now) || time.Now().After(limit) || !sleep(ctx, settlePause) {
			return now, err
		}
	}
}

// put publishes; sum "" compares nothing.
func (n *Nacos) put(ctx context.Context, dataID, content, sum string) error {
	client, err := n.config.get(ctx)
	if err != nil {
		return err
	}
	ok, err := call(ctx, func() (bool, error) {
		return client.PublishConfig(vo.ConfigParam{
			DataId: dataID, Group: n.cfg.Group, Content: content, CasMd5: sum, Type: "yaml",
		})
	})
	if err == nil && !ok {
		return errRefused
	}
	return err
}

func sumOf(content string) string {
	sum := md5.Sum([]byte(content))
	return hex.EncodeToString(sum[:])
}
