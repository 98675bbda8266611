package tally

import (
	"testing"

	"github.com/bluegreen-go/bluegreen/sdk"
)

var testChannels = Channels{"order": "shop", "payment": "shop", "ledger": "finance"}

func node(service string, color sdk.Color, calls ...*Node) *Node {
	return &Node{Service: service, Color: color, Version: "1", PID: 7, Total: 42, Calls: calls}
}

func TestColors(t *testing.T) {
	for _, c := range []struct {
		name string
		tree *Node
		want map[string]bool // channel → crossed
	}{
		{"one colour", node("order", sdk.Blue, node("payment", sdk.Blue)), map[string]bool{"shop": false}},
		{"crossed", node("order", sdk.Blue, node("payment", sdk.Green)), map[string]bool{"shop": true}},
		{"crossed below a service outside", node("order", sdk.Green, node("pricing", sdk.Neutral, node("payment", sdk.Blue))), map[string]bool{"shop": true}},
		{"siblings crossed", node("order", sdk.Green, node("payment", sdk.Green), node("payment", sdk.Blue)), map[string]bool{"shop": true}},
		{"channels are independent", node("order", sdk.Green, node("ledger", sdk.Blue)), map[string]bool{"shop": false, "finance": false}},
		{"neutral does not count", node("order", sdk.Neutral), map[string]bool{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := testChannels.Colors(c.tree)
			if len(got) != len(c.want) {
				t.Fatalf("channels %v, want %v", got, c.want)
			}
			for channel, want := range c.want {
				if Crossed(got[channel]) != want {
					t.Errorf("%s crossed: %v, want %v", channel, !want, want)
				}
			}
		})
	}
}

func TestEncodeDecode(t *testing.T) {
	want := node("order", sdk.Blue, node("payment", sdk.Green), node("pricing", sdk.Neutral))
	text, err := want.Encode()
	if err != nil {
		t.Fatal(err)
	}
	got, err := Decode(text)
	if err != nil {
		t.Fatal(err)
	}
	again, err := got.Encode()
	if err != nil || again != text {
		t.Errorf("decoded and encoded again: %q, %v, want %q", again, err, text)
	}
	if got.Calls[0].Color != sdk.Green || got.Total != 42 {
		t.Errorf("got %+v, want colour and total of %+v", got, want)
	}
	if _, err := Decode("{"); err == nil {
		t.Error("Decode of half a reply: no error")
	}
}
