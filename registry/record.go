package registry

import (
	"maps"
	"strconv"
	"time"
	"unicode/utf16"

	"github.com/nacos-group/nacos-sdk-go/v2/vo"

	"github.com/bluegreen-go/bluegreen/sdk"
)

// Metadata keys of an instance.
const (
	KeyService = "bg.service"
	KeyColor   = "bg.color"
	KeyVersion = "bg.version"
	KeyProto   = "bg.proto" // version of these keys

	keyWeight = "weight" // dubbo's
)

// Proto is the value of [KeyProto].
const Proto = "1"

// metadataLimit is what a Nacos server accepts for one instance by default, as
// the sum of the lengths of keys and values in UTF-16 units. It refuses more
// without an error.
const metadataLimit = 1024

// record is one publication of this process: a service name and what was last
// registered under it.
type record struct {
	service, group string
	single         *vo.RegisterInstanceParam      // either as the framework gave it
	batch          *vo.BatchRegisterInstanceParam // or
	sent           State                          // what the server has confirmed
	confirmed      bool
	owed           bool      // the framework was told that it is registered, but the server did not answer
	at             time.Time // of the last write
	held           bool      // not disabled because the other colour has no instance
	drift          string    // what somebody else changed
	repaired       bool      // the drift was answered with a write that did not help
}

type recordKey struct{ group, service string }

// params returns the instances as they should be sent. The framework's maps are
// not written to.
func (r *record) params(id sdk.Identity, want State) []vo.RegisterInstanceParam {
	var given []vo.RegisterInstanceParam
	if r.single != nil {
		given = []vo.RegisterInstanceParam{*r.single}
	} else {
		given = append(given, r.batch.Instances...)
	}
	for i := range given {
		apply(&given[i], id, want)
	}
	return given
}

func apply(p *vo.RegisterInstanceParam, id sdk.Identity, want State) {
	meta := maps.Clone(p.Metadata)
	if meta == nil {
		meta = map[string]string{}
	}
	if want.Governed {
		p.Enable = want.Enabled
		p.Weight = float64(want.Weight)
		meta[keyWeight] = strconv.Itoa(want.MetaWeight)
		meta[KeyColor] = id.Color.String()
	}
	meta[KeyService] = id.Service
	meta[KeyProto] = Proto
	if id.Version != "" {
		meta[KeyVersion] = id.Version
	}
	for _, optional := range []string{KeyVersion, KeyProto} {
		if size(meta) > metadataLimit && size(p.Metadata) <= metadataLimit {
			delete(meta, optional)
		}
	}
	p.Metadata = meta
}

// size is the length of metadata as the server counts it.
func size(meta map[string]string) (n int) {
	for k, v := range meta {
		n += units(k) + units(v)
	}
	return n
}

func units(s string) (n int) {
	for _, r := range s {
		n += utf16.RuneLen(r)
	}
	return n
}
