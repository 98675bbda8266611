package nacoswire

import (
	"cmp"
	"crypto/md5" //nolint:gosec // the protocol compares configs by md5
	"encoding/hex"
	"errors"
	"path"
	"slices"
	"strings"
	"sync"
	"time"
)

var (
	errCAS      = errors.New("Cas publish fail, server md5 may have changed.") //nolint:revive,staticcheck // the text clients match
	errBadName  = errors.New("invalid dataId or group")
	errNoConfig = errors.New("config data not exist")
)

// Config is a stored config.
type Config struct {
	Key      ConfigKey
	Content  string
	MD5      string
	Type     string
	App      string
	Modified time.Time
	id       int
}

// configStore holds the configs and who listens to them.
type configStore struct {
	clock *clock

	mu        sync.Mutex
	nextID    int
	items     map[ConfigKey]*Config
	listeners map[ConfigKey]map[*conn]string // the namespace as the client spells it
}

func newConfigStore(c *clock) *configStore {
	return &configStore{clock: c, items: map[ConfigKey]*Config{}, listeners: map[ConfigKey]map[*conn]string{}}
}

func digest(content string) string {
	sum := md5.Sum([]byte(content)) //nolint:gosec // as above
	return hex.EncodeToString(sum[:])
}

func (s *configStore) get(k ConfigKey) (Config, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if item, ok := s.items[k]; ok {
		return *item, true
	}
	return Config{}, false
}

// publish stores c.Content. A casMD5 that is not empty must be the md5 of what is stored; as on Nacos it is not looked at
// if nothing is stored, so an md5 that cannot occur means "create, never replace".
func (s *configStore) publish(c Config, casMD5 string) error {
	if !validName(c.Key.DataID) || !validName(c.Key.Group) {
		return errBadName
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	old, exists := s.items[c.Key]
	if exists && casMD5 != "" && casMD5 != old.MD5 {
		return errCAS
	}
	c.MD5, c.Modified = digest(c.Content), s.clock.now()
	if exists {
		c.id = old.id
	} else {
		s.nextID++
		c.id = s.nextID
	}
	s.items[c.Key] = &c
	if !exists || old.MD5 != c.MD5 {
		s.announceLocked(c.Key)
	}
	return nil
}

func (s *configStore) remove(k ConfigKey) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.items[k]; !ok {
		return
	}
	delete(s.items, k)
	s.announceLocked(k)
}

func (s *configStore) announceLocked(k ConfigKey) {
	for c, tenant := range s.listeners[k] {
		c.markConfig(k, tenant)
	}
}

// listen registers c for the config and reports whether the client's md5 ("" for an absent config) is out of date.
func (s *configStore) listen(c *conn, k ConfigKey, tenant, md5 string) (changed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !c.gone.Load() {
		if s.listeners[k] == nil {
			s.listeners[k] = map[*conn]string{}
		}
		s.listeners[k][c] = tenant
	}
	stored := ""
	if item, ok := s.items[k]; ok {
		stored = item.MD5
	}
	return stored != md5
}

func (s *configStore) unlisten(c *conn, k ConfigKey) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dropLocked(c, k)
}

func (s *configStore) dropLocked(c *conn, k ConfigKey) {
	delete(s.listeners[k], c)
	if len(s.listeners[k]) == 0 {
		delete(s.listeners, k)
	}
}

// forget removes every listener of a connection that is gone.
func (s *configStore) forget(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for k := range s.listeners {
		s.dropLocked(c, k)
	}
}

// configQuery selects configs. Empty fields match all; with blur an asterisk stands for any text.
type configQuery struct {
	namespace, group, dataID string
	blur                     bool
}

func (q configQuery) matches(k ConfigKey) bool {
	return k.Namespace == normalNamespace(q.namespace) && q.matchText(q.group, k.Group) && q.matchText(q.dataID, k.DataID)
}

func (q configQuery) matchText(pattern, s string) bool {
	if pattern == "" || pattern == s {
		return true
	}
	if !q.blur || !strings.Contains(pattern, "*") {
		return false
	}
	matched, err := path.Match(pattern, s) // names hold no slash, so an asterisk matches any text
	return err == nil && matched
}

func (s *configStore) search(q configQuery) []Config {
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []Config
	for k, item := range s.items {
		if q.matches(k) {
			found = append(found, *item)
		}
	}
	slices.SortFunc(found, func(a, b Config) int { return cmp.Compare(a.id, b.id) })
	return found
}
