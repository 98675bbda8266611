package sdk

import "errors"

// ErrConflict is returned by a compare-and-swap publish when the document is
// not the one that it was to replace: somebody else has published in between.
var ErrConflict = errors.New("the document has changed in between")

// DocumentHash returns the short fingerprint by which a [ChannelReport] names
// the document that a process has read.
func DocumentHash(text string) string { return hashDocument(text) }
