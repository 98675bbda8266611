package javacaller_test

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"dubbo.apache.org/dubbo-go/v3"
	"dubbo.apache.org/dubbo-go/v3/common"
	"dubbo.apache.org/dubbo-go/v3/common/constant"
	_ "dubbo.apache.org/dubbo-go/v3/imports"
	"dubbo.apache.org/dubbo-go/v3/protocol"
	"dubbo.apache.org/dubbo-go/v3/protocol/triple/triple_protocol"
	"dubbo.apache.org/dubbo-go/v3/registry"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/bluegreen-go/bluegreen/integration/internal/proc"
)

const (
	service = "bluegreen.integration.Echo"
	method  = "Who"
)

// providerEnv makes this binary a provider with the name that it holds.
const (
	providerEnv = "JAVACALLER_TEST_PROVIDER"
	registryEnv = "JAVACALLER_TEST_REGISTRY"
	portEnv     = "JAVACALLER_TEST_PORT"
)

// Echo answers with the provider's name and what it was asked.
type Echo struct{ name string }

// Who is exported because dubbo-go serves only exported methods of exported types.
func (e *Echo) Who(_ context.Context, in *wrapperspb.StringValue) (*wrapperspb.StringValue, error) {
	return wrapperspb.String(e.name + "<" + in.GetValue()), nil
}

func serviceInfo() *common.ServiceInfo {
	return &common.ServiceInfo{
		InterfaceName: service,
		Methods: []common.MethodInfo{{
			Name:        method,
			Type:        constant.CallUnary,
			ReqInitFunc: func() any { return new(wrapperspb.StringValue) },
			MethodFunc: func(ctx context.Context, args []any, handler any) (any, error) {
				res, err := handler.(*Echo).Who(ctx, args[0].(*wrapperspb.StringValue))
				if err != nil {
					return nil, err
				}
				return triple_protocol.NewResponse(res), nil
			},
		}},
	}
}

// provide runs a plain dubbo-go provider until it is told to end.
func provide(name string) error {
	port, err := strconv.Atoi(os.Getenv(portEnv))
	if err != nil {
		return err
	}
	instance, err := dubbo.NewInstance(
		dubbo.WithName("java-caller-test"),
		dubbo.WithRegistry(registry.WithNacos(), registry.WithAddress(os.Getenv(registryEnv)), registry.WithRegisterInterface()),
		dubbo.WithProtocol(protocol.WithTriple(), protocol.WithPort(port), protocol.WithIp("127.0.0.1")),
	)
	if err != nil {
		return err
	}
	srv, err := instance.NewServer()
	if err != nil {
		return err
	}
	// dubbo-go registers every provider with the metadata weight 0, whatever is asked
	// of it: the tests set weights as an operator does.
	if err := srv.Register(&Echo{name}, serviceInfo()); err != nil {
		return err
	}
	return srv.Serve()
}

// startProvider starts a provider as a process of its own: dubbo-go holds one
// provider of an interface per process.
func startProvider(t *testing.T, registry, name string, port int) *proc.Process {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p, err := proc.Start(proc.Config{Path: exe, Dir: t.TempDir(), Env: []string{
		providerEnv + "=" + name, registryEnv + "=" + registry,
		fmt.Sprintf("%s=%d", portEnv, port),
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.Stop(10 * time.Second)
		if t.Failed() {
			t.Logf("last lines of provider %s:\n%s", name, p.Tail(15))
		}
	})
	return p
}
