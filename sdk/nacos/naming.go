package nacos

import (
	"path/filepath"

	"github.com/bluegreen-go/bluegreen/internal/naming"
)

// openNaming connects to the registry, with files in a directory of that name. It
// may wait for the server.
func (n *Nacos) openNaming(name string) (*naming.Client, error) {
	servers, err := n.cfg.servers()
	if err != nil {
		return nil, err
	}
	return naming.Open(servers, n.cfg.client(filepath.Join(n.dir, name)))
}
