package nacoswire

import (
	"slices"
	"sync"
	"time"

	"github.com/nacos-group/nacos-sdk-go/v2/model"
)

// The kinds of naming writes.
const (
	WriteRegister   = "register"
	WriteDeregister = "deregister"
	WriteBatch      = "batch"
)

// JournalLimit bounds the journals: when one is full its older half is dropped.
const JournalLimit = 50_000

// remember appends to a journal.
func remember[T any](journal []T, entry T) []T {
	if len(journal) >= JournalLimit {
		journal = append(make([]T, 0, JournalLimit), journal[JournalLimit/2:]...)
	}
	return append(journal, entry)
}

// Write is one naming write that has been received, whether or not it took effect.
type Write struct {
	Time      time.Time // of the machine's clock
	Type      string    // one of the constants
	Service   ServiceKey
	Instances []model.Instance // as the client sent them
	Conn      string           // the connection's id
	App       string           // the connection's application name
	Applied   bool             // false if a fault, a refusal or an error kept it from taking effect
}

// journal is the list of all writes.
type journal struct {
	mu     sync.Mutex
	writes []Write
}

func (j *journal) add(w Write) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.writes = remember(j.writes, w)
}

func (j *journal) all() []Write {
	j.mu.Lock()
	defer j.mu.Unlock()
	all := slices.Clone(j.writes)
	for i := range all {
		all[i].Instances = cloneInstances(all[i].Instances)
	}
	return all
}

// writeOf reads a naming write; ok is false for every other request.
func writeOf(c *conn, typ string, body []byte) (w Write, ok bool) {
	if typ != "InstanceRequest" && typ != "BatchInstanceRequest" {
		return Write{}, false
	}
	req, k, err := readService[instanceRequest](body)
	if err != nil {
		return Write{}, false
	}
	w = Write{Time: time.Now(), Conn: c.id, App: c.describe().App, Service: k, Instances: []model.Instance{req.Instance}}
	switch {
	case typ == "BatchInstanceRequest":
		w.Type, w.Instances = WriteBatch, req.Instances
	case req.Type == actionDeregister:
		w.Type = WriteDeregister
	default:
		w.Type = WriteRegister
	}
	return w, true
}
