package tally

import (
	"encoding/json"
	"fmt"

	"github.com/bluegreen-go/bluegreen/sdk"
)

// Node is one process that served one call of a request, and the calls that it made for it. Each process of the shop
// puts itself into its reply, so that the caller at the top sees the whole tree.
type Node struct {
	Service string    `json:"s"`
	Color   sdk.Color `json:"c"`
	Version string    `json:"v,omitempty"`
	PID     int       `json:"p"`
	Total   int       `json:"t,omitempty"` // what an order costs, in cents
	Calls   []*Node   `json:"k,omitempty"`
}

// Encode writes the tree as one line of text.
func (n *Node) Encode() (string, error) {
	b, err := json.Marshal(n)
	if err != nil {
		return "", fmt.Errorf("encode a reply: %w", err)
	}
	return string(b), nil
}

// Decode reads what Encode wrote.
func Decode(text string) (*Node, error) {
	n := &Node{}
	if err := json.Unmarshal([]byte(text), n); err != nil {
		return nil, fmt.Errorf("decode a reply: %w", err)
	}
	return n, nil
}

// Walk calls visit for the node and everything below it.
func (n *Node) Walk(visit func(*Node)) {
	visit(n)
	for _, c := range n.Calls {
		c.Walk(visit)
	}
}

// Channels says which channel each service of the shop belongs to. A service that is not named is in none.
type Channels map[string]string

// Colors returns, for each channel that the request reached, the colours that served it, as a set of sdk.Live.
func (c Channels) Colors(tree *Node) map[string]sdk.Live {
	seen := map[string]sdk.Live{}
	tree.Walk(func(n *Node) {
		if ch, ok := c[n.Service]; ok && n.Color != sdk.Neutral {
			seen[ch] |= sdk.LiveOf(n.Color)
		}
	})
	return seen
}

// Crossed reports whether both colours of one channel served the request.
func Crossed(colors sdk.Live) bool { return colors.Has(sdk.Blue) && colors.Has(sdk.Green) }
