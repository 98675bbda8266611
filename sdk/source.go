package sdk

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// Source is where rule documents are read from. Its methods may be called
// concurrently.
type Source interface {
	// Load returns a document as it is now; "" if there is none. An error
	// means that the source could not answer.
	Load(ctx context.Context, dataID string) (string, error)
	// Watch calls changed with the document's content each time it may have
	// changed, until stop is called. The calls may come late, doubled or out of
	// order, from any goroutine. changed does not block. A deleted document is "".
	Watch(dataID string, changed func(content string)) (stop func(), err error)
}

// MemorySource is a [Source] for tests: documents in a map.
type MemorySource struct {
	mu       sync.Mutex
	docs     map[string]string
	watchers map[string]map[int]func(string)
	next     int
	err      error
}

// NewMemorySource returns a source that holds the given channels, and an index
// that names them.
func NewMemorySource(channels ...*Channel) (*MemorySource, error) {
	s := &MemorySource{docs: map[string]string{}, watchers: map[string]map[int]func(string){}}
	index := &Index{APIVersion: APIVersion, Revision: 1, Channels: map[string]int64{}}
	for _, ch := range channels {
		doc, err := ch.Document()
		if err != nil {
			return nil, err
		}
		s.docs[ChannelDataID(ch.Name)] = doc
		index.Channels[ch.Name] = ch.Revision
	}
	doc, err := index.Document()
	if err != nil {
		return nil, err
	}
	s.docs[IndexDataID] = doc
	return s, nil
}

// Put writes a document and tells its watchers; "" deletes it.
func (s *MemorySource) Put(dataID, content string) {
	s.mu.Lock()
	s.docs[dataID] = content
	calls := make([]func(string), 0, len(s.watchers[dataID]))
	for _, w := range s.watchers[dataID] {
		calls = append(calls, w)
	}
	s.mu.Unlock()
	for _, call := range calls {
		call(content)
	}
}

// SetError makes Load fail until it is called with nil.
func (s *MemorySource) SetError(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

// Load implements [Source].
func (s *MemorySource) Load(_ context.Context, dataID string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.docs[dataID], s.err
}

// Watch implements [Source].
func (s *MemorySource) Watch(dataID string, changed func(string)) (func(), error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.watchers[dataID] == nil {
		s.watchers[dataID] = map[int]func(string){}
	}
	id := s.next
	s.next++
	s.watchers[dataID][id] = changed
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.watchers[dataID], id)
	}, nil
}

// FileSource is a [Source] for laptops: each document is the file <dir>/<dataID>.yaml,
// looked at once a second.
type FileSource struct{ dir string }

// NewFileSource returns a source over a directory that exists.
func NewFileSource(dir string) (*FileSource, error) {
	info, err := os.Stat(dir)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return nil, fmt.Errorf("%s is not a directory", dir)
	}
	return &FileSource{dir: dir}, nil
}

// Load implements [Source].
func (s *FileSource) Load(_ context.Context, dataID string) (string, error) {
	b, err := os.ReadFile(filepath.Join(s.dir, filepath.Base(dataID)+".yaml"))
	if os.IsNotExist(err) {
		return "", nil
	}
	return string(b), err
}

// Watch implements [Source] by polling.
func (s *FileSource) Watch(dataID string, changed func(string)) (func(), error) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	last, _ := s.Load(ctx, dataID) // before Watch returns: no change falls in between
	go func() {
		defer close(done)
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			if now, err := s.Load(ctx, dataID); err == nil && now != last {
				last = now
				changed(now)
			}
		}
	}()
	return func() { cancel(); <-done }, nil
}
