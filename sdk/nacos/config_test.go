package nacos

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nacos-group/nacos-sdk-go/v2/common/constant"

	"github.com/bluegreen-go/bluegreen/sdk"
)

func utoa(n uint64) string { return strconv.FormatUint(n, 10) }

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

func contains(err error, text string) bool { return strings.Contains(err.Error(), text) }

func TestServers(t *testing.T) {
	tests := []struct {
		address string
		want    string // host:port:grpcPort of each
	}{
		{"127.0.0.1:8848", "127.0.0.1:8848:9848"},
		{"nacos", "nacos:8848:9848"},
		{"a:1, b:2", "a:1:1001 b:2:1002"},
		{"[::1]:8848", "[::1]:8848:9848"},
		{"", ""},
	}
	for _, tt := range tests {
		servers, err := Config{Address: tt.address}.servers()
		if err != nil {
			t.Errorf("%q: %v", tt.address, err)
		}
		var got []string
		for _, s := range servers {
			got = append(got, s.IpAddr+":"+utoa(s.Port)+":"+utoa(s.GrpcPort))
		}
		if strings.Join(got, " ") != tt.want {
			t.Errorf("%q: %v, want %s", tt.address, got, tt.want)
		}
	}
	for _, address := range []string{"http://a:8848", "a:0", "a:65000", "a:x", ":8848", "a:1,,b:1", "a b:1"} {
		if _, err := Open(Config{Address: address, CacheDir: t.TempDir()}); err == nil {
			t.Errorf("address %q is accepted", address)
		}
	}
}

func TestConfigPassesThrough(t *testing.T) {
	cfg, err := Config{
		Endpoint: "acm:8080", Namespace: "public", Username: "u", Password: "p", AccessKey: "a", SecretKey: "s",
		ContextPath: "/n", TLS: constant.TLSConfig{Enable: true, CaFile: "ca"},
	}.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	if cfg.Group != sdk.Group || cfg.Timeout != DefaultTimeout || cfg.Logger == nil {
		t.Errorf("defaults are missing in %+v", cfg)
	}
	got := cfg.client("dir")
	if got.NamespaceId != "" || got.Endpoint != "acm:8080" || got.Username != "u" || got.Password != "p" ||
		got.AccessKey != "a" || got.SecretKey != "s" || got.ContextPath != "/n" || got.CacheDir != "dir" ||
		got.TLSCfg.CaFile != "ca" || !got.TLSCfg.Enable || !got.TLSCfg.Appointed {
		t.Errorf("client configuration %+v", got)
	}
	if !got.DisableUseSnapShot || !got.NotLoadCacheAtStart {
		t.Error("answers may come from files")
	}
	if _, err := (Config{Address: "a", Timeout: -1}).withDefaults(); err == nil {
		t.Error("a negative timeout is accepted")
	}
}

func TestWarnings(t *testing.T) {
	var b bytes.Buffer
	w := warnings{slog.New(slog.NewTextHandler(&b, &slog.HandlerOptions{Level: slog.LevelDebug}))}
	w.Debug("a")
	w.Debugf("%s", "a")
	w.Info("a")
	w.Infof("%s", "a")
	if b.Len() != 0 || w.Close() != nil {
		t.Errorf("logged %q", b.String())
	}
	w.Warn("one")
	w.Warnf("%d", 2)
	w.Error("three")
	w.Errorf("%d", 4)
	for _, want := range []string{"nacos: one", "nacos: 2", "nacos: three", "nacos: 4"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("logged %q, want %q in it", b.String(), want)
		}
	}
}

func TestCall(t *testing.T) {
	ctx := context.Background()
	if got, err := call(ctx, func() (int, error) { return 7, nil }); got != 7 || err != nil {
		t.Errorf("call = %d, %v", got, err)
	}
	if _, err := call(ctx, func() (int, error) { var m map[int]int; m[1] = 1; return 0, nil }); err == nil || !contains(err, "nil map") { //nolint:govet,staticcheck // it is to panic
		t.Errorf("call that panics = %v, want what it panicked with", err)
	}
	ended, cancel := context.WithCancelCause(ctx)
	cause := errors.New("over")
	cancel(cause)
	if _, err := call(ended, func() (int, error) { t.Error("called"); return 0, nil }); !errors.Is(err, cause) {
		t.Errorf("call = %v, want %v", err, cause)
	}
}

func TestLazy(t *testing.T) {
	opens, closes, fail := 0, 0, true
	l := &lazy[int]{
		open: func() (int, error) {
			opens++
			if fail {
				return 0, errors.New("not yet")
			}
			return opens, nil
		},
		close: func(int) { closes++ },
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if _, err := l.get(ctx); err == nil {
		t.Error("get = nil though open failed")
	}
	fail = false
	for range 2 {
		if got, err := l.get(ctx); got != 2 || err != nil {
			t.Errorf("get = %d, %v, want the client of the second try", got, err)
		}
	}
	for range 2 {
		if err := l.shut(ctx); err != nil || closes != 1 {
			t.Errorf("shut = %v, %d closes, want 1", err, closes)
		}
	}
	if _, err := l.get(ctx); !errors.Is(err, ErrClosed) {
		t.Errorf("get after shut = %v, want %v", err, ErrClosed)
	}
}
