package main

import (
	"context"

	"dubbo.apache.org/dubbo-go/v3/client"
	"dubbo.apache.org/dubbo-go/v3/common"
	"dubbo.apache.org/dubbo-go/v3/common/constant"
	"dubbo.apache.org/dubbo-go/v3/protocol/triple/triple_protocol"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// This file is what protoc-gen-go-triple would generate, written by hand once for all services of the shop: each has one
// method, Call, from text to text.

const method = "Call"

// interfaceOf is the name of a service's interface.
func interfaceOf(service string) string { return "demo.shop." + service }

// handler serves one service's interface.
type handler interface {
	Call(ctx context.Context, operation *wrapperspb.StringValue) (*wrapperspb.StringValue, error)
}

// serviceInfo describes a service's interface to the server.
func serviceInfo(service string) *common.ServiceInfo {
	return &common.ServiceInfo{
		InterfaceName: interfaceOf(service),
		ServiceType:   (*handler)(nil),
		Methods: []common.MethodInfo{{
			Name:        method,
			Type:        constant.CallUnary,
			ReqInitFunc: func() any { return new(wrapperspb.StringValue) },
			MethodFunc: func(ctx context.Context, args []any, impl any) (any, error) {
				reply, err := impl.(handler).Call(ctx, args[0].(*wrapperspb.StringValue))
				if err != nil {
					return nil, err
				}
				return triple_protocol.NewResponse(reply), nil
			},
		}},
	}
}

// stub calls one service.
type stub struct{ conn *client.Connection }

// newStub subscribes to a service.
func newStub(cli *client.Client, service string, opts ...client.ReferenceOption) (*stub, error) {
	info := &client.ClientInfo{InterfaceName: interfaceOf(service), MethodNames: []string{method}}
	conn, err := cli.DialWithInfo(interfaceOf(service), info, opts...)
	if err != nil {
		return nil, err
	}
	return &stub{conn}, nil
}

// Call asks the service for the operation.
func (s *stub) Call(ctx context.Context, operation string) (string, error) {
	reply := new(wrapperspb.StringValue)
	if err := s.conn.CallUnary(ctx, []any{wrapperspb.String(operation)}, reply, method); err != nil {
		return "", err
	}
	return reply.GetValue(), nil
}
