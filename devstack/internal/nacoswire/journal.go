package nacoswire

import (
	"slices"
	"sync"
	"time"

	"github.com/nacos-group/nacos-sdk-go/v2/common/remote/rpc/rpc_request"
	"github.com/nacos-group/nacos-sdk-go/v2/model"
)

// The kinds of naming writes.
const (
	WriteRegister   = "register"
	WriteDeregister = "deregister"
	WriteBatch      = "batch"
)

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
	j.writes = append(j.writes, w)
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
	w = Write{Time: time.Now(), Conn: c.id, App: c.describe().App}
	switch typ {
	case "InstanceRequest":
		req, err := decode[rpc_request.InstanceRequest](body)
		if err != nil || req.NamingRequest == nil {
			return Write{}, false
		}
		w.Type = WriteRegister
		if req.Type == actionDeregister {
			w.Type = WriteDeregister
		}
		w.Service = NewServiceKey(req.Namespace, req.GroupName, req.ServiceName)
		w.Instances = []model.Instance{req.Instance}
	case "BatchInstanceRequest":
		req, err := decode[rpc_request.BatchInstanceRequest](body)
		if err != nil || req.NamingRequest == nil {
			return Write{}, false
		}
		w.Type, w.Instances = WriteBatch, req.Instances
		w.Service = NewServiceKey(req.Namespace, req.GroupName, req.ServiceName)
	default:
		return Write{}, false
	}
	return w, true
}
