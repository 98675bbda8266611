package nacoswire

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/nacos-group/nacos-sdk-go/v2/model"
)

// maxWeight is the largest weight that the HTTP API accepts; clients may register more.
const maxWeight = 10_000

func serviceKeyOf(r *http.Request) ServiceKey {
	return NewServiceKey(r.FormValue("namespaceId"), r.FormValue("groupName"), r.FormValue("serviceName"))
}

// edit is the console's update of an instance. As on Nacos it sets weight, enabled and metadata together: what is not
// given takes its default, and clients' values of the first two are not looked at any more.
func (s *Server) edit(r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return fmt.Errorf("parameters: %w", err)
	}
	port, err := strconv.ParseUint(r.FormValue("port"), 10, 16)
	if err != nil {
		return fmt.Errorf("port %q is not a port", r.FormValue("port"))
	}
	o := &overlay{weight: 1, enabled: true, metadata: map[string]string{}}
	if v := r.FormValue("weight"); v != "" {
		if o.weight, err = strconv.ParseFloat(v, 64); err != nil || o.weight < 0 || o.weight > maxWeight {
			return fmt.Errorf("weight %q is not between 0 and %d", v, maxWeight)
		}
	}
	if v := first(r, "enabled", "enable"); v != "" {
		if o.enabled, err = strconv.ParseBool(v); err != nil {
			return fmt.Errorf("enabled %q is not a boolean", v)
		}
	}
	if v := r.FormValue("metadata"); v != "" {
		if err := json.Unmarshal([]byte(v), &o.metadata); err != nil {
			return fmt.Errorf("metadata is not an object of strings: %w", err)
		}
	}
	cluster := first(r, "clusterName", "cluster")
	return s.naming.replaceOverlay(serviceKeyOf(r), overlayKey(r.FormValue("ip"), port, cluster), o)
}

func (s *Server) httpEdit(w http.ResponseWriter, r *http.Request) {
	switch err := s.edit(r); {
	case errors.Is(err, errNoService):
		http.Error(w, err.Error(), http.StatusInternalServerError)
	case err != nil:
		http.Error(w, err.Error(), http.StatusBadRequest)
	default:
		text(w, "ok")
	}
}

func (s *Server) httpAdminEdit(w http.ResponseWriter, r *http.Request) {
	switch err := s.edit(r); {
	case errors.Is(err, errNoService):
		adminError(w, http.StatusNotFound, adminNotFound, err)
	case err != nil:
		adminError(w, http.StatusBadRequest, adminInvalid, err)
	default:
		admin(w, "ok")
	}
}

// httpInstances shows what subscribers see.
func (s *Server) httpInstances(w http.ResponseWriter, r *http.Request) {
	healthyOnly := r.FormValue("healthyOnly") == "true"
	info := s.naming.query(serviceKeyOf(r), r.FormValue("clusters"), healthyOnly)
	info.Name = info.GroupName + groupSeparator + info.Name // the form of the v1 API
	writeJSON(w, http.StatusOK, info)
}

// httpAdminInstances shows all instances, also the disabled ones.
func (s *Server) httpAdminInstances(w http.ResponseWriter, r *http.Request) {
	all := s.naming.instances(serviceKeyOf(r))
	if all == nil {
		all = []model.Instance{}
	}
	admin(w, all)
}

func (s *Server) httpServices(w http.ResponseWriter, r *http.Request) {
	names := s.naming.names(r.FormValue("namespaceId"), r.FormValue("groupName"))
	if names == nil {
		names = []string{}
	}
	writeJSON(w, http.StatusOK, map[string]any{
		"count": len(names), "doms": page(names, number(r, "pageNo", 1), number(r, "pageSize", 0)),
	})
}

func (s *Server) httpAdminServices(w http.ResponseWriter, r *http.Request) {
	group := first(r, "groupNameParam", "groupName")
	names := s.naming.names(r.FormValue("namespaceId"), group)
	no, size := number(r, "pageNo", 1), number(r, "pageSize", 100)
	items := []map[string]string{}
	for _, name := range page(names, no, size) {
		items = append(items, map[string]string{"name": name, "groupName": normalGroup(group)})
	}
	admin(w, map[string]any{
		"totalCount": len(names), "pageNumber": no, "pagesAvailable": (len(names) + size - 1) / size, "pageItems": items,
	})
}
