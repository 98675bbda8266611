package main

import (
	"github.com/bluegreen-go/bluegreen/examples/shop/internal/tally"
	"github.com/bluegreen-go/bluegreen/sdk"
)

// The channels. The release runs in shop; finance is a second one, further down, that has its own shares all the while.
const (
	shop    = "shop"
	finance = "finance"
)

// The versions of the shop's services that the release deploys.
const (
	stable = "1.0"
	faulty = "2.0" // gives the discount twice: no request fails, but orders are too cheap
	hotfix = "2.1"
)

// What an order costs, in cents.
const (
	listPrice = 5000
	discount  = 800
	price     = listPrice - discount
)

// perColor is how many processes a colour of a service has.
const perColor = 2

// service is one kind of process that serves calls.
type service struct {
	name    string
	channel string // "": outside all channels, so that it has no colours
}

// services are all services, the callees first.
var services = []service{
	{"ledger", finance}, {"notification", shop}, {"inventory", shop}, {"pricing", ""}, {"payment", shop}, {"order", shop},
}

// call is a call that a service makes for a request.
type call struct{ service, operation string }

// The operations that the gateway asks of order. A quote ends there: it shows the share at small cost. A purchase goes
// through the whole shop.
const (
	quote    = "quote"
	purchase = "purchase"
)

// calls says what each service calls for an operation; all calls of one operation are made in parallel.
//
//	gateway ─ order ─┬─ payment ───┬─ ledger
//	                 │             └─ notification ─ ledger
//	                 ├─ inventory ─── notification ─ ledger
//	                 └─ pricing ───── inventory
var calls = map[call][]call{
	{"order", purchase}:      {{"payment", purchase}, {"inventory", purchase}, {"pricing", purchase}},
	{"payment", purchase}:    {{"ledger", "book"}, {"notification", "mail"}},
	{"inventory", purchase}:  {{"notification", "mail"}},
	{"pricing", purchase}:    {{"inventory", "stock"}},
	{"notification", "mail"}: {{"ledger", "book"}},
}

// callees returns the services that a service calls for any operation.
func callees(caller string) (names []string) {
	seen := map[string]bool{}
	for from, to := range calls {
		for _, c := range to {
			if from.service == caller && !seen[c.service] {
				seen[c.service] = true
				names = append(names, c.service)
			}
		}
	}
	return names
}

// servicesOf lists the services of a channel.
func servicesOf(channel string) (names []string) {
	for _, s := range services {
		if s.channel == channel {
			names = append(names, s.name)
		}
	}
	return names
}

// colorsOf lists the colours that a service's processes have.
func (s service) colorsOf() []sdk.Color {
	if s.channel == "" {
		return []sdk.Color{sdk.Neutral}
	}
	return sdk.Colors[:]
}

// channelsOf is the topology as the referee wants it.
func channelsOf() tally.Channels {
	c := tally.Channels{}
	for _, s := range services {
		if s.channel != "" {
			c[s.name] = s.channel
		}
	}
	return c
}

// orderTotal is what a version of order asks for an order.
func orderTotal(version string) int {
	if version == faulty {
		return listPrice - 2*discount
	}
	return price
}
