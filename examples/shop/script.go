package main

import (
	"time"

	"github.com/bluegreen-go/bluegreen/sdk"
)

// action is what the operator does in a step.
type action string

// The actions.
const (
	activate action = "activate" // start the release: traffic is coloured, 1:1
	share    action = "share"    // set how new requests split
	closing  action = "close"    // take a colour out; ends with its certificate
	deploy   action = "deploy"   // replace the processes of a drained colour
	open     action = "open"     // bring a colour back in, without a share
	watch    action = "watch"    // look at the orders until the fault of the new version shows
	abort    action = "abort"    // take a colour back at once; ends with its certificate
	promote  action = "promote"  // the colour runs everything from now on
	finish   action = "finish"   // end the release
)

// step is one step of the release.
type step struct {
	title   string
	do      action
	color   sdk.Color         // of close, deploy, open, abort, promote
	version string            // of deploy
	share   sdk.PerColor[int] // after the step, where it changes
	sample  bool              // measure the share, from the end of this step on until it changes
}

func split(blue, green int) sdk.PerColor[int] { return sdk.PerColor[int]{Blue: blue, Green: green} }

// release is the whole release, as an operator does it: drain blue, deploy there, try it with little traffic, go back
// when a fault is found, deploy the hotfix, go over to blue, deploy on green, and share again.
func release() []step {
	return []step{
		{title: "start the release", do: activate, share: split(50, 50), sample: true},
		{title: "drain blue", do: share, share: split(20, 80), sample: true},
		{title: "drain blue", do: share, share: split(0, 100), sample: true},
		{title: "close blue", do: closing, color: sdk.Blue},
		{title: "deploy " + faulty + " on blue", do: deploy, color: sdk.Blue, version: faulty},
		{title: "open blue", do: open, color: sdk.Blue},
		{title: "gray", do: share, share: split(5, 95), sample: true},
		{title: "verify the orders", do: watch, version: faulty},
		{title: "abort blue", do: abort, color: sdk.Blue, share: split(0, 100), sample: true},
		{title: "deploy the hotfix " + hotfix + " on blue", do: deploy, color: sdk.Blue, version: hotfix},
		{title: "open blue again", do: open, color: sdk.Blue},
		{title: "gray again", do: share, share: split(5, 95), sample: true},
		{title: "ramp blue", do: share, share: split(20, 80), sample: true},
		{title: "ramp blue", do: share, share: split(50, 50), sample: true},
		{title: "promote blue", do: promote, color: sdk.Blue},
		{title: "all traffic on blue", do: share, share: split(100, 0), sample: true},
		{title: "close green", do: closing, color: sdk.Green},
		{title: "deploy " + hotfix + " on green", do: deploy, color: sdk.Green, version: hotfix},
		{title: "open green", do: open, color: sdk.Green},
		{title: "ramp green quickly to one to one", do: share, share: split(50, 50), sample: true},
		{title: "finish the release", do: finish},
	}
}

// changesShare reports whether the step changes how new requests split: the sample before it has to end.
func (s step) changesShare() bool { return s.share != sdk.PerColor[int]{} || s.do == finish }

// pace is how fast the release is played.
type pace struct {
	rate  int           // requests a second
	every int           // every that many is a purchase
	roots int           // requests that a share is measured by
	hold  time.Duration // least time of a step whose share is measured
}

var (
	normal = pace{rate: 450, every: 12, roots: 2100, hold: 4 * time.Second}
	fast   = pace{rate: 600, every: 14, roots: 2000, hold: 0}
)
