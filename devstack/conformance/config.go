package conformance

import (
	"crypto/md5" //nolint:gosec // the protocol compares configs by md5
	"encoding/hex"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nacos-group/nacos-sdk-go/v2/clients/config_client"
	"github.com/nacos-group/nacos-sdk-go/v2/vo"
)

const configGroup = "CONFORMANCE"

func digest(content string) string {
	sum := md5.Sum([]byte(content)) //nolint:gosec // as above
	return hex.EncodeToString(sum[:])
}

func publish(t testing.TB, c config_client.IConfigClient, group, dataID, content string) {
	t.Helper()
	ok, err := c.PublishConfig(vo.ConfigParam{DataId: dataID, Group: group, Content: content})
	if !ok || err != nil {
		t.Fatalf("publish %s: got %v, %v, want true", dataID, ok, err)
	}
}

// waitConfig waits until a query returns the content; a Nacos may take a moment to serve what was just published.
func waitConfig(t testing.TB, c config_client.IConfigClient, group, dataID, want string) {
	t.Helper()
	eventually(t, "content of "+dataID, func() string {
		got, err := c.GetConfig(vo.ConfigParam{DataId: dataID, Group: group})
		switch {
		case err != nil:
			return err.Error() // the library allows five queries of one key in a second
		case got != want:
			return "got " + quote(got) + ", want " + quote(want)
		}
		return ""
	})
}

func quote(s string) string { return `"` + s + `"` }

func (s *suite) configPublish(t *testing.T) {
	c, id := s.configClient(t, ""), s.name("publish")
	publish(t, c, configGroup, id, "one: ü 世界\n")
	waitConfig(t, c, configGroup, id, "one: ü 世界\n")
	publish(t, c, configGroup, id, strings.Repeat("two ", 10_000))
	waitConfig(t, s.configClient(t, ""), configGroup, id, strings.Repeat("two ", 10_000))
	if got, err := c.GetConfig(vo.ConfigParam{DataId: id, Group: "OTHER"}); got != "" || err != nil {
		t.Errorf("the same data id in another group: got %q, %v, want nothing", got, err)
	}
}

func (s *suite) configMissing(t *testing.T) {
	c, id := s.configClient(t, ""), s.name("missing")
	if got, err := c.GetConfig(vo.ConfigParam{DataId: id, Group: configGroup}); got != "" || err != nil {
		t.Errorf("get: got %q, %v, want an empty content and no error", got, err)
	}
	if ok, err := c.DeleteConfig(vo.ConfigParam{DataId: id, Group: configGroup}); !ok || err != nil {
		t.Errorf("delete: got %v, %v, want true: deleting what is absent succeeds", ok, err)
	}
}

// heard collects what a listener is told.
type heard struct {
	mu  sync.Mutex
	all []string
}

func (h *heard) listen(t testing.TB, c config_client.IConfigClient, group, dataID string) {
	t.Helper()
	err := c.ListenConfig(vo.ConfigParam{DataId: dataID, Group: group, OnChange: func(_, _, _, data string) {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.all = append(h.all, data)
	}})
	if err != nil {
		t.Fatalf("listen: %v", err)
	}
	// The query after it makes the library's first round come at once.
	if _, err := c.GetConfig(vo.ConfigParam{DataId: dataID, Group: group}); err != nil {
		t.Fatalf("get: %v", err)
	}
}

// nudgeAfter is when a publish that nobody heard of is followed by others:
// nacos-sdk-go forgets a push that arrives while it compares its documents with
// the server, and looks again only after five minutes.
const nudgeAfter = 4 * time.Second

// waitFor waits until the newest content that was heard is want, which writer has
// published; "" is a deletion.
func (h *heard) waitFor(t testing.TB, writer config_client.IConfigClient, dataID, want string) {
	t.Helper()
	nudge := time.Now().Add(nudgeAfter)
	eventually(t, "listener", func() string {
		if time.Now().After(nudge) {
			nudge = time.Now().Add(nudgeAfter)
			publish(t, writer, configGroup, dataID, want+" (again)")
			if want != "" {
				publish(t, writer, configGroup, dataID, want)
			} else if ok, err := writer.DeleteConfig(vo.ConfigParam{DataId: dataID, Group: configGroup}); !ok || err != nil {
				t.Fatalf("delete: got %v, %v", ok, err)
			}
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		if len(h.all) > 0 && h.all[len(h.all)-1] == want {
			return ""
		}
		return "got " + strings.Join(h.all, " | ") + ", want last " + quote(want)
	})
}

func (s *suite) configListen(t *testing.T) {
	writer, reader, id := s.configClient(t, ""), s.configClient(t, ""), s.name("listen")
	var h heard
	h.listen(t, reader, configGroup, id)
	publish(t, writer, configGroup, id, "first")
	h.waitFor(t, writer, id, "first")
	publish(t, writer, configGroup, id, "second")
	h.waitFor(t, writer, id, "second")
	if ok, err := writer.DeleteConfig(vo.ConfigParam{DataId: id, Group: configGroup}); !ok || err != nil {
		t.Fatalf("delete: got %v, %v", ok, err)
	}
	h.waitFor(t, writer, id, "")
	publish(t, writer, configGroup, id, "again")
	h.waitFor(t, writer, id, "again")
	h.mu.Lock()
	defer h.mu.Unlock()
	if want := []string{"first", "second", "", "again"}; !slices.Equal(slices.Compact(slices.Clone(h.all)), want) {
		t.Errorf("listener: got %q, want %q", h.all, want)
	}
}

func (s *suite) configCAS(t *testing.T) {
	c, id := s.configClient(t, ""), s.name("cas")
	swap := func(content, md5 string) (bool, error) {
		return c.PublishConfig(vo.ConfigParam{DataId: id, Group: configGroup, Content: content, CasMd5: md5})
	}
	const impossible = "00000000000000000000000000000000"
	if ok, err := swap("created", impossible); !ok || err != nil {
		t.Fatalf("create with an md5 that cannot be: got %v, %v, want true: nothing is stored yet", ok, err)
	}
	waitConfig(t, c, configGroup, id, "created")
	if ok, err := swap("created twice", impossible); ok || err == nil {
		t.Fatalf("create again: got %v, %v, want a refusal", ok, err)
	}
	if ok, err := swap("replaced", digest("created")); !ok || err != nil {
		t.Fatalf("right md5: got %v, %v, want true", ok, err)
	}
	ok, err := swap("lost update", digest("created"))
	if ok || err == nil || !strings.Contains(err.Error(), "Cas publish fail") {
		t.Fatalf("stale md5: got %v, %v, want false and an error with %q", ok, err, "Cas publish fail")
	}
	waitConfig(t, c, configGroup, id, "replaced")
	if ok, err := swap("unconditional", ""); !ok || err != nil {
		t.Fatalf("no md5: got %v, %v, want true", ok, err)
	}
}

func (s *suite) configSearch(t *testing.T) {
	c, prefix := s.configClient(t, ""), s.name("search")
	for _, suffix := range []string{".a", ".b", ".c"} {
		publish(t, c, configGroup, prefix+suffix, "content"+suffix)
	}
	search := func(kind, dataID string, size int) []string {
		page, err := c.SearchConfig(vo.SearchConfigParam{Search: kind, DataId: dataID, Group: configGroup, PageNo: 1, PageSize: size})
		if err != nil {
			t.Fatalf("search %s %s: %v", kind, dataID, err)
		}
		var ids []string
		for _, item := range page.PageItems {
			ids = append(ids, strings.TrimPrefix(item.DataId, prefix))
		}
		slices.Sort(ids)
		return ids
	}
	for _, tc := range []struct {
		kind, dataID string
		want         []string
	}{
		{"accurate", prefix + ".b", []string{".b"}},
		{"accurate", prefix, nil},
		{"blur", prefix + "*", []string{".a", ".b", ".c"}},
		{"blur", "*" + strings.TrimPrefix(prefix, "search") + ".c", []string{".c"}},
		{"blur", prefix + ".x*", nil},
	} {
		if got := search(tc.kind, tc.dataID, 10); !slices.Equal(got, tc.want) {
			t.Errorf("search %s %s: got %q, want %q", tc.kind, tc.dataID, got, tc.want)
		}
	}
	if got := search("blur", prefix+"*", 2); len(got) != 2 {
		t.Errorf("search with pages of two: got %q, want two", got)
	}
}

func (s *suite) configNamespaces(t *testing.T) {
	public, other, id := s.configClient(t, ""), s.configClient(t, s.Namespace), s.name("namespace")
	var h heard
	h.listen(t, other, configGroup, id)
	publish(t, public, configGroup, id, "public")
	publish(t, other, configGroup, id, "other")
	h.waitFor(t, other, id, "other")
	waitConfig(t, public, configGroup, id, "public")
	waitConfig(t, other, configGroup, id, "other")
	h.mu.Lock()
	defer h.mu.Unlock()
	if slices.Contains(h.all, "public") {
		t.Errorf("a listener in another namespace heard %q", h.all)
	}
}

func (s *suite) configNames(t *testing.T) {
	c := s.configClient(t, "")
	for _, id := range []string{s.name("with space") + " x", s.name("slash") + "/x", s.name("star") + "*"} {
		if ok, _ := c.PublishConfig(vo.ConfigParam{DataId: id, Group: configGroup, Content: "x"}); ok {
			t.Errorf("publish %q: got true, want a refusal", id)
		}
	}
	id := s.name("colon") + ":a.b_c-d"
	publish(t, c, configGroup, id, "x")
	waitConfig(t, c, configGroup, id, "x")
}
