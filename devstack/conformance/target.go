package conformance

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
	"testing"
	"time"

	"github.com/nacos-group/nacos-sdk-go/v2/common/constant"
	"github.com/nacos-group/nacos-sdk-go/v2/model"
)

// Target is a server under test.
type Target struct {
	// Servers is where the clients connect. It may lead through a proxy that Cut controls.
	Servers []constant.ServerConfig
	// Namespace is the id of a second namespace that may be used; empty means "conformance".
	Namespace string
	// Admin is the console's side of the server.
	Admin Admin
	// Cut cuts the clients' connections, keeps them out while it calls during, lets them come back and returns. Nil if
	// the target cannot.
	Cut func(t testing.TB, during func())
	// Restart stops the server, starts it again with the data that it keeps and returns when it is ready. Nil if the
	// target cannot.
	Restart func(t testing.TB)
	// SkipEjection leaves out the test that a silent client is removed, which takes half a minute.
	SkipEjection bool
}

// Admin is what the suite does as the console.
type Admin interface {
	// Edit sets an instance's weight, enabled and metadata above what its owner registers.
	Edit(ctx context.Context, service Service, edit Edit) error
	// Instances returns all instances, also the disabled ones.
	Instances(ctx context.Context, service Service) ([]model.Instance, error)
}

// Service names a service. An empty namespace means the public one.
type Service struct {
	Namespace, Group, Name string
}

// Edit is a console edit. As at the console, all three values are set at once.
type Edit struct {
	IP       string
	Port     uint64
	Weight   float64
	Enabled  bool
	Metadata map[string]string
}

// HTTPAdmin returns the console's side of a Nacos 3 with the given HTTP address (host:port) and no access control.
func HTTPAdmin(addr string) Admin {
	return httpAdmin{base: "http://" + addr + "/nacos/v3/admin/ns/instance", client: &http.Client{
		Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true},
	}}
}

type httpAdmin struct {
	base   string
	client *http.Client
}

func (a httpAdmin) values(s Service) url.Values {
	namespace := s.Namespace
	if namespace == "" {
		namespace = "public"
	}
	return url.Values{"namespaceId": {namespace}, "groupName": {s.Group}, "serviceName": {s.Name}}
}

// Edit implements [Admin].
func (a httpAdmin) Edit(ctx context.Context, s Service, e Edit) error {
	v := a.values(s)
	v.Set("ip", e.IP)
	v.Set("port", strconv.FormatUint(e.Port, 10))
	v.Set("weight", strconv.FormatFloat(e.Weight, 'g', -1, 64))
	v.Set("enabled", strconv.FormatBool(e.Enabled))
	v.Set("ephemeral", "true")
	if e.Metadata != nil {
		raw, err := json.Marshal(e.Metadata)
		if err != nil {
			return fmt.Errorf("metadata: %w", err)
		}
		v.Set("metadata", string(raw))
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, a.base, strings.NewReader(v.Encode()))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return a.do(req, nil)
}

// Instances implements [Admin].
func (a httpAdmin) Instances(ctx context.Context, s Service) ([]model.Instance, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, a.base+"/list?"+a.values(s).Encode(), http.NoBody)
	if err != nil {
		return nil, err
	}
	var out []model.Instance
	if err := a.do(req, &out); err != nil && !errors.Is(err, errNotFound) {
		return nil, err
	}
	return out, nil
}

// errNotFound is how the real server answers for a service without instances: status 404, "service … is not found!"
// before the first registration and "cluster DEFAULT is not found!" after the last deregistration.
var errNotFound = errors.New("not found")

// codeServerError is the code in the answer's body that goes with errNotFound; an unknown path has none.
const codeServerError = 30000

func (a httpAdmin) do(req *http.Request, data any) error {
	resp, err := a.client.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		return fmt.Errorf("%s %s: %w", req.Method, req.URL.Path, err)
	}
	var envelope struct {
		Code    int             `json:"code"`
		Message string          `json:"message"`
		Data    json.RawMessage `json:"data"`
	}
	err = json.Unmarshal(raw, &envelope)
	if err == nil && resp.StatusCode == http.StatusNotFound && envelope.Code == codeServerError {
		return fmt.Errorf("%s %s: %w: %s", req.Method, req.URL.Path, errNotFound, envelope.Data)
	}
	if err != nil || resp.StatusCode != http.StatusOK || envelope.Code != 0 {
		return fmt.Errorf("%s %s: %s: %.300s", req.Method, req.URL.Path, resp.Status, raw)
	}
	if data == nil {
		return nil
	}
	return json.Unmarshal(envelope.Data, data)
}
