package nacoswire

import (
	"encoding/json"
	"net/http"
)

// Version is what the server says of itself where Nacos names its version.
const Version = "dev-embedded"

// routes returns the HTTP API. What is not listed is answered with 501 and reported: the server never pretends.
func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	for pattern, h := range map[string]http.HandlerFunc{
		"GET /nacos/v1/cs/configs":           s.httpConfigs,
		"POST /nacos/v1/cs/configs":          s.httpPublish,
		"DELETE /nacos/v1/cs/configs":        s.httpRemove,
		"GET /nacos/v3/admin/cs/config/list": s.httpConfigList,

		"PUT /nacos/v1/ns/instance":            s.httpEdit,
		"GET /nacos/v1/ns/instance/list":       s.httpInstances,
		"GET /nacos/v1/ns/service/list":        s.httpServices,
		"PUT /nacos/v3/admin/ns/instance":      s.httpAdminEdit,
		"GET /nacos/v3/admin/ns/instance/list": s.httpAdminInstances,

		"POST /nacos/v1/auth/login":       s.httpLogin,
		"POST /nacos/v1/auth/users/login": s.httpLogin,
		"POST /nacos/v3/auth/user/login":  s.httpLogin,

		"GET /nacos/v1/console/health/readiness":   ok,
		"GET /nacos/v1/console/health/liveness":    ok,
		"GET /nacos/v2/console/health/readiness":   adminOK,
		"GET /nacos/v2/console/health/liveness":    adminOK,
		"GET /nacos/v3/admin/core/state/readiness": adminOK,
		"GET /nacos/v3/admin/core/state/liveness":  adminOK,
		"GET /nacos/v3/console/health/readiness":   adminOK,
		"GET /nacos/v3/console/health/liveness":    adminOK,
		"GET /nacos/v1/console/server/state":       s.httpState,
		"GET /nacos/v3/console/server/state":       s.httpState,
		"GET /nacos/v3/admin/core/state":           s.httpAdminState,
		"GET /nacos/v1/ns/operator/metrics":        s.httpMetrics,
		"GET /nacos/v3/admin/ns/ops/metrics":       s.httpAdminMetrics,
		"GET /nacos/v3/admin/ns/service/list":      s.httpAdminServices,
		"GET /nacos/v3/admin/cs/config":            s.httpAdminConfig,
		"POST /nacos/v3/admin/cs/config":           s.httpAdminPublish,
		"DELETE /nacos/v3/admin/cs/config":         s.httpAdminRemove,
	} {
		mux.HandleFunc(pattern, h)
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		s.unknown("HTTP " + r.Method + " " + r.URL.Path)
		http.Error(w, "not implemented in the embedded server", http.StatusNotImplemented)
	})
	return http.MaxBytesHandler(mux, maxMessage)
}

// result is the envelope of the v3 API.
type result struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
	Data    any    `json:"data"`
}

// Codes of the v3 API.
const (
	adminNotFound = 20004
	adminInvalid  = 10000
	adminConflict = 30000
)

func ok(w http.ResponseWriter, _ *http.Request) { text(w, "OK") }

func adminOK(w http.ResponseWriter, _ *http.Request) { admin(w, "ok") }

func text(w http.ResponseWriter, s string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write([]byte(s))
}

func admin(w http.ResponseWriter, data any) {
	writeJSON(w, http.StatusOK, result{Message: "success", Data: data})
}

func adminError(w http.ResponseWriter, status, code int, err error) {
	writeJSON(w, status, result{Code: code, Message: err.Error()})
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the client has gone if it fails
}

// httpLogin lets everyone in: there is no access control.
func (s *Server) httpLogin(w http.ResponseWriter, r *http.Request) {
	writeJSON(w, http.StatusOK, map[string]any{
		"accessToken": Version, "tokenTtl": 18_000, "globalAdmin": true, "username": r.FormValue("username"),
	})
}

func (s *Server) state() map[string]string {
	return map[string]string{
		"version": Version, "standalone_mode": "standalone", "startup_mode": "standalone",
		"function_mode": "All", "auth_enabled": "false",
	}
}

func (s *Server) httpState(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, s.state())
}

func (s *Server) httpAdminState(w http.ResponseWriter, _ *http.Request) { admin(w, s.state()) }

func (s *Server) metrics() map[string]any {
	return map[string]any{"status": "UP", "connectionBasedClientCount": len(s.Clients())}
}

func (s *Server) httpMetrics(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, s.metrics())
}

func (s *Server) httpAdminMetrics(w http.ResponseWriter, _ *http.Request) { admin(w, s.metrics()) }
