package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/bluegreen-go/bluegreen/sdk"
)

// run is one operation on one channel. Its methods are called by one goroutine.
type run struct {
	*Store
	doc      Doc
	roster   *roster
	overrode []string // waits that were forced
	checked  time.Time
}

// begin reads the channel's document and takes up its roster.
func (s *Store) begin(ctx context.Context, channel string) (*run, error) {
	doc, err := s.Document(ctx, channel)
	if err != nil {
		return nil, err
	}
	if doc.Index, err = s.name(ctx, channel, doc.Revision); err != nil {
		s.emit(Warned{channel, err.Error()}) // an abort must go on without it
	}
	s.shared.mu.Lock()
	r := s.shared.rosters[channel]
	if r == nil {
		r = newRoster()
		s.shared.rosters[channel] = r
	}
	s.shared.mu.Unlock()
	return &run{Store: s, doc: doc, roster: r}, nil
}

// look reads the agents into the roster. What the reports say of the roster
// afterwards is for f to judge, which runs under the store's lock.
func (r *run) look(ctx context.Context, f func(*roster) []Hold) (holds []Hold, processes int) {
	reports, err := r.backend.Agents(ctx)
	r.shared.mu.Lock()
	defer r.shared.mu.Unlock()
	if err == nil || len(reports) > 0 {
		r.roster.observe(time.Now(), reports)
	}
	r.roster.excuse(func(id sdk.Identity) bool { return r.cfg.dead[id.Boot] })
	if f != nil {
		holds = f(r.roster)
	}
	if err != nil {
		holds = append(holds, Hold{Kind: Unreadable, Detail: err.Error()})
	}
	return holds, len(reports)
}

// with runs f on the roster as last seen.
func (r *run) with(f func(*roster)) {
	r.shared.mu.Lock()
	defer r.shared.mu.Unlock()
	f(r.roster)
}

// converged is the condition that everybody expected follows the document.
func (r *run) converged(ro *roster) []Hold { return ro.standing(r.doc, r.need) }

// await waits until cond names nobody any more. It gives up when the wait's limit
// is exceeded (unless forced), the document is replaced by somebody else, or the
// context ends. every, if positive, is when tick runs meanwhile.
func (r *run) await(ctx context.Context, what string, limit time.Duration, cond func(*roster) []Hold) error {
	began, said := time.Now(), ""
	fail := func(holds []Hold, cause error) error {
		return &WaitError{Channel: r.doc.Name, What: what, Revision: r.doc.Revision, After: time.Since(began), Holds: holds, Cause: cause}
	}
	for {
		holds, n := r.look(ctx, cond)
		if len(holds) == 0 {
			r.emit(Passed{Channel: r.doc.Name, Revision: r.doc.Revision, What: what, Took: time.Since(began), Processes: n})
			return nil
		}
		if text := holdText(holds); text != said {
			said = text
			r.emit(Waiting{r.doc.Name, r.doc.Revision, what, holds})
		}
		if err := context.Cause(ctx); err != nil {
			return fail(holds, err)
		}
		if err := r.stillMine(ctx); err != nil {
			return fail(holds, err)
		}
		if time.Since(began) >= limit {
			if !r.cfg.force {
				return fail(holds, nil)
			}
			r.overrode = append(r.overrode, fmt.Sprintf("%s at revision %d: %s", what, r.doc.Revision, list(holds)))
			r.emit(Passed{Channel: r.doc.Name, Revision: r.doc.Revision, What: what, Took: time.Since(began), Processes: n, Forced: holds})
			return nil
		}
		if err := pause(ctx, r.cfg.poll); err != nil {
			return fail(holds, err)
		}
	}
}

func holdText(holds []Hold) string {
	var b strings.Builder
	for _, h := range holds {
		b.WriteString(h.String())
		b.WriteByte('\n')
	}
	return b.String()
}

// stillMine reports a document that somebody else has published since: a wait
// for the old one would prove nothing. It looks once a second.
func (r *run) stillMine(ctx context.Context) error {
	if time.Since(r.checked) < time.Second {
		return nil
	}
	r.checked = time.Now()
	text, err := r.backend.Load(ctx, sdk.ChannelDataID(r.doc.Name))
	if err != nil || text == r.doc.Text {
		return nil // an unreachable backend is found by who needs it
	}
	by := ""
	if ch, err := sdk.ParseChannel(text); err == nil {
		by = fmt.Sprintf(" by %s at revision %d", ch.Publish.By, ch.Revision)
	}
	return fmt.Errorf("the document was replaced%s: %w", by, sdk.ErrConflict)
}

// settled is await for everybody to be converged, within the store's limit.
func (r *run) settled(ctx context.Context) error {
	return r.await(ctx, "converged", r.cfg.timeout, r.converged)
}

// proof is what the roster and the backend show for the publish of next. It reads
// only what next needs to be proved.
func (r *run) proof(ctx context.Context, next *sdk.Channel) (p Proof, err error) {
	p.Forced = r.cfg.force
	if next.IsActive() && !r.doc.IsActive() {
		if p.Claimed, err = r.claims(ctx, next); err != nil {
			return p, err
		}
	}
	var entries []Entry
	for _, c := range sdk.Colors {
		if !serves(r.doc.Channel, c) || serves(next, c) {
			continue
		}
		if entries == nil {
			if entries, err = r.History(ctx, r.doc.Name); err != nil {
				r.emit(Warned{r.doc.Name, err.Error()})
			}
		}
		p.Serving = p.Serving.With(c.Other(), r.servingProof(entries, c.Other()))
	}
	return p, nil
}

// servingProof is the revision that all processes of the colour have converged at
// and since which it has been in; 0 if that is not shown.
func (r *run) servingProof(entries []Entry, color sdk.Color) int64 {
	since, at := servingSince(entries, r.doc, color), int64(0)
	r.with(func(ro *roster) { at = ro.servingProof(r.doc.Channel, color) })
	if since == 0 || at < since {
		return 0
	}
	return min(at, r.doc.Revision)
}

// publish makes the next document the one that holds, by the rules.
func (r *run) publish(ctx context.Context, next *sdk.Channel, stepErr error, note string) error {
	if stepErr != nil {
		return stepErr
	}
	proof, err := r.proof(ctx, next)
	if err != nil {
		return err
	}
	if err := Check(r.doc.Channel, next, proof); err != nil {
		return err
	}
	doc, err := r.put(ctx, next, r.doc.Text, note)
	if doc.Channel != nil {
		r.doc = doc
	}
	return err
}

// rest waits for nothing but time.
func (r *run) rest(ctx context.Context, what string, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	r.emit(Settling{r.doc.Name, what, d})
	return pause(ctx, d)
}

// probe makes every process report afresh and waits until it has.
func (r *run) probe(ctx context.Context, why string) error {
	next, err := Probe(r.doc.Channel)
	if err := r.publish(ctx, next, err, "probe: "+why); err != nil {
		return err
	}
	return r.settled(ctx)
}

// zeroRounds waits until no process has work of the colour under way in two
// rounds of fresh reports, settle apart, with nothing started in between.
func (r *run) zeroRounds(ctx context.Context, color sdk.Color, limit time.Duration) error {
	began := time.Now()
	name := r.doc.Name
	for {
		if err := r.silent(ctx, color, limit-time.Since(began)); err != nil {
			return err
		}
		var before map[string]int64
		r.with(func(ro *roster) { before = ro.starts(name, color, everyone) })
		if err := r.rest(ctx, "between the zero rounds", r.cfg.settle); err != nil {
			return err
		}
		if err := r.probe(ctx, "second zero round of "+color.String()); err != nil {
			return err
		}
		var moved []Hold
		r.with(func(ro *roster) {
			moved = append(ro.busy(name, color), ro.started(name, color, before, everyone)...)
		})
		if len(moved) == 0 || len(r.overrode) > 0 {
			return nil
		}
		r.emit(Restarted{name, "zero rounds of " + color.String(), moved})
		if time.Since(began) >= limit && !r.cfg.force {
			return &WaitError{Channel: name, What: color.String() + " to go silent", Revision: r.doc.Revision, After: time.Since(began), Holds: moved}
		}
	}
}

// refreshEvery is how long a busy process may say nothing before all are asked
// for fresh reports: a process tells only of its first changes in a revision.
const refreshEvery = 15 * time.Second

// silent waits until nobody has work of the colour under way. Reports are asked
// for again when they may be stale.
func (r *run) silent(ctx context.Context, color sdk.Color, limit time.Duration) error {
	began := time.Now()
	for {
		slice := min(refreshEvery, limit-time.Since(began))
		last := slice >= limit-time.Since(began)
		sub := *r
		if !last {
			cfg := *r.Store
			cfg.cfg.force = false
			sub.Store = &cfg
		}
		err := sub.await(ctx, color.String()+" silent", slice, func(ro *roster) []Hold {
			return append(ro.standing(r.doc, r.need), ro.busy(r.doc.Name, color)...)
		})
		r.overrode = sub.overrode
		w, isWait := errors.AsType[*WaitError](err)
		if err == nil || last || !isWait || w.Cause != nil {
			return err
		}
		next, stepErr := Probe(r.doc.Channel)
		if err := r.publish(ctx, next, stepErr, "probe: fresh counters of "+color.String()); err != nil {
			return err
		}
	}
}
