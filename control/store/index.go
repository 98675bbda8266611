package store

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/bluegreen-go/bluegreen/sdk"
)

// Index returns the index; without one, an empty one at revision 0.
func (s *Store) Index(ctx context.Context) (*sdk.Index, error) {
	text, err := s.backend.Load(ctx, sdk.IndexDataID)
	if err != nil {
		return nil, fmt.Errorf("index: %w", err)
	}
	return readIndex(text)
}

func readIndex(text string) (*sdk.Index, error) {
	if text == "" {
		return &sdk.Index{APIVersion: sdk.APIVersion, Channels: map[string]int64{}, Owners: map[string]string{}}, nil
	}
	ix, err := sdk.ParseIndex(text)
	if err != nil {
		return nil, fmt.Errorf("index: %w", err)
	}
	if ix.Channels == nil {
		ix.Channels = map[string]int64{}
	}
	if ix.Owners == nil {
		ix.Owners = map[string]string{}
	}
	return ix, nil
}

// updateIndex changes the index by compare-and-swap, again if somebody else was
// faster. change reports whether there is anything to write. The result is the
// index as it is then.
func (s *Store) updateIndex(ctx context.Context, above int64, change func(*sdk.Index) (bool, error)) (*sdk.Index, error) {
	var result *sdk.Index
	err := s.swap(ctx, sdk.IndexDataID, func(text string) (string, error) {
		ix, err := readIndex(text)
		if err != nil {
			return "", err
		}
		dirty, err := change(ix)
		if err != nil {
			return "", err
		}
		result = ix
		if !dirty && ix.Revision >= above {
			return text, nil
		}
		ix.Revision = max(ix.Revision, above) + 1
		if err := ix.Validate(); err != nil {
			return "", fmt.Errorf("index: %w", err)
		}
		return ix.Document()
	})
	return result, err
}

// name notes a channel's revision in the index and returns the index's own.
func (s *Store) name(ctx context.Context, channel string, revision int64) (int64, error) {
	ix, err := s.updateIndex(ctx, 0, func(ix *sdk.Index) (bool, error) {
		if ix.Channels[channel] >= revision {
			return false, nil
		}
		ix.Channels[channel] = revision
		return true, nil
	})
	if err != nil {
		return 0, err
	}
	return ix.Revision, nil
}

// nameLimit bounds how long the index is tried after a channel's document was
// published: a backend that is away for a moment must not end an operation there.
const nameLimit = 30 * time.Second

// nameAtLast is name, again for as long as the backend is away.
func (s *Store) nameAtLast(ctx context.Context, channel string, revision int64) (index int64, err error) {
	for began := time.Now(); ; {
		index, err = s.name(ctx, channel, revision)
		if err == nil || time.Since(began) >= nameLimit {
			return index, err
		}
		s.emit(Warned{channel, "the index is not written yet: " + err.Error()})
		if waitErr := pause(ctx, time.Second); waitErr != nil {
			return 0, errors.Join(err, waitErr)
		}
	}
}

// claim makes the channel the owner of its services (S3), all of them or none.
func (s *Store) claim(ctx context.Context, ch *sdk.Channel) error {
	claimed := false
	_, err := s.updateIndex(ctx, 0, func(ix *sdk.Index) (bool, error) {
		claimed = false
		for _, svc := range ch.Services {
			if owner := ix.Owners[svc]; owner != "" && owner != ch.Name {
				return false, refuse(S3, ch, "service %s is claimed by channel %s", svc, owner)
			}
			claimed = claimed || ix.Owners[svc] == ""
			ix.Owners[svc] = ch.Name
		}
		return claimed, nil
	})
	if err == nil && claimed {
		s.emit(Claimed{ch.Name, slices.Clone(ch.Services)})
	}
	return err
}

// claims reports whether the channel owns all its services.
func (s *Store) claims(ctx context.Context, ch *sdk.Channel) (bool, error) {
	ix, err := s.Index(ctx)
	if err != nil {
		return false, err
	}
	for _, svc := range ch.Services {
		if ix.Owners[svc] != ch.Name {
			return false, nil
		}
	}
	return true, nil
}

// release gives the channel's claims back.
func (s *Store) release(ctx context.Context, channel string) error {
	var released []string
	_, err := s.updateIndex(ctx, 0, func(ix *sdk.Index) (bool, error) {
		released = nil
		for _, svc := range slices.Sorted(maps.Keys(ix.Owners)) {
			if ix.Owners[svc] == channel {
				delete(ix.Owners, svc)
				released = append(released, svc)
			}
		}
		return len(released) > 0, nil
	})
	if err == nil && len(released) > 0 {
		s.emit(Released{channel, released})
	}
	return err
}

// SetJitter sets the bound of the random delay before registry writes and
// reports, for all processes.
func (s *Store) SetJitter(ctx context.Context, limit time.Duration) error {
	if limit < 0 {
		return fmt.Errorf("jitter: %s is negative", limit)
	}
	_, err := s.updateIndex(ctx, 0, func(ix *sdk.Index) (bool, error) {
		d := sdk.Duration(limit)
		same := ix.Settings.JitterMax != nil && *ix.Settings.JitterMax == d
		ix.Settings.JitterMax = &d
		return !same, nil
	})
	return err
}

// Channels returns the names of all channels in the index, sorted.
func (s *Store) Channels(ctx context.Context) ([]string, error) {
	ix, err := s.Index(ctx)
	if err != nil {
		return nil, err
	}
	return slices.Sorted(maps.Keys(ix.Channels)), nil
}

// Create makes a channel that is idle. The error wraps [ErrExists] if there is one.
func (s *Store) Create(ctx context.Context, channel string, services []string) (Doc, error) {
	ix, err := s.Index(ctx)
	if err != nil {
		return Doc{}, err
	}
	if _, there := ix.Channels[channel]; there {
		return Doc{}, fmt.Errorf("channel %s: %w", channel, ErrExists)
	}
	text, err := s.backend.Load(ctx, sdk.ChannelDataID(channel))
	if err != nil {
		return Doc{}, fmt.Errorf("channel %s: %w", channel, err)
	}
	above, err := s.highest(ctx, channel, text)
	if err != nil {
		return Doc{}, err
	}
	ch := &sdk.Channel{
		APIVersion: sdk.APIVersion, Name: channel, Revision: above + 1, State: sdk.Idle,
		Services: services, Share: sdk.Both(1), Stage: sdk.Both(sdk.Full), WhenEmpty: sdk.UseOther,
	}
	return s.put(ctx, ch, text, "create")
}

// Delete takes an idle channel out of the index. Its document stays as a
// tombstone, so that a channel of that name never goes back in revisions.
func (s *Store) Delete(ctx context.Context, channel string) error {
	doc, err := s.Document(ctx, channel)
	if err != nil {
		return err
	}
	if doc.IsActive() {
		return refuse(Order, doc.Channel, "a release runs in it; finish it first")
	}
	next := step(doc.Channel)
	next.Services, next.Entry, next.Requires = nil, nil, nil
	if _, err := s.put(ctx, next, doc.Text, "delete"); err != nil {
		return err
	}
	if err := s.release(ctx, channel); err != nil {
		return err
	}
	_, err = s.updateIndex(ctx, 0, func(ix *sdk.Index) (bool, error) {
		_, there := ix.Channels[channel]
		delete(ix.Channels, channel)
		return there, nil
	})
	return err
}

// put publishes a channel's document over old, names it in the index and keeps
// it in the history.
func (s *Store) put(ctx context.Context, ch *sdk.Channel, old, note string) (Doc, error) {
	ch.Publish = s.info(note)
	if err := ch.Validate(); err != nil {
		return Doc{}, refuse(S1, ch, "%v", err)
	}
	text, err := ch.Document()
	if err != nil {
		return Doc{}, fmt.Errorf("channel %s: %w", ch.Name, err)
	}
	if _, err := sdk.ParseChannelStrict(text); err != nil {
		return Doc{}, refuse(S1, ch, "%v", err)
	}
	if err := s.publish(ctx, sdk.ChannelDataID(ch.Name), text, old); err != nil {
		return Doc{}, fmt.Errorf("channel %s: revision %d not published: %w", ch.Name, ch.Revision, err)
	}
	doc := Doc{Channel: ch, Text: text, Hash: sdk.DocumentHash(text)}
	s.emit(Published{ch.Name, ch.Revision, strings.TrimSpace(note), ch.State, ch.Share, ch.Stage})
	if doc.Index, err = s.nameAtLast(ctx, ch.Name, ch.Revision); err != nil {
		return doc, fmt.Errorf("channel %s: revision %d is published, but not in the index (repair mends that): %w", ch.Name, ch.Revision, err)
	}
	if err := s.remember(ctx, doc); err != nil {
		s.emit(Warned{ch.Name, "not in the history: " + err.Error()})
	}
	return doc, nil
}
