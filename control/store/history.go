package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/bluegreen-go/bluegreen/sdk"
)

// HistoryPrefix + channel names the document that keeps the channel's history.
const HistoryPrefix = "bluegreen.history."

// MaxHistory is how many documents of a channel are kept.
const MaxHistory = 50

// maxHistoryBytes keeps a history of large documents publishable.
const maxHistoryBytes = sdk.MaxDocument - 4<<10

// Entry is one document of a channel's history.
type Entry struct {
	Revision int64     `yaml:"revision" json:"revision"`
	At       time.Time `yaml:"at" json:"at"`
	By       string    `yaml:"by" json:"by"`
	Note     string    `yaml:"note,omitempty" json:"note,omitempty"`
	Document string    `yaml:"document" json:"document"`
}

// Channel returns the document's content.
func (e Entry) Channel() (*sdk.Channel, error) { return sdk.ParseChannel(e.Document) }

type history struct {
	APIVersion string  `yaml:"apiVersion"`
	Channel    string  `yaml:"channel"`
	Entries    []Entry `yaml:"entries"` // by revision
}

// History returns the channel's last documents, oldest first.
func (s *Store) History(ctx context.Context, channel string) ([]Entry, error) {
	text, err := s.backend.Load(ctx, HistoryPrefix+channel)
	if err != nil {
		return nil, fmt.Errorf("history of %s: %w", channel, err)
	}
	h, err := readHistory(channel, text)
	return h.Entries, err
}

func readHistory(channel, text string) (history, error) {
	h := history{APIVersion: sdk.APIVersion, Channel: channel}
	if err := yaml.Unmarshal([]byte(text), &h); err != nil {
		return h, fmt.Errorf("history of %s: %w", channel, err)
	}
	return h, nil
}

// remember appends a document to the history.
func (s *Store) remember(ctx context.Context, doc Doc) error {
	return s.swap(ctx, HistoryPrefix+doc.Name, func(text string) (string, error) {
		h, err := readHistory(doc.Name, text)
		if err != nil {
			return "", err
		}
		if slices.ContainsFunc(h.Entries, func(e Entry) bool { return e.Document == doc.Text }) {
			return text, nil
		}
		h.Entries = append(h.Entries, Entry{doc.Revision, doc.Publish.At, doc.Publish.By, doc.Publish.Note, doc.Text})
		slices.SortStableFunc(h.Entries, func(a, b Entry) int { return cmp.Compare(a.Revision, b.Revision) })
		h.Entries = h.Entries[max(0, len(h.Entries)-MaxHistory):]
		return renderHistory(h)
	})
}

// renderHistory drops the oldest entries until the rest fits.
func renderHistory(h history) (string, error) {
	for {
		var b strings.Builder
		enc := yaml.NewEncoder(&b)
		enc.SetIndent(2)
		if err := enc.Encode(h); err != nil {
			return "", err
		}
		if b.Len() <= maxHistoryBytes || len(h.Entries) <= 1 {
			return b.String(), nil
		}
		h.Entries = h.Entries[1:]
	}
}

// servingSince returns the first revision of the unbroken run, up to doc, in
// which the colour is in.
func servingSince(entries []Entry, doc Doc, color sdk.Color) int64 {
	if !serves(doc.Channel, color) {
		return 0
	}
	since := doc.Revision
	for _, e := range slices.Backward(entries) {
		if e.Revision >= doc.Revision {
			continue
		}
		ch, err := e.Channel()
		if err != nil || e.Revision != since-1 || !serves(ch, color) {
			break
		}
		since = e.Revision
	}
	return since
}
