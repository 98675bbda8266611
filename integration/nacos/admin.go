package nacos

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// Instance is one record of a service as the server's operator sees it, disabled
// ones included.
type Instance struct {
	IP        string            `json:"ip"`
	Port      int               `json:"port"`
	Weight    float64           `json:"weight"`
	Enabled   bool              `json:"enabled"`
	Healthy   bool              `json:"healthy"`
	Ephemeral bool              `json:"ephemeral"`
	Cluster   string            `json:"clusterName"`
	Metadata  map[string]string `json:"metadata"`
}

var errNotFound = errors.New("not found")

// codeServerError is the code in the body of an answer that something is not
// found; a path that the server does not know has none.
const codeServerError = 30000

const adminPath = "/nacos/v3/admin/ns/instance"

// AdminList lists all instances of a service through the server's admin API, also
// those that subscribers never see because they are disabled. A service without
// instances, for which the server answers "not found", is an empty list.
func (s *Server) AdminList(ctx context.Context, group, service string) ([]Instance, error) {
	var list []Instance
	query := url.Values{"groupName": {group}, "serviceName": {service}}
	err := s.admin(ctx, http.MethodGet, adminPath+"/list?"+query.Encode(), nil, &list)
	if errors.Is(err, errNotFound) {
		return nil, nil
	}
	return list, err
}

// AdminUpdate does what an operator does in the console: it sets weight, enabled
// and metadata of one instance. From then on the server prefers these values to
// what the instance's own client sends.
func (s *Server) AdminUpdate(ctx context.Context, group, service string, i Instance) error {
	metadata, err := json.Marshal(i.Metadata)
	if err != nil {
		return fmt.Errorf("nacos: admin: %w", err)
	}
	form := url.Values{
		"groupName": {group}, "serviceName": {service},
		"ip": {i.IP}, "port": {strconv.Itoa(i.Port)},
		"weight":    {strconv.FormatFloat(i.Weight, 'g', -1, 64)},
		"enabled":   {strconv.FormatBool(i.Enabled)},
		"healthy":   {strconv.FormatBool(i.Healthy)},
		"ephemeral": {strconv.FormatBool(i.Ephemeral)},
		"metadata":  {string(metadata)},
	}
	if i.Cluster != "" {
		form.Set("clusterName", i.Cluster)
	}
	return s.admin(ctx, http.MethodPut, adminPath, form, nil)
}

// admin calls the admin API and decodes the data of its answer.
func (s *Server) admin(ctx context.Context, method, path string, form url.Values, data any) error {
	req, err := http.NewRequestWithContext(ctx, method, "http://"+s.Addr()+path, strings.NewReader(form.Encode()))
	if err != nil {
		return fmt.Errorf("nacos: admin: %w", err)
	}
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	req.Close = true
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("nacos: admin: %w", err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return fmt.Errorf("nacos: admin: %w", err)
	}
	var answer struct {
		Code    int             `json:"code"`
		Message string          `json:"message"`
		Data    json.RawMessage `json:"data"`
	}
	err = json.Unmarshal(body, &answer)
	if err == nil && res.StatusCode == http.StatusNotFound && answer.Code == codeServerError {
		return fmt.Errorf("nacos: admin: %w: %s", errNotFound, answer.Data)
	}
	if err != nil || res.StatusCode != http.StatusOK || answer.Code != 0 {
		return fmt.Errorf("nacos: admin: %s %s: %s: %s", method, path, res.Status, body)
	}
	if data == nil {
		return nil
	}
	if err := json.Unmarshal(answer.Data, data); err != nil {
		return fmt.Errorf("nacos: admin: %s: %w: %s", path, err, body)
	}
	return nil
}
