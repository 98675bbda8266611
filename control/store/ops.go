package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bluegreen-go/bluegreen/sdk"
)

// Activate starts a release: it claims the channel's services, publishes both
// colours full at 1:1, waits until everybody has converged, and then as long as
// the longest request may take. From its return on, every request keeps to a
// colour. The error wraps a [RuleError] of rule S3 if another channel has a
// service of this one.
func (s *Store) Activate(ctx context.Context, channel string, release sdk.Release) (Doc, error) {
	r, err := s.begin(ctx, channel)
	if err != nil {
		return Doc{}, err
	}
	if !r.doc.IsActive() {
		r.look(ctx, nil)
		r.with((*roster).forgetGone)
		if err := r.noneNeutral(); err != nil {
			return r.doc, err
		}
		next, err := Activate(r.doc.Channel, release)
		if err != nil {
			return r.doc, err
		}
		if err := s.claim(ctx, r.doc.Channel); err != nil {
			return r.doc, err
		}
		if err := r.publish(ctx, next, nil, "activate"); err != nil {
			return r.doc, err
		}
	}
	if err := r.settled(ctx); err != nil {
		return r.doc, err
	}
	return r.doc, r.rest(ctx, "requests from before the release end", s.cfg.settle)
}

// Open brings a colour in that is out: registered, converged, without a share.
// [Store.Share] gives it one.
func (s *Store) Open(ctx context.Context, channel string, color sdk.Color) (Doc, error) {
	r, err := s.begin(ctx, channel)
	if err != nil {
		return Doc{}, err
	}
	if err := needActive(r.doc.Channel, color); err != nil {
		return r.doc, err
	}
	if r.doc.Stage.Of(color) == sdk.Out {
		r.look(ctx, nil)
		r.with(func(ro *roster) { ro.expect(ofColor(r.doc.Channel, color)) })
		if err := r.noneNeutral(); err != nil {
			return r.doc, err
		}
		if err := r.settled(ctx); err != nil {
			return r.doc, err
		}
		next, err := Register(r.doc.Channel, color)
		if err := r.publish(ctx, next, err, "open "+color.String()); err != nil {
			return r.doc, err
		}
	}
	return r.doc, r.settled(ctx)
}

// Share sets how new decisions split. Before a colour gets its first share,
// everybody must have converged; later steps do not wait before, only after.
func (s *Store) Share(ctx context.Context, channel string, share sdk.PerColor[int]) (Doc, error) {
	r, err := s.begin(ctx, channel)
	if err != nil {
		return Doc{}, err
	}
	next, err := Split(r.doc.Channel, share)
	if err != nil {
		return r.doc, err
	}
	for _, c := range sdk.Colors {
		if r.doc.Share.Of(c) == 0 && share.Of(c) > 0 {
			if err := r.settled(ctx); err != nil {
				return r.doc, err
			}
			break
		}
	}
	if err := r.publish(ctx, next, nil, fmt.Sprintf("share %d:%d", share.Blue, share.Green)); err != nil {
		return r.doc, err
	}
	return r.doc, r.settled(ctx)
}

// Promote makes a colour full: it runs base consumer groups and jobs too.
func (s *Store) Promote(ctx context.Context, channel string, color sdk.Color) (Doc, error) {
	r, err := s.begin(ctx, channel)
	if err != nil {
		return Doc{}, err
	}
	if !r.doc.IsActive() || r.doc.Stage.Of(color) != sdk.Full {
		next, err := Promote(r.doc.Channel, color)
		if err := r.publish(ctx, next, err, "promote "+color.String()); err != nil {
			return r.doc, err
		}
	}
	return r.doc, r.settled(ctx)
}

// Close drains a colour: no share, groups and jobs handed over, silent, out of
// the registry, quiet. It returns the certificate. The other colour must be full.
func (s *Store) Close(ctx context.Context, channel string, color sdk.Color) (*Certificate, error) {
	r, err := s.begin(ctx, channel)
	if err != nil {
		return nil, err
	}
	if err := needActive(r.doc.Channel, color); err != nil {
		return nil, err
	}
	if err := needOtherFull(r.doc.Channel, color); err != nil {
		return nil, err
	}
	if r.doc.Stage.Of(color) != sdk.Out {
		r.look(ctx, nil)
		if err := r.noneNeutral(); err != nil {
			return nil, err
		}
		if err := r.leave(ctx, color); err != nil {
			return nil, err
		}
	}
	return r.certify(ctx, color)
}

// leave is steps 1 to 4 of a close.
func (r *run) leave(ctx context.Context, color sdk.Color) error {
	if r.doc.Share.Of(color) > 0 {
		if err := r.settled(ctx); err != nil {
			return err
		}
		next, err := Withhold(r.doc.Channel, color)
		if err := r.publish(ctx, next, err, "close "+color.String()+": no new decisions"); err != nil {
			return err
		}
	}
	if err := r.settled(ctx); err != nil {
		return err
	}
	if r.doc.Stage.Of(color) > sdk.Registered {
		if err := r.rest(ctx, "messages under way arrive", r.cfg.linger); err != nil {
			return err
		}
		next, err := HandOver(r.doc.Channel, color)
		if err := r.publish(ctx, next, err, "close "+color.String()+": groups and jobs handed over"); err != nil {
			return err
		}
		if err := r.settled(ctx); err != nil {
			return err
		}
	}
	if err := r.zeroRounds(ctx, color, r.cfg.timeout); err != nil {
		return err
	}
	return r.takeOut(ctx, color, "close")
}

func (r *run) takeOut(ctx context.Context, color sdk.Color, op string) error {
	next, err := TakeOut(r.doc.Channel, color)
	return r.publish(ctx, next, err, op+" "+color.String()+": out")
}

// Abort takes a colour back at once: its share and its groups and jobs go in one
// publish that waits for nobody; out it goes when it is silent, at the latest
// after the abort's limit. hard does both in one publish: what is under way on
// the colour crosses. It returns the certificate; an error says also whether the
// abort itself took effect, by the document.
func (s *Store) Abort(ctx context.Context, channel string, color sdk.Color, hard bool) (*Certificate, error) {
	r, err := s.begin(ctx, channel)
	if err != nil {
		return nil, err
	}
	if err := needActive(r.doc.Channel, color); err != nil {
		return nil, err
	}
	if r.doc.Stage.Of(color) == sdk.Out {
		return r.certify(ctx, color)
	}
	r.look(ctx, nil)
	if hard {
		next, err := WithdrawHard(r.doc.Channel, color)
		if err := r.publish(ctx, next, err, "abort "+color.String()+" hard"); err != nil {
			return nil, err
		}
		return r.certify(ctx, color)
	}
	if r.doc.Share.Of(color) > 0 || r.doc.Stage.Of(color) > sdk.Registered {
		next, err := Withdraw(r.doc.Channel, color)
		if err := r.publish(ctx, next, err, "abort "+color.String()+": no share"); err != nil {
			return nil, err
		}
	}
	if err := r.abortSilence(ctx, color); err != nil {
		return nil, err
	}
	if err := r.takeOut(ctx, color, "abort"); err != nil {
		return nil, err
	}
	return r.certify(ctx, color)
}

// abortSilence waits for the zero rounds, but only so long: an abort goes on.
func (r *run) abortSilence(ctx context.Context, color sdk.Color) error {
	limit, cancel := context.WithTimeoutCause(ctx, r.cfg.abort, errAbortLimit)
	defer cancel()
	unforced := *r.Store
	unforced.cfg.force = false
	sub := &run{Store: &unforced, doc: r.doc, roster: r.roster}
	err := sub.settled(limit)
	if err == nil {
		err = sub.zeroRounds(limit, color, r.cfg.abort)
	}
	r.doc = sub.doc
	w, isWait := errors.AsType[*WaitError](err)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return err
	case errors.Is(err, errAbortLimit), isWait && w.Cause == nil:
		r.emit(Warned{r.doc.Name, fmt.Sprintf("%s was not silent after %s; what is under way crosses", color, r.cfg.abort)})
		return r.reread(ctx)
	}
	return err
}

var errAbortLimit = errors.New("the abort's limit is reached")

// reread takes up our own probe if the wait was cut while it was published.
func (r *run) reread(ctx context.Context) error {
	doc, err := r.Document(ctx, r.doc.Name)
	if err != nil {
		return err
	}
	if doc.Text == r.doc.Text {
		return nil
	}
	if doc.Publish.By != r.cfg.author || doc.Share != r.doc.Share || doc.Stage != r.doc.Stage || doc.State != r.doc.State {
		return fmt.Errorf("channel %s: revision %d by %s came in between: %w", doc.Name, doc.Revision, doc.Publish.By, sdk.ErrConflict)
	}
	if doc.Index, err = r.name(ctx, doc.Name, doc.Revision); err != nil {
		return err
	}
	r.doc = doc
	return nil
}

// Finish ends a release: both colours full at 1:1, then idle, then the claims are
// given back. Both colours must have a share's stage, and the processes of each
// service must report one version ([WithMixedVersions] allows others).
func (s *Store) Finish(ctx context.Context, channel string) (Doc, error) {
	r, err := s.begin(ctx, channel)
	if err != nil {
		return Doc{}, err
	}
	if r.doc.IsActive() {
		if err := r.balance(ctx); err != nil {
			return r.doc, err
		}
		next, err := Deactivate(r.doc.Channel)
		if err := r.publish(ctx, next, err, "finish: idle"); err != nil {
			return r.doc, err
		}
	}
	if err := r.settled(ctx); err != nil {
		return r.doc, err
	}
	return r.doc, s.release(ctx, channel)
}

func (r *run) balance(ctx context.Context) error {
	next, err := Balance(r.doc.Channel)
	if err != nil {
		return err
	}
	if err := r.settled(ctx); err != nil {
		return err
	}
	if err := r.oneVersion(); err != nil {
		return err
	}
	if r.doc.Stage == next.Stage && r.doc.Share == next.Share {
		return nil
	}
	if err := r.publish(ctx, next, nil, "finish: both full, 1:1"); err != nil {
		return err
	}
	return r.settled(ctx)
}

// noneNeutral makes sure that every process of the channel has a colour: one
// without serves whoever finds no other, and cannot be drained.
func (r *run) noneNeutral() error {
	var who []Hold
	r.with(func(ro *roster) {
		present, _ := ro.present()
		for _, m := range present {
			if id := m.last.Identity; id.Color == sdk.Neutral && r.doc.Has(id.Service) {
				who = append(who, holdOf(id, Uncoloured, ""))
			}
		}
	})
	if len(who) == 0 {
		return nil
	}
	text := "processes without a colour cannot be drained: " + list(sortHolds(who))
	if !r.cfg.neutral {
		return refuse(Order, r.doc.Channel, "%s", text)
	}
	r.emit(Warned{r.doc.Name, text})
	return nil
}

// oneVersion makes sure that both sides run the same code before requests mix.
func (r *run) oneVersion() error {
	var mixed []string
	r.with(func(ro *roster) {
		present, _ := ro.present()
		for _, svc := range r.doc.Services {
			versions := map[string]bool{}
			for _, m := range present {
				if id := m.last.Identity; id.Service == svc && id.Color != sdk.Neutral {
					versions[id.Version] = true
				}
			}
			if len(versions) > 1 {
				mixed = append(mixed, svc+" ("+strings.Join(sortedKeys(versions), ", ")+")")
			}
		}
	})
	if len(mixed) == 0 {
		return nil
	}
	text := "different versions run side by side: " + strings.Join(mixed, "; ")
	if !r.cfg.mixed {
		return refuse(Order, r.doc.Channel, "%s", text)
	}
	r.emit(Warned{r.doc.Name, text})
	return nil
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// WaitConverged waits until every expected process follows the channel's present
// document.
func (s *Store) WaitConverged(ctx context.Context, channel string, limit time.Duration) (Doc, error) {
	r, err := s.begin(ctx, channel)
	if err != nil {
		return Doc{}, err
	}
	return r.doc, r.await(ctx, "converged", limit, r.converged)
}
