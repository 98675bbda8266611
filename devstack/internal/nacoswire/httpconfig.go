package nacoswire

import (
	"errors"
	"net/http"
	"strconv"
)

// configItem is a config in a search result.
type configItem struct {
	ID          int    `json:"id"`
	DataID      string `json:"dataId"`
	Group       string `json:"group"`
	GroupName   string `json:"groupName"`
	Content     string `json:"content"`
	MD5         string `json:"md5"`
	Tenant      string `json:"tenant"`
	NamespaceID string `json:"namespaceId"`
	AppName     string `json:"appName"`
	Type        string `json:"type"`
	ModifyTime  int64  `json:"modifyTime"`
}

// configPage is a page of a search result.
type configPage struct {
	TotalCount     int          `json:"totalCount"`
	PageNumber     int          `json:"pageNumber"`
	PagesAvailable int          `json:"pagesAvailable"`
	PageItems      []configItem `json:"pageItems"`
}

func newConfigItem(c Config) configItem {
	return configItem{
		ID: c.id, DataID: c.Key.DataID, Group: c.Key.Group, GroupName: c.Key.Group, Content: c.Content, MD5: c.MD5,
		Tenant: spelledNamespace(c.Key.Namespace), NamespaceID: c.Key.Namespace, AppName: c.App, Type: c.Type,
		ModifyTime: millis(c.Modified),
	}
}

// first returns the first of the named parameters that is set: the API versions name the same thing differently.
func first(r *http.Request, names ...string) string {
	for _, name := range names {
		if v := r.FormValue(name); v != "" {
			return v
		}
	}
	return ""
}

func number(r *http.Request, name string, otherwise int) int {
	n, err := strconv.Atoi(r.FormValue(name))
	if err != nil || n < 1 {
		return otherwise
	}
	return n
}

func configKeyOf(r *http.Request) ConfigKey {
	return NewConfigKey(first(r, "namespaceId", "tenant"), first(r, "groupName", "group"), r.FormValue("dataId"))
}

func (s *Server) searchPage(r *http.Request) configPage {
	found := s.configs.search(configQuery{
		namespace: first(r, "namespaceId", "tenant"), group: first(r, "groupName", "group"),
		dataID: r.FormValue("dataId"), blur: r.FormValue("search") != "accurate",
	})
	no, size := number(r, "pageNo", 1), number(r, "pageSize", 100)
	p := configPage{
		TotalCount: len(found), PageNumber: no, PagesAvailable: (len(found) + size - 1) / size, PageItems: []configItem{},
	}
	for _, c := range page(found, no, size) {
		p.PageItems = append(p.PageItems, newConfigItem(c))
	}
	return p
}

// httpConfigs searches if asked to, else it returns one config's content.
func (s *Server) httpConfigs(w http.ResponseWriter, r *http.Request) {
	if r.FormValue("search") != "" {
		writeJSON(w, http.StatusOK, s.searchPage(r))
		return
	}
	c, ok := s.configs.get(configKeyOf(r))
	if !ok {
		http.Error(w, errNoConfig.Error(), http.StatusNotFound)
		return
	}
	w.Header().Set("Content-MD5", c.MD5)
	text(w, c.Content)
}

func (s *Server) httpConfigList(w http.ResponseWriter, r *http.Request) { admin(w, s.searchPage(r)) }

func (s *Server) publishForm(r *http.Request) error {
	content := r.FormValue("content")
	if content == "" {
		return errors.New("content is empty")
	}
	return s.configs.publish(Config{
		Key: configKeyOf(r), Content: content, Type: contentType(r.FormValue("type")), App: r.FormValue("appName"),
	}, first(r, "casMd5"))
}

func (s *Server) httpPublish(w http.ResponseWriter, r *http.Request) {
	switch err := s.publishForm(r); {
	case errors.Is(err, errCAS):
		http.Error(w, err.Error(), http.StatusInternalServerError)
	case err != nil:
		http.Error(w, err.Error(), http.StatusBadRequest)
	default:
		text(w, "true")
	}
}

func (s *Server) httpRemove(w http.ResponseWriter, r *http.Request) {
	s.configs.remove(configKeyOf(r))
	text(w, "true")
}

func (s *Server) httpAdminConfig(w http.ResponseWriter, r *http.Request) {
	c, ok := s.configs.get(configKeyOf(r))
	if !ok {
		adminError(w, http.StatusNotFound, adminNotFound, errNoConfig)
		return
	}
	admin(w, newConfigItem(c))
}

func (s *Server) httpAdminPublish(w http.ResponseWriter, r *http.Request) {
	switch err := s.publishForm(r); {
	case errors.Is(err, errCAS):
		adminError(w, http.StatusInternalServerError, adminConflict, err)
	case err != nil:
		adminError(w, http.StatusBadRequest, adminInvalid, err)
	default:
		admin(w, true)
	}
}

func (s *Server) httpAdminRemove(w http.ResponseWriter, r *http.Request) {
	s.configs.remove(configKeyOf(r))
	admin(w, true)
}
