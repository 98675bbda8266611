package converge

import (
	"context"
	"testing"
	"time"

	"github.com/bluegreen-go/bluegreen/sdk"
	"github.com/bluegreen-go/bluegreen/sdk/nacos"
)

// Names of what is measured.
const (
	group   = "BG_CONVERGE"
	channel = "converge"
	service = "converge-order"
	iface   = "converge.Echo"
)

// rules publishes the channel, as control would.
type rules struct {
	t        testing.TB
	nacos    *nacos.Nacos
	revision int64
	last     map[string]string // documents as published
}

func newRules(t testing.TB, address string) *rules {
	n, err := nacos.Open(nacos.Config{Address: address, Group: group, CacheDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = n.Close(ctx)
	})
	return &rules{t: t, nacos: n, last: map[string]string{}}
}

// send publishes a share as the next revision and returns when that began and how
// long it took. There is no delay on purpose (jitterMax is 0).
func (r *rules) send(share sdk.PerColor[int]) (began time.Time, took time.Duration) {
	r.t.Helper()
	r.revision++
	ch := &sdk.Channel{
		APIVersion: sdk.APIVersion, Name: channel, Revision: r.revision, State: sdk.Active, Services: []string{service},
		Share: share, Stage: sdk.Both(sdk.Full), WhenEmpty: sdk.UseOther,
	}
	zero := sdk.Duration(0)
	index := &sdk.Index{APIVersion: sdk.APIVersion, Revision: r.revision, Channels: map[string]int64{channel: r.revision}}
	index.Settings.JitterMax = &zero
	began = time.Now()
	r.put(sdk.ChannelDataID(channel), ch)
	r.put(sdk.IndexDataID, index)
	return began, time.Since(began)
}

func (r *rules) put(dataID string, d interface{ Document() (string, error) }) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	text, err := d.Document()
	if err == nil {
		err = r.nacos.Publish(ctx, dataID, text, r.last[dataID])
	}
	if err != nil {
		r.t.Fatalf("publish %s: %v", dataID, err)
	}
	r.last[dataID] = text
}
