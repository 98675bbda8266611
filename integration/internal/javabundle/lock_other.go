//go:build !unix

package javabundle

import "context"

// lock does nothing where there are no advisory locks: run one test binary at a
// time there.
func lock(context.Context, string) (unlock func(), err error) { return func() {}, nil }
