package store

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/bluegreen-go/bluegreen/sdk"
)

// highest returns the highest revision of the channel that anybody knows of: its
// document (which may be broken), the index, the history and the agents.
func (s *Store) highest(ctx context.Context, channel, text string) (int64, error) {
	top := int64(0)
	if ch, err := sdk.ParseChannel(text); err == nil {
		top = ch.Revision
	}
	ix, err := s.Index(ctx)
	if err != nil {
		return 0, err
	}
	top = max(top, ix.Channels[channel])
	entries, err := s.History(ctx, channel)
	if err != nil {
		s.emit(Warned{channel, err.Error()})
	}
	for _, e := range entries {
		top = max(top, e.Revision)
	}
	reports, err := s.backend.Agents(ctx)
	if err != nil {
		s.emit(Warned{channel, "agents: " + err.Error()})
	}
	for i := range reports {
		if c, ok := reports[i].Of(channel); ok {
			top = max(top, c.Revision, c.Converged)
		}
	}
	return top, nil
}

// Repair publishes the channel's rules again above every revision that anybody
// has seen: after a restore of an old backup, an edit at the console under an old
// revision, or a crash between two publishes. A document that is broken or gone
// is replaced by the last good one of the history.
//
// An operator should look at what the document says first: a restored one may be
// older than what the processes follow. It keeps S2: where the document would
// take a colour out that the processes' rules have in, it is refused unless
// forced.
func (s *Store) Repair(ctx context.Context, channel string) (Doc, error) {
	text, err := s.backend.Load(ctx, sdk.ChannelDataID(channel))
	if err != nil {
		return Doc{}, fmt.Errorf("channel %s: %w", channel, err)
	}
	entries, err := s.History(ctx, channel)
	if err != nil {
		s.emit(Warned{channel, err.Error()})
	}
	good, err := lastGood(channel, text, entries)
	if err != nil {
		return Doc{}, err
	}
	above, err := s.highest(ctx, channel, text)
	if err != nil {
		return Doc{}, err
	}
	if err := s.noneLeaves(good, entries); err != nil {
		return Doc{}, err
	}
	next, err := Republish(good, above)
	if err != nil {
		return Doc{}, err
	}
	if next.IsActive() {
		if err := s.claim(ctx, next); err != nil {
			return Doc{}, err
		}
	}
	doc, err := s.put(ctx, next, text, "repair")
	if err != nil {
		return doc, err
	}
	return doc, s.repairIndex(ctx)
}

// lastGood is the document if it can be read, else the newest of the history.
func lastGood(channel, text string, entries []Entry) (*sdk.Channel, error) {
	ch, err := sdk.ParseChannel(text)
	if err == nil && ch.Name == channel {
		return ch, nil
	}
	for _, entry := range slices.Backward(entries) {
		if old, err := entry.Channel(); err == nil {
			return old, nil
		}
	}
	if errors.Is(err, sdk.ErrEmptyDocument) {
		return nil, fmt.Errorf("channel %s: %w, and no history of it", channel, ErrNotFound)
	}
	return nil, fmt.Errorf("channel %s: its document is broken and there is no history of it: %w", channel, err)
}

// noneLeaves refuses a document that takes a colour out which the newest one of
// the history has in.
func (s *Store) noneLeaves(ch *sdk.Channel, entries []Entry) error {
	if len(entries) == 0 || s.cfg.force {
		return nil
	}
	last, err := entries[len(entries)-1].Channel()
	if err != nil || last.Revision <= ch.Revision {
		return nil
	}
	for _, c := range sdk.Colors {
		if serves(last, c) && !serves(ch, c) {
			return refuse(S2, ch, "the document (revision %d) has %s out, but revision %d by %s has it in; force it, or restore that one",
				ch.Revision, c, last.Revision, last.Publish.By)
		}
	}
	return nil
}

// repairIndex lifts the index above what any agent follows.
func (s *Store) repairIndex(ctx context.Context) error {
	reports, err := s.backend.Agents(ctx)
	if err != nil {
		s.emit(Warned{"index", "agents: " + err.Error()})
	}
	top := int64(0)
	for i := range reports {
		top = max(top, reports[i].Index)
	}
	_, err = s.updateIndex(ctx, top, func(*sdk.Index) (bool, error) { return false, nil })
	return err
}
