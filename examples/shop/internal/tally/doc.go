// Package tally is the demo's referee. It is told what happened, as the processes of the shop and the load generator saw
// it, and says whether the release kept its promises. It asks nothing of the SDK that it judges: which process served
// which call is read from the replies.
package tally
