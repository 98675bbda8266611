package sdk

import (
	"errors"
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
)

// Errors of documents that are well-formed but must not be followed.
var (
	ErrGoesBack  = errors.New("revision goes back")
	ErrSameRev   = errors.New("same revision, other content")
	ErrGone      = errors.New("document is gone")
	ErrWrongName = errors.New("document names another channel")
	errUnlisted  = errors.New("active, but not in the index")
)

// ruleState judges documents as they arrive and keeps the good ones. It is a
// value machine without I/O or clock, owned by the client's goroutine. What it
// ends up with does not depend on the order in which documents arrive, except
// that a revision is never gone back on.
type ruleState struct {
	index     heldIndex
	indexRead bool // the source has answered, if only with "there is none"
	channels  map[string]*heldChannel
	fallback  *lastGood // used for a document that is broken at its first read
	version   int       // grows with each change
}

type heldIndex struct {
	good    Index
	text    string
	problem error
}

type heldChannel struct {
	good    *Channel
	text    string
	hash    string
	problem error
	tried   int64 // the index's revision of the channel when its document was loaded last
	stale   bool  // good comes from the last-good file and was not read in this life
}

func newRuleState(fallback *lastGood) *ruleState {
	return &ruleState{channels: map[string]*heldChannel{}, fallback: fallback}
}

// setIndex judges the index document.
func (s *ruleState) setIndex(text string) {
	s.indexRead = true
	h := &s.index
	if text == h.text && h.problem == nil {
		return
	}
	ix, err := judgeIndex(text, h)
	if err != nil {
		s.blame(&h.problem, err)
		if h.text == "" && s.fallback != nil && text != "" {
			if ix, err := ParseIndex(s.fallback.Index); err == nil {
				h.good, h.text = *ix, s.fallback.Index
				s.version++
			}
		}
		return
	}
	h.good, h.text, h.problem = ix, text, nil
	s.version++
	s.forgetUnlisted()
}

// blame notes a problem; the version grows only if it is another one.
func (s *ruleState) blame(problem *error, err error) {
	if *problem == nil || (*problem).Error() != err.Error() {
		s.version++
	}
	*problem = err
}

func judgeIndex(text string, h *heldIndex) (Index, error) {
	if text == "" {
		if h.text == "" {
			return Index{}, nil
		}
		return Index{}, fmt.Errorf("%w; keeping revision %d", ErrGone, h.good.Revision)
	}
	ix, err := ParseIndex(text)
	if err != nil {
		return Index{}, err
	}
	if h.text != "" && text != h.text { // the same text: back to what is followed
		if err := judgeRevision(h.good.Revision, ix.Revision); err != nil {
			return Index{}, err
		}
	}
	return *ix, nil
}

func judgeRevision(have, got int64) error {
	switch {
	case got < have:
		return fmt.Errorf("%w: %d after %d", ErrGoesBack, got, have)
	case got == have:
		return fmt.Errorf("%w: %d", ErrSameRev, got)
	}
	return nil
}

// setChannel judges a channel's document.
func (s *ruleState) setChannel(name, text string) {
	h := s.channels[name]
	if h == nil {
		h = &heldChannel{}
		s.channels[name] = h
	}
	if text == h.text && h.problem == nil && text != "" {
		h.stale = false
		return
	}
	ch, err := judgeChannel(name, text, h)
	if err == nil {
		h.good, h.text, h.hash, h.problem, h.stale = ch, text, hashDocument(text), nil, false
		s.version++
		return
	}
	s.blame(&h.problem, err)
	if h.good == nil && s.fallback != nil {
		if ch, err := ParseChannel(s.fallback.Channels[name]); err == nil {
			h.good, h.text, h.hash, h.stale = ch, s.fallback.Channels[name], hashDocument(s.fallback.Channels[name]), true
			s.version++
		}
	}
}

func judgeChannel(name, text string, h *heldChannel) (*Channel, error) {
	if text == "" {
		if h.good == nil {
			return nil, ErrGone
		}
		return nil, fmt.Errorf("%w; keeping revision %d", ErrGone, h.good.Revision)
	}
	if h.good != nil && text == h.text {
		return h.good, nil // back to what is followed
	}
	ch, err := ParseChannel(text)
	if err != nil {
		return nil, err
	}
	if ch.Name != name {
		return nil, fmt.Errorf("%w: %q", ErrWrongName, ch.Name)
	}
	if h.good != nil {
		if err := judgeRevision(h.good.Revision, ch.Revision); err != nil {
			return nil, err
		}
	}
	return ch, nil
}

// forgetUnlisted drops channels that the index does not name any more, unless a
// release runs in them: then they are kept, and rules tells the problem.
func (s *ruleState) forgetUnlisted() {
	for name, h := range s.channels {
		if !s.listed(name) && (h.good == nil || !h.good.IsActive()) {
			delete(s.channels, name)
		}
	}
}

// listed reports whether the index names the channel.
func (s *ruleState) listed(name string) bool {
	_, ok := s.index.good.Channels[name]
	return ok
}

// known reports whether the channel is listed or held; nothing else is followed.
func (s *ruleState) known(name string) bool { return s.channels[name] != nil || s.listed(name) }

// behind lists the channels to load: those that were not loaded since the index
// named their revision and, at a poll, all that are still not as it says or that
// have a problem.
func (s *ruleState) behind(poll bool) []string {
	var names []string
	for name, rev := range s.index.good.Channels {
		h := s.channels[name]
		switch {
		case h == nil:
		case h.good != nil && h.good.Revision >= rev && !h.stale && (h.problem == nil || !poll):
			continue
		case h.tried >= rev && !poll:
			continue
		}
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// setLoaded judges a channel's document as it was loaded, not pushed.
func (s *ruleState) setLoaded(name, text string) {
	s.setChannel(name, text)
	s.channels[name].tried = s.index.good.Channels[name]
}

// rules compiles what is good into a snapshot.
func (s *ruleState) rules(origin Origin) *Rules {
	var problems []Problem
	if s.index.problem != nil {
		problems = append(problems, Problem{Err: s.index.problem})
	}
	var channels []*Channel
	for _, name := range slices.Sorted(maps.Keys(s.channels)) {
		h := s.channels[name]
		if h.good != nil {
			channels = append(channels, h.good)
		}
		if h.problem != nil {
			problems = append(problems, Problem{Channel: name, Err: h.problem})
		}
		if h.good != nil && h.good.IsActive() && !s.listed(name) {
			problems = append(problems, Problem{Channel: name, Err: errUnlisted})
		}
	}
	return NewRules(origin, s.index.good, channels, problems...)
}

// file returns what the last-good file should hold.
func (s *ruleState) file() *lastGood {
	f := &lastGood{Index: s.index.text, Channels: map[string]string{}}
	for name, h := range s.channels {
		if h.good != nil {
			f.Channels[name] = h.text
		}
	}
	return f
}

// load takes from the last-good file what was not read in this life.
func (s *ruleState) load(f *lastGood) error {
	ix, err := ParseIndex(f.Index)
	if f.Index != "" && err != nil {
		return err
	}
	if ix != nil && s.index.text == "" {
		s.index = heldIndex{good: *ix, text: f.Index}
	}
	for name, text := range f.Channels {
		if h := s.channels[name]; h == nil || h.good == nil && h.problem == nil {
			s.setChannel(name, text)
			s.channels[name].stale = true
		}
	}
	return nil
}

// hashDocument is a short fingerprint of a document's text.
func hashDocument(text string) string {
	h := fnv.New32a()
	_, _ = h.Write([]byte(text))
	return fmt.Sprintf("%08x", h.Sum32())
}
