package sdk

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"
)

func TestMemorySource(t *testing.T) {
	s, err := NewMemorySource(channel(revision(4)), channel(named("other", "mail")))
	if err != nil {
		t.Fatal(err)
	}
	text, err := s.Load(t.Context(), IndexDataID)
	if err != nil {
		t.Fatal(err)
	}
	if ix, err := ParseIndexStrict(text); err != nil || ix.Channels["shop"] != 4 || ix.Channels["other"] != 1 {
		t.Errorf("index %+v, %v", ix, err)
	}
	var got []string
	stop, err := s.Watch("x", func(content string) { got = append(got, content) })
	if err != nil {
		t.Fatal(err)
	}
	s.Put("x", "1")
	s.Put("y", "2")
	s.Put("x", "")
	stop()
	s.Put("x", "3")
	if len(got) != 2 || got[0] != "1" || got[1] != "" {
		t.Errorf("watched %q, want 1 and the deletion", got)
	}
	s.SetError(errDown)
	if _, err := s.Load(t.Context(), "x"); !errors.Is(err, errDown) {
		t.Errorf("Load = %v, want %v", err, errDown)
	}
}

func TestFileSource(t *testing.T) {
	dir := t.TempDir()
	write := func(dataID, content string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, dataID+".yaml"), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(ChannelDataID("shop"), document(t, channel()))
	write(IndexDataID, document(t, indexOf(1, map[string]int64{"shop": 1})))
	synctest.Test(t, func(t *testing.T) {
		s, err := NewFileSource(dir)
		if err != nil {
			t.Fatal(err)
		}
		c, err := NewClient(blueOrder, s, WithLastGoodFile(""), WithLogger(slog.New(slog.DiscardHandler)))
		if err != nil {
			t.Fatal(err)
		}
		w := &world{t: t, client: c}
		defer w.stop()
		w.following(1)
		write(ChannelDataID("shop"), document(t, channel(revision(2))))
		time.Sleep(time.Second)
		w.following(2)
		write(ChannelDataID("shop"), "broken: [")
		time.Sleep(time.Second)
		w.following(2)
		w.problem("invalid document")
		if err := os.Remove(filepath.Join(dir, ChannelDataID("shop")+".yaml")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		w.problem(ErrGone.Error())
	})
}

// TestFileSourceSeesEachChange: a change right after Watch is not missed.
func TestFileSourceSeesEachChange(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s, err := NewFileSource(dir)
		if err != nil {
			t.Fatal(err)
		}
		got := make(chan string, 1)
		stop, err := s.Watch("x", func(content string) { got <- content })
		if err != nil {
			t.Fatal(err)
		}
		defer stop()
		if err := os.WriteFile(filepath.Join(dir, "x.yaml"), []byte("1"), 0o600); err != nil {
			t.Fatal(err)
		}
		if content := <-got; content != "1" {
			t.Errorf("got %q, want 1", content)
		}
	})
}

func TestFileSourceRefuses(t *testing.T) {
	dir := t.TempDir()
	if _, err := NewFileSource(filepath.Join(dir, "none")); err == nil {
		t.Error("a directory that does not exist must be refused")
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := NewFileSource(file); err == nil {
		t.Error("a file must be refused")
	}
	s, err := NewFileSource(dir)
	if err != nil {
		t.Fatal(err)
	}
	if text, err := s.Load(t.Context(), "none"); text != "" || err != nil {
		t.Errorf("Load of nothing = %q, %v, want empty", text, err)
	}
}
