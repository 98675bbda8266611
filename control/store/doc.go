// Package store moves channels: it publishes their rule documents one safe step
// at a time, waits between the steps until every process follows, and certifies
// that a colour is drained.
//
// Three layers, each usable without the next:
//
//   - Pure functions over [sdk.Channel] ([Register], [Split], [Withhold] …) make
//     the document of the next step or refuse with the rule that forbids it;
//     [Check] judges any pair of documents. They do no I/O.
//   - [Store.Document], [Store.Status], [Store.Lint], [Store.History],
//     [Store.Repair] … read and mend what is in the [Backend].
//   - The operations [Store.Open], [Store.Share], [Store.Promote], [Store.Close],
//     [Store.Abort], [Store.Finish], [Store.Activate] and [Store.Certify] run the
//     steps in order, each publish a compare-and-swap on exactly the document for
//     which the wait before it held. They tell of their progress by [Event]s.
//
// An operation that was interrupted is simply called again: it goes on from what
// the document says. Two operators cannot harm each other; the second gets
// [sdk.ErrConflict].
//
// The rules that hold for every publish:
//
//   - S1: the document is valid, its revision is the one before plus 1, and it
//     replaces exactly the document that the last wait was about.
//   - S2: a colour leaves only while every process of the other colour has
//     converged at a revision in which that other colour is in, and no colour
//     comes in while the other one leaves.
//   - S3: a service enters an active channel only after the channel has claimed
//     it in the index.
package store
