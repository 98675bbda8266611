package rpc

import (
	"dubbo.apache.org/dubbo-go/v3/protocol/base"

	"github.com/bluegreen-go/bluegreen/internal/route"
)

// attribute is the invocation attribute that holds the call. The interceptor
// makes it, the router decides with it, the filter reads it.
const attribute = "bluegreen.call"

func callOf(inv base.Invocation) *route.Call {
	v, ok := inv.GetAttribute(attribute)
	if !ok {
		return nil
	}
	c, _ := v.(*route.Call)
	return c
}

// refusal returns the error of a call that whenEmpty: fail has ended, or nil.
func refusal(c *route.Call) error {
	d, service := c.Decided()
	if !d.Refused {
		return nil
	}
	return &EmptyColorError{Service: service, Channel: d.Channel, Color: d.From, Revision: d.Revision}
}
