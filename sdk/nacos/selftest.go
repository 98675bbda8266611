package nacos

import (
	"context"
	"crypto/rand"
	"fmt"
)

// SelfTestDataID is the document that [Nacos.SelfTest] works on.
const SelfTestDataID = "bluegreen.selftest"

const selfTestContent = "# Compare-and-set is tried out on this document; it may be deleted.\n"

// proof remembers that the server was tested.
type proof struct {
	turn chan struct{} // held by who tests
	done chan struct{} // closed once the server has passed
}

func newProof() proof { return proof{turn: make(chan struct{}, 1), done: make(chan struct{})} }

// SelfTest proves that the server publishes a document only if it is still the
// one that the publisher has seen, by trying out on [SelfTestDataID] that a right
// comparison passes and a wrong one is refused. It returns [ErrNoCAS] if not, and
// remembers success.
func (n *Nacos) SelfTest(ctx context.Context) error {
	select {
	case <-n.proof.done:
		return nil
	case n.proof.turn <- struct{}{}:
		defer func() { <-n.proof.turn }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	select {
	case <-n.proof.done: // somebody else's turn was before
		return nil
	default:
	}
	if err := n.selfTest(ctx); err != nil {
		return fmt.Errorf("self-test: %w", err)
	}
	close(n.proof.done)
	return nil
}

func (n *Nacos) selfTest(ctx context.Context) error {
	content, err := n.Load(ctx, SelfTestDataID)
	if err != nil {
		return err
	}
	if content == "" {
		if err := n.put(ctx, SelfTestDataID, selfTestContent, ""); err != nil && !isConflict(err) {
			return err
		}
		content, err = n.await(ctx, SelfTestDataID, func(now string) bool { return now != "" })
		if err != nil {
			return err
		}
	}
	if err := n.put(ctx, SelfTestDataID, content, sumOf(content)); err != nil {
		return fmt.Errorf("the right comparison does not pass: %w", err)
	}
	err = n.put(ctx, SelfTestDataID, selfTestContent+"# "+rand.Text()+"\n", sumOf(rand.Text()))
	switch {
	case err == nil:
		return ErrNoCAS
	case !isConflict(err):
		return fmt.Errorf("no verdict on a wrong comparison: %w", err)
	}
	return nil
}
