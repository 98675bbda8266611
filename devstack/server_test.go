package devstack_test

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/bluegreen-go/bluegreen/devstack"
)

func ExampleStart() {
	srv, err := devstack.Start(devstack.WithConfig("DEFAULT_GROUP", "app.yaml", "debug: true"))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = srv.Close() }()
	// Give srv.ServerConfig() to nacos-sdk-go, or "nacos://"+srv.Addr() to dubbo-go.
	content, _ := srv.Config("DEFAULT_GROUP", "app.yaml")
	fmt.Println(content)
	// Output: debug: true
}

func TestStartErrors(t *testing.T) {
	srv := devstack.RunT(t)
	for _, addr := range []string{srv.Addr(), "0.0.0.0:8848", "nonsense", "127.0.0.1:0", "127.0.0.1:65000", "example.org:1"} {
		if s, err := devstack.Start(devstack.WithAddr(addr)); err == nil {
			_ = s.Close()
			t.Errorf("start at %q: got no error", addr)
		}
	}
	if s, err := devstack.Start(devstack.WithConfig(group, "bad name", "x")); err == nil {
		_ = s.Close()
		t.Error("start with a config of a bad name: got no error")
	}
}

func TestHTTP(t *testing.T) {
	var unknown atomic.Int32
	srv := devstack.RunT(t, devstack.WithUnknownRequests(func(string) { unknown.Add(1) }))
	base := "http://" + srv.Addr() + "/nacos"
	do := func(method, path string, form url.Values) (int, string) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, base+path, strings.NewReader(form.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Close = true
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, strings.TrimSpace(string(body))
	}
	mustRegister(t, namingClient(t, srv, nil), 1, 1, true)
	config := url.Values{"dataId": {"d"}, "group": {group}, "content": {"a=b&c"}}
	instance := url.Values{"serviceName": {service}, "groupName": {group}, "ip": {"10.0.0.1"}, "port": {"1"}, "weight": {"9"}, "enabled": {"false"}}
	bad := url.Values{"serviceName": {service}, "groupName": {group}, "ip": {"10.0.0.1"}, "port": {"1"}, "weight": {"10001"}}
	for _, tc := range []struct {
		method, path string
		form         url.Values
		status       int
		want         string
	}{
		{"POST", "/v1/cs/configs", config, 200, "true"},
		{"GET", "/v1/cs/configs?dataId=d&group=G", nil, 200, "a=b&c"},
		{"GET", "/v1/cs/configs?dataId=none&group=G", nil, 404, "config data not exist"},
		{"GET", "/v1/cs/configs?search=blur&dataId=*&group=&pageNo=1&pageSize=5", nil, 200, `"totalCount":1`},
		{"GET", "/v3/admin/cs/config/list?search=blur&dataId=d&groupName=G", nil, 200, `"dataId":"d"`},
		{"POST", "/v1/cs/configs", url.Values{"dataId": {"d"}, "group": {group}, "content": {"x"}, "casMd5": {"no"}}, 500, "Cas publish fail"},
		{"POST", "/v1/cs/configs", url.Values{"dataId": {"d"}, "group": {group}}, 400, "content"},
		{"DELETE", "/v1/cs/configs?dataId=d&group=G", nil, 200, "true"},
		{"GET", "/v3/admin/cs/config?dataId=d&groupName=G", nil, 404, "config data not exist"},
		{"GET", "/v1/ns/instance/list?serviceName=G@@svc", nil, 200, `"weight":1`},
		{"PUT", "/v1/ns/instance", instance, 200, "ok"},
		{"GET", "/v1/ns/instance/list?serviceName=G@@svc", nil, 200, `"hosts":[]`},
		{"GET", "/v3/admin/ns/instance/list?serviceName=svc&groupName=G", nil, 200, `"enabled":false`},
		{"PUT", "/v3/admin/ns/instance", bad, 400, "weight"},
		{"PUT", "/v3/admin/ns/instance", url.Values{"serviceName": {"none"}, "ip": {"1"}, "port": {"1"}}, 404, "not found"},
		{"GET", "/v1/ns/service/list?groupName=G", nil, 200, `"count":1`},
		{"POST", "/v1/auth/users/login", url.Values{"username": {"nacos"}}, 200, "accessToken"},
		{"GET", "/v1/console/health/readiness", nil, 200, "OK"},
		{"GET", "/v1/console/server/state", nil, 200, "dev-embedded"},
		{"POST", "/v1/ns/instance", instance, 501, "not implemented"},
		{"GET", "/v9/anything", nil, 501, "not implemented"},
	} {
		status, body := do(tc.method, tc.path, tc.form)
		if status != tc.status || !strings.Contains(body, tc.want) {
			t.Errorf("%s %s: got %d %.300q, want %d and %q", tc.method, tc.path, status, body, tc.status, tc.want)
		}
	}
	if got := unknown.Load(); got != 2 {
		t.Errorf("requests reported as not implemented: got %d, want 2", got)
	}
}
