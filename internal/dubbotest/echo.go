package dubbotest

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"dubbo.apache.org/dubbo-go/v3/client"
	"dubbo.apache.org/dubbo-go/v3/common"
	"dubbo.apache.org/dubbo-go/v3/common/constant"
	"dubbo.apache.org/dubbo-go/v3/protocol/triple/triple_protocol"

	"google.golang.org/protobuf/types/known/wrapperspb"
)

// Method is the one method of every interface: a text in, a text out.
const Method = "Who"

// Echo answers with who it is. The argument says whom to call before: interfaces
// separated by ";", each with its own argument in parentheses, all at the same
// time. The answer is "app/color/port/version" and the callees' answers in
// brackets. Words that begin with "@" are what handlers do besides; see odd.step.
type Echo struct{ node *node }

// Who serves one call.
func (e *Echo) Who(ctx context.Context, in *wrapperspb.StringValue) (*wrapperspb.StringValue, error) {
	c := e.node.cfg
	color := c.Color
	if color == "" {
		color = "neutral"
	}
	reply := fmt.Sprintf("%s/%s/%d/%s", c.App, color, c.Port, c.Version)
	below, err := e.node.fanOut(ctx, in.GetValue())
	if err != nil {
		return nil, err
	}
	return wrapperspb.String(reply + below), nil
}

// fanOut makes the calls that a plan names and returns the answers in brackets.
func (n *node) fanOut(ctx context.Context, plan string) (string, error) {
	calls := split(plan)
	if len(calls) == 0 {
		return "", nil
	}
	replies, errs := make([]string, len(calls)), make([]error, len(calls))
	var wg sync.WaitGroup
	for i, c := range calls {
		wg.Go(func() { replies[i], errs[i] = n.step(ctx, c) })
	}
	wg.Wait()
	for i, err := range errs {
		if err != nil {
			return "", fmt.Errorf("%s: %w", calls[i].iface, err)
		}
	}
	slices.Sort(replies)
	return "[" + strings.Join(replies, ";") + "]", nil
}

type planned struct{ iface, arg string }

// split reads the topmost level of a plan.
func split(plan string) (calls []planned) {
	depth, start := 0, 0
	flush := func(end int) {
		if part := plan[start:end]; part != "" {
			iface, arg, _ := strings.Cut(part, "(")
			calls = append(calls, planned{iface, strings.TrimSuffix(arg, ")")})
		}
		start = end + 1
	}
	for i, r := range plan {
		switch {
		case r == '(':
			depth++
		case r == ')':
			depth--
		case r == ';' && depth == 0:
			flush(i)
		}
	}
	flush(len(plan))
	return calls
}

func (n *node) stub(iface string) (*client.Connection, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if s := n.stubs[iface]; s != nil {
		return s, nil
	}
	opts := []client.ReferenceOption{}
	if n.cfg.Cluster != "" {
		opts = append(opts, client.WithCluster(n.cfg.Cluster))
	}
	if n.cfg.Balancer != "" {
		opts = append(opts, client.WithLoadBalance(n.cfg.Balancer))
	}
	s, err := n.client.DialWithInfo(iface, &client.ClientInfo{InterfaceName: iface, MethodNames: []string{Method}}, opts...)
	if err != nil {
		return nil, err
	}
	n.stubs[iface] = s
	return s, nil
}

func (n *node) call(ctx context.Context, iface, arg string) (string, error) {
	s, err := n.stub(iface)
	if err != nil {
		return "", err
	}
	out := new(wrapperspb.StringValue)
	if err := s.CallUnary(ctx, []any{wrapperspb.String(arg)}, out, Method); err != nil {
		return "", err
	}
	return out.GetValue(), nil
}

// calls makes N calls, each a request of its own unless Root says otherwise.
func (n *node) calls(c command, a *answer) {
	a.Replies, a.Errors = map[string]int{}, map[string]int{}
	var mu sync.Mutex
	ctx, done := n.root(context.Background(), c.Root)
	defer done()
	slots := make(chan struct{}, max(1, c.Parallel))
	var wg sync.WaitGroup
	for range max(1, c.N) {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			reply, err := n.call(ctx, c.Iface, c.Arg)
			mu.Lock()
			defer mu.Unlock()
			a.count(reply, err)
		})
	}
	wg.Wait()
}

func serviceInfo(iface string) *common.ServiceInfo {
	return &common.ServiceInfo{
		InterfaceName: iface,
		ServiceType: (*interface {
			Who(context.Context, *wrapperspb.StringValue) (*wrapperspb.StringValue, error)
		})(nil),
		Methods: []common.MethodInfo{{
			Name:        Method,
			Type:        constant.CallUnary,
			ReqInitFunc: func() any { return new(wrapperspb.StringValue) },
			MethodFunc: func(ctx context.Context, args []any, impl any) (any, error) {
				reply, err := impl.(*Echo).Who(ctx, args[0].(*wrapperspb.StringValue))
				if err != nil {
					return nil, err
				}
				return triple_protocol.NewResponse(reply), nil
			},
		}},
	}
}

// waitListening waits until the port takes connections.
func waitListening(port int, failed <-chan error) error {
	deadline := time.Now().Add(20 * time.Second)
	for time.Now().Before(deadline) {
		select {
		case err := <-failed:
			return fmt.Errorf("serve: %w", err)
		case <-time.After(10 * time.Millisecond):
		}
		if c, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port))); err == nil {
			return c.Close()
		}
	}
	return fmt.Errorf("nobody listens on port %d", port)
}
