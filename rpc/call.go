package rpc

import (
	"sync"

	"dubbo.apache.org/dubbo-go/v3/protocol/base"

	"github.com/bluegreen-go/bluegreen/sdk"
	"github.com/bluegreen-go/bluegreen/tracing"
)

// attribute is the invocation attribute that holds the *call.
const attribute = "bluegreen.call"

// call is one logical call, over all its attempts. The interceptor makes it, the
// router decides with it, the filter reads it.
type call struct {
	trail *tracing.Trail
	rules *sdk.Rules // one snapshot for all attempts

	mu       sync.Mutex // forking clusters attempt in parallel
	decision sdk.Decision
	service  string
}

func callOf(inv base.Invocation) *call {
	v, ok := inv.GetAttribute(attribute)
	if !ok {
		return nil
	}
	c, _ := v.(*call)
	return c
}

// decided returns the decision of an earlier attempt, if any.
func (c *call) decided() sdk.Decision {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.decision
}

// settle keeps the decision of an attempt and reports whether it is the first or
// another one than before.
func (c *call) settle(d sdk.Decision, service string) (news bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	news = c.decision != d
	c.decision, c.service = d, service
	return news
}

// refusal returns the error of a call that whenEmpty: fail has ended, or nil.
func (c *call) refusal() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.decision.Refused {
		return nil
	}
	return &EmptyColorError{Service: c.service, Channel: c.decision.Channel, Color: c.decision.From, Revision: c.decision.Revision}
}
