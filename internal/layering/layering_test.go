package layering

import (
	"slices"
	"strings"
	"testing"
)

// Foreign libraries, by the root of their import paths.
var (
	nacosClient = []string{"github.com/nacos-group/nacos-sdk-go"}
	dubbo       = []string{"dubbo.apache.org/dubbo-go", "github.com/apache/dubbo-getty", "github.com/apache/dubbo-go-hessian2", "github.com/dubbogo/gost"}
	rocketmq    = []string{"github.com/apache/rocketmq-client-go", "github.com/apache/rocketmq-clients"}
	zookeeper   = []string{"github.com/dubbogo/go-zookeeper", "github.com/go-zookeeper/zk", "github.com/samuel/go-zookeeper"}
	otelSDK     = []string{"go.opentelemetry.io/otel/sdk", "go.opentelemetry.io/otel/exporters"}
)

// product lists the rooms that end up in users' binaries and in the operator's.
var product = []string{"/sdk", "/tracing", "/registry", "/rpc", "/mq", "/job", "/control"}

// rule is one sentence about the import graph. Rooms that do not exist yet have
// their rules already.
type rule struct {
	name   string
	from   []string // rooms that the rule is about
	except []string // rooms below from that it is not about
	only   []string // if set: the only rooms of this module that may be linked (beside itself and /internal)
	never  []string // rooms and libraries that must not be linked
	direct bool     // never is about what the source imports itself, not what comes with it
	why    string

	breaks pkg // an example that the rule must refuse
}

var rules = []rule{
	{
		name: "sdk imports nothing of ours", from: []string{"/sdk"}, except: []string{"/sdk/nacos"}, only: []string{},
		why:    "everything else stands on it",
		breaks: pkg{path: "/sdk", deps: []string{"/tracing"}},
	},
	{
		name: "sdk/nacos knows sdk only", from: []string{"/sdk/nacos"}, only: []string{"/sdk"},
		why:    "it is a source and a reporter, nothing more",
		breaks: pkg{path: "/sdk/nacos", deps: []string{"/sdk", "/registry"}},
	},
	{
		name: "tracing knows sdk only", from: []string{"/tracing"}, only: []string{"/sdk"},
		why:    "decisions travel the same way whatever the middleware",
		breaks: pkg{path: "/tracing", deps: []string{"/sdk", "/registry"}},
	},
	{
		name: "registry never knows another adapter", from: []string{"/registry"}, only: []string{"/sdk", "/tracing"},
		why:    "adapters are chosen one by one",
		breaks: pkg{path: "/registry", deps: []string{"/sdk", "/rpc"}},
	},
	{
		name: "mq never knows another adapter", from: []string{"/mq"}, only: []string{"/sdk", "/tracing"},
		why:    "adapters are chosen one by one",
		breaks: pkg{path: "/mq", deps: []string{"/sdk", "/registry"}},
	},
	{
		name: "job never knows another adapter", from: []string{"/job"}, only: []string{"/sdk", "/tracing"},
		why:    "adapters are chosen one by one",
		breaks: pkg{path: "/job/nacos", deps: []string{"/sdk", "/mq"}},
	},
	{
		name: "rpc to registry is the one arrow between adapters", from: []string{"/rpc"}, only: []string{"/sdk", "/tracing", "/registry"},
		why:    "adapters are chosen one by one",
		breaks: pkg{path: "/rpc", deps: []string{"/sdk", "/job"}},
	},
	{
		name: "control knows sdk only", from: []string{"/control"}, only: []string{"/sdk"},
		why:    "the operator's side needs no middleware",
		breaks: pkg{path: "/control/run", deps: []string{"/sdk", "/rpc"}},
	},
	{
		name: "product packages never import devstack", from: product, never: []string{"/devstack"},
		why:    "test servers do not belong in a service",
		breaks: pkg{path: "/rpc", deps: []string{"/sdk", "/devstack"}},
	},
	{
		name: "devstack knows nothing of the product but sdk", from: []string{"/devstack"}, only: []string{"/sdk"},
		why:    "a server that shares code with its client agrees with its bugs",
		breaks: pkg{path: "/devstack", deps: []string{"/registry"}},
	},
	{
		name: "nobody imports programs", from: append([]string{"/devstack"}, product...),
		never:  []string{"/cmd", "/examples", "/integration", "/benchmarks"},
		why:    "they are ends, not parts",
		breaks: pkg{path: "/control/web", deps: []string{"/cmd/bluegreen/view"}},
	},
	{
		name: "sdk links no middleware", from: []string{"/sdk"}, except: []string{"/sdk/nacos"},
		never:  slices.Concat(nacosClient, dubbo, rocketmq, zookeeper, otelSDK),
		why:    "a process that only reads the rules stays small",
		breaks: pkg{path: "/sdk", deps: []string{"github.com/nacos-group/nacos-sdk-go/v2/vo"}},
	},
	{
		name: "sdk/nacos links the Nacos client only", from: []string{"/sdk/nacos"},
		never:  slices.Concat(dubbo, rocketmq, zookeeper, otelSDK),
		why:    "control and every adapter use it",
		breaks: pkg{path: "/sdk/nacos", deps: []string{"github.com/dubbogo/gost/log/logger"}},
	},
	{
		name: "tracing links the OpenTelemetry API and no middleware", from: []string{"/tracing"},
		never:  slices.Concat(nacosClient, dubbo, rocketmq, zookeeper, otelSDK),
		why:    "the application chooses its OpenTelemetry SDK",
		breaks: pkg{path: "/tracing", deps: []string{"go.opentelemetry.io/otel/sdk/trace"}},
	},
	{
		name: "registry, mq and job link no dubbo-go", from: []string{"/registry", "/mq", "/job"}, never: dubbo,
		why:    "they serve programs that use another RPC framework",
		breaks: pkg{path: "/registry", deps: []string{"dubbo.apache.org/dubbo-go/v3/common"}},
	},
	{
		name: "rpc links no RocketMQ and no ZooKeeper", from: []string{"/rpc"}, never: slices.Concat(rocketmq, zookeeper),
		why:    "a service pays for what it uses",
		breaks: pkg{path: "/rpc", deps: []string{"github.com/dubbogo/go-zookeeper/zk"}},
	},
	{
		name: "control links no dubbo-go and no RocketMQ", from: []string{"/control"}, never: slices.Concat(dubbo, rocketmq),
		why:    "the command starts in milliseconds",
		breaks: pkg{path: "/control/store", deps: []string{"github.com/apache/rocketmq-client-go/v2"}},
	},
	{
		name: "product packages do not import testing", from: product, never: []string{"testing"}, direct: true,
		why:    "it registers flags in the service's binary",
		breaks: pkg{path: "/sdk", imports: []string{"testing"}},
	},
	{
		name: "libraries log with slog", from: append([]string{"/devstack"}, product...), never: []string{"log"}, direct: true,
		why:    "one logger, the application's",
		breaks: pkg{path: "/rpc", imports: []string{"log"}},
	},
}

// check returns what in p breaks the rule.
func (r *rule) check(p pkg) (bad []string) {
	if !within(p.path, r.from) || within(p.path, r.except) {
		return nil
	}
	links := p.deps
	if r.direct {
		links = p.imports
	}
	for _, d := range links {
		if r.forbids(d) {
			bad = append(bad, d)
		}
		if r.only != nil && strings.HasPrefix(d, "/") && !r.allows(d) {
			bad = append(bad, d)
		}
	}
	return bad
}

func (r *rule) forbids(d string) bool {
	if r.direct { // "log" is not "log/slog"
		return slices.Contains(r.never, d)
	}
	return within(d, r.never)
}

func (r *rule) allows(d string) bool {
	if within(d, []string{"/internal"}) {
		return true
	}
	if within(d, r.from) && !within(d, r.except) {
		return true
	}
	return within(d, r.only)
}

func TestArrows(t *testing.T) {
	pkgs := graph(t)
	for _, r := range rules {
		t.Run(r.name, func(t *testing.T) {
			seen := false
			for _, p := range pkgs {
				seen = seen || within(p.path, r.from)
				for _, d := range r.check(p) {
					t.Errorf("%s links %s: %s", strings.TrimPrefix(p.path, "/"), strings.TrimPrefix(d, "/"), r.why)
				}
			}
			if !seen {
				t.Logf("no package yet in %v", r.from)
			}
		})
	}
}

func TestEachRuleCanFail(t *testing.T) {
	names := map[string]bool{}
	for _, r := range rules {
		if names[r.name] {
			t.Errorf("two rules are named %q", r.name)
		}
		names[r.name] = true
		if len(r.check(r.breaks)) == 0 {
			t.Errorf("%s: lets %+v pass", r.name, r.breaks)
		}
	}
}

func TestRulesAllow(t *testing.T) {
	tests := []struct {
		name string
		p    pkg
	}{
		{"rpc on its floor", pkg{path: "/rpc", deps: []string{"/sdk", "/sdk/nacos", "/tracing", "/registry", "/rpc/internal/route", "/internal/x", "dubbo.apache.org/dubbo-go/v3/common"}}},
		{"sdk with yaml", pkg{path: "/sdk", deps: []string{"gopkg.in/yaml.v3", "log"}, imports: []string{"log/slog"}}},
		{"tracing with the API", pkg{path: "/tracing", deps: []string{"/sdk", "go.opentelemetry.io/otel/trace"}}},
		{"the command with everything", pkg{path: "/cmd/bluegreen", deps: []string{"/control/store", "/devstack", "/rpc"}, imports: []string{"testing"}}},
		{"devstack in tests", pkg{path: "/devstack", imports: []string{"testing"}}},
	}
	for _, tt := range tests {
		for _, r := range rules {
			if bad := r.check(tt.p); len(bad) != 0 {
				t.Errorf("%s: rule %q refuses %v", tt.name, r.name, bad)
			}
		}
	}
}

// TestNoForgottenRoom fails when a top-level folder appears that no rule is
// about.
func TestNoForgottenRoom(t *testing.T) {
	known := append([]string{"/devstack", "/cmd", "/examples", "/internal"}, product...)
	for _, p := range graph(t) {
		if strings.HasPrefix(p.path, "/") && !within(p.path, known) {
			t.Errorf("package %s is in no room: add its rule here and its line to ARCHITECTURE.md", p.path)
		}
	}
}
