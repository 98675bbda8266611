package sdk

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"
)

var errDown = errors.New("source is down")

func TestClosedUntilRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, channel())
		w.source.SetError(errDown)
		c := w.start()
		defer w.stop()
		start := time.Now()
		if err := c.WaitLoaded(t.Context()); err == nil || time.Since(start) != 3*time.Second {
			t.Errorf("WaitLoaded = %v after %v, want an error after 3s", err, time.Since(start))
		}
		start = time.Now()
		if err := c.WaitLoaded(t.Context()); err == nil || time.Since(start) != 0 {
			t.Errorf("second WaitLoaded = %v after %v, want an error at once", err, time.Since(start))
		}
		if got := c.Rules().Origin(); got != NotLoaded {
			t.Errorf("origin %v, want not-loaded", got)
		}
		if c.Rules() == nil || c.Converged("shop") {
			t.Error("a closed process must have rules and not be converged")
		}
		w.source.SetError(nil)
		time.Sleep(retryMax)
		w.following(1)
		if got := c.Rules().Origin(); got != FromSource {
			t.Errorf("origin %v, want source", got)
		}
		if err := c.WaitLoaded(t.Context()); err != nil {
			t.Errorf("WaitLoaded = %v, want nil", err)
		}
	})
}

func TestWaitLoadedReturnsWithTheRules(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, channel())
		w.source.SetError(errDown)
		c := w.start()
		defer w.stop()
		start := time.Now()
		time.AfterFunc(time.Second, func() { w.source.SetError(nil) })
		if err := c.WaitLoaded(t.Context()); err != nil || time.Since(start) > 2*time.Second {
			t.Errorf("WaitLoaded = %v after %v, want nil soon after 1s", err, time.Since(start))
		}
	})
}

func TestWaitLoadedObeysItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, channel())
		w.source.SetError(errDown)
		c := w.start()
		defer w.stop()
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, errDown)
		defer cancel()
		start := time.Now()
		if err := c.WaitLoaded(ctx); !errors.Is(err, errDown) || time.Since(start) != time.Second {
			t.Errorf("WaitLoaded = %v after %v, want the cause after 1s", err, time.Since(start))
		}
	})
}

func TestSourceThatHoldsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.source.Put(IndexDataID, "")
		c := w.start()
		defer w.stop()
		if err := c.WaitLoaded(t.Context()); err != nil {
			t.Fatal(err)
		}
		if r := c.Rules(); r.Origin() != FromSource || r.AnyActive() || len(r.Problems()) != 0 {
			t.Errorf("origin %v, active %v, problems %v, want an open process without channels", r.Origin(), r.AnyActive(), r.Problems())
		}
	})
}

// lastGoodFile lets a client write its file and returns the path.
func lastGoodFile(t *testing.T, channels ...*Channel) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "deep", "er", "rules.yaml")
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, channels...)
		w.start(WithLastGoodFile(path))
		synctest.Wait()
		w.stop()
	})
	return path
}

func TestStartTimeout(t *testing.T) {
	good := lastGoodFile(t, channel(revision(7), share(0, 1)))
	content, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name   string
		file   []byte // nil: absent
		origin Origin
		rev    int64
		warn   int // log lines that say the file cannot be read
	}{
		{"good", content, FromFile, 7, 0},
		{"absent", nil, Assumed, 0, 0},
		{"cut", content[:len(content)/3], Assumed, 0, 1},
		{"not YAML", []byte("\x00\x01{["), Assumed, 0, 1},
		{"odd YAML", []byte("<<: {a: b}\n? [a, b]\n: c\n"), Assumed, 0, 1},
		{"0 bytes", []byte{}, Assumed, 0, 1},
		{"broken index in it", []byte("index: '{'\nchannels: {}\n"), Assumed, 0, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "rules.yaml")
			if tt.file != nil {
				if err := os.WriteFile(path, tt.file, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, channel(revision(9)))
				w.source.SetError(errDown)
				c := w.start(WithLastGoodFile(path))
				defer w.stop()
				time.Sleep(30*time.Second - 1)
				if got := c.Rules().Origin(); got != NotLoaded {
					t.Errorf("origin %v before the timeout, want not-loaded", got)
				}
				time.Sleep(1)
				w.following(tt.rev)
				if got := c.Rules().Origin(); got != tt.origin {
					t.Errorf("origin %v, want %v", got, tt.origin)
				}
				if got := w.log.count("last-good rules cannot be read"); got != tt.warn {
					t.Errorf("%d warnings about the file, want %d", got, tt.warn)
				}
				if err := c.WaitLoaded(t.Context()); err != nil || c.Converged("shop") {
					t.Errorf("WaitLoaded = %v, converged %v, want open and not converged", err, c.Converged("shop"))
				}
				w.source.SetError(nil)
				time.Sleep(retryMax)
				w.following(9)
				if got := c.Rules().Origin(); got != FromSource || !c.Converged("shop") {
					t.Errorf("origin %v, converged %v, want source and converged", got, c.Converged("shop"))
				}
			})
		})
	}
}

func TestStartTimeoutIsAnOption(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, channel())
		w.source.SetError(errDown)
		c := w.start(WithStartTimeout(time.Second))
		defer w.stop()
		time.Sleep(time.Second)
		synctest.Wait()
		if got := c.Rules().Origin(); got != Assumed {
			t.Errorf("origin %v, want assumed", got)
		}
	})
}

// TestFileChannelsAreWatched: channels that came from the file are read and
// watched once the source answers, even when the index names the same revision.
func TestFileChannelsAreWatched(t *testing.T) {
	path := lastGoodFile(t, channel(revision(7)))
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, channel(revision(7)))
		w.source.SetError(errDown)
		w.start(WithLastGoodFile(path))
		defer w.stop()
		time.Sleep(30 * time.Second)
		w.source.SetError(nil)
		time.Sleep(retryMax)
		w.following(7)
		if w.source.loaded(ChannelDataID("shop")) == 0 {
			t.Error("the channel was not read in this life")
		}
		w.put(channel(revision(8))) // no index: the push alone
		w.following(8)
	})
}

// TestPartOfTheSourceFails: the index answers, one channel does not. What was
// read is newer than the file and stays; the rest comes from the file.
func TestPartOfTheSourceFails(t *testing.T) {
	other := channel(named("other", "other"))
	path := lastGoodFile(t, channel(revision(3)), other)
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, channel(revision(5)), other)
		w.source.fail[ChannelDataID("other")] = true
		c := w.start(WithLastGoodFile(path))
		defer w.stop()
		time.Sleep(time.Second)
		c.Recheck()
		synctest.Wait()
		if got := c.Rules().Origin(); got != NotLoaded {
			t.Errorf("origin %v while a channel was not read, want not-loaded", got)
		}
		time.Sleep(30 * time.Second)
		w.following(5)
		w.problem("")
		if c.Rules().Channel("other") == nil {
			t.Error("channel other is not followed from the file")
		}
	})
}

// TestBrokenAtFirstRead: the last good document stands in for one that is broken
// when it is read first, and the repaired one is found even if its push is lost.
func TestBrokenAtFirstRead(t *testing.T) {
	path := lastGoodFile(t, channel(revision(7)))
	for _, file := range []string{path, ""} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, channel(revision(7)))
			w.source.Put(ChannelDataID("shop"), "broken: [")
			c := w.start(WithLastGoodFile(file))
			defer w.stop()
			want := int64(7)
			if file == "" {
				want = 0
			}
			w.following(want)
			w.problem("invalid document")
			if got := c.Rules().Origin(); got != FromSource {
				t.Errorf("origin %v, want source", got)
			}
			w.source.set(func() { w.source.deaf = true })
			w.put(channel(revision(7)))
			time.Sleep(time.Minute)
			w.following(7)
			w.problem("")
		})
	}
}

func TestLastGoodFileCannotBeWritten(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o400); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, channel())
		w.start(WithLastGoodFile(filepath.Join(file, "rules.yaml")))
		defer w.stop()
		w.following(1)
		if w.log.count("cannot be written") != 1 {
			t.Error("the log does not say that the file cannot be written")
		}
		w.publish(channel(revision(2)))
		w.following(2)
		if got := w.log.count("cannot be written"); got != 1 {
			t.Errorf("logged %d times, want once", got)
		}
	})
}

func TestReadOnlyDirectory(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	if f, err := os.CreateTemp(dir, ""); err == nil {
		_ = f.Close()
		t.Skip("this user may write anywhere")
	}
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, channel())
		w.start(WithLastGoodFile(filepath.Join(dir, "rules.yaml")))
		defer w.stop()
		w.following(1)
	})
}

// TestLastGoodFileIsReplacedWhole: whoever reads while it is written sees the
// old or the new content, and nothing is left beside it.
func TestLastGoodFileIsReplacedWhole(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "rules.yaml")
	f := &lastGood{Channels: map[string]string{}}
	for range 200 {
		f.Channels["c"+newBoot()] = goodDocument
	}
	if err := f.write(path); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		for range 20 {
			if err := f.write(path); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	for reads := 0; ; reads++ {
		select {
		case err := <-done:
			if err != nil {
				t.Error(err)
			}
			if entries, _ := os.ReadDir(dir); len(entries) != 1 {
				t.Errorf("%d files are left, want 1", len(entries))
			}
			return
		default:
		}
		if got, err := readLastGood(path); err != nil || len(got.Channels) != 200 {
			t.Fatalf("read %d: %v", reads, err)
		}
	}
}

func TestNewClientRefuses(t *testing.T) {
	memory, err := NewMemorySource()
	if err != nil {
		t.Fatal(err)
	}
	for name, f := range map[string]func() (*Client, error){
		"no service":     func() (*Client, error) { return NewClient(Identity{}, memory) },
		"unknown colour": func() (*Client, error) { return NewClient(Identity{Service: "a", Color: 7}, memory) },
		"no source":      func() (*Client, error) { return NewClient(Identity{Service: "a"}, nil) },
	} {
		if c, err := f(); err == nil || c != nil {
			t.Errorf("%s: got %v, %v, want an error", name, c, err)
		}
	}
}
