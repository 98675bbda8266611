package main

import (
	"context"
	"errors"

	"dubbo.apache.org/dubbo-go/v3/client"
	"dubbo.apache.org/dubbo-go/v3/common"
	"dubbo.apache.org/dubbo-go/v3/common/constant"
	"dubbo.apache.org/dubbo-go/v3/protocol/triple/triple_protocol"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// This file is what protoc-gen-go-triple makes of a service with one method; it has nothing to do with blue and green.

const (
	interfaceName = "demo.Greeter"
	methodName    = "Greet"
)

// Greeter is the service.
type Greeter struct{ name string }

// Greet answers with who it is.
func (g *Greeter) Greet(_ context.Context, who *wrapperspb.StringValue) (*wrapperspb.StringValue, error) {
	if who.GetValue() == "" {
		return nil, errors.New("who asks?")
	}
	return wrapperspb.String("hello " + who.GetValue() + ", this is " + g.name), nil
}

var serviceInfo = common.ServiceInfo{
	InterfaceName: interfaceName,
	ServiceType:   (*Greeter)(nil),
	Methods: []common.MethodInfo{{
		Name: methodName, Type: constant.CallUnary,
		ReqInitFunc: func() any { return new(wrapperspb.StringValue) },
		MethodFunc: func(ctx context.Context, args []any, impl any) (any, error) {
			answer, err := impl.(*Greeter).Greet(ctx, args[0].(*wrapperspb.StringValue))
			if err != nil {
				return nil, err
			}
			return triple_protocol.NewResponse(answer), nil
		},
	}},
}

type greeterClient struct{ conn *client.Connection }

func newClient(cli *client.Client) (*greeterClient, error) {
	conn, err := cli.DialWithInfo(interfaceName, &client.ClientInfo{InterfaceName: interfaceName, MethodNames: []string{methodName}})
	if err != nil {
		return nil, err
	}
	return &greeterClient{conn}, nil
}

// Greet calls the service.
func (c *greeterClient) Greet(ctx context.Context, who string) (string, error) {
	answer := new(wrapperspb.StringValue)
	err := c.conn.CallUnary(ctx, []any{wrapperspb.String(who)}, answer, methodName)
	return answer.GetValue(), err
}
