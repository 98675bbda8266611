package sdk

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// MaxDocument is the largest rule document that is read or published, in bytes.
const MaxDocument = 256 << 10

// features are the names that a document's requires may hold.
var features = map[string]bool{"entry": true}

// Problems that reading a document can have; all are wrapped in a [FieldError]
// or an error of the YAML reader.
var (
	ErrEmptyDocument   = errors.New("document is empty")
	ErrTooLarge        = errors.New("document is too large")
	ErrUnknownFeature  = errors.New("requires a feature that this version does not know")
	ErrUnknownVersion  = errors.New("unknown apiVersion")
	ErrInvalidDocument = errors.New("invalid document")
)

// FieldError is one problem of a rule document.
type FieldError struct {
	Line  int    // 1-based; 0 if unknown
	Field string // path of the field, such as share.blue
	Err   error
}

// Error names line and field.
func (e *FieldError) Error() string {
	if e.Line > 0 {
		return fmt.Sprintf("line %d: %s: %v", e.Line, e.Field, e.Err)
	}
	return fmt.Sprintf("%s: %v", e.Field, e.Err)
}

// Unwrap returns the cause.
func (e *FieldError) Unwrap() error { return e.Err }

// ParseChannel reads a channel's document as a process does: it tolerates
// fields that it does not know, but refuses a document whose requires names an
// unknown feature, and one that is invalid.
func ParseChannel(doc string) (*Channel, error) {
	return parseChannel(doc, false)
}

// ParseChannelStrict reads a channel's document as a publisher does: an unknown
// field is an error too.
func ParseChannelStrict(doc string) (*Channel, error) {
	return parseChannel(doc, true)
}

func parseChannel(doc string, strict bool) (*Channel, error) {
	ch := &Channel{}
	root, err := decode(doc, ch, strict)
	if err != nil {
		return nil, err
	}
	if err := checkRequires(ch.APIVersion, ch.Requires); err != nil {
		return nil, at(root, err)
	}
	if ch.WhenEmpty == "" {
		ch.WhenEmpty = UseOther
	}
	if err := ch.Validate(); err != nil {
		return nil, at(root, err)
	}
	return ch, nil
}

// ParseIndex reads the index document tolerantly.
func ParseIndex(doc string) (*Index, error) { return parseIndex(doc, false) }

// ParseIndexStrict reads the index document as a publisher does.
func ParseIndexStrict(doc string) (*Index, error) { return parseIndex(doc, true) }

func parseIndex(doc string, strict bool) (*Index, error) {
	ix := &Index{}
	root, err := decode(doc, ix, strict)
	if err != nil {
		return nil, err
	}
	if err := checkRequires(ix.APIVersion, ix.Requires); err != nil {
		return nil, at(root, err)
	}
	if err := ix.Validate(); err != nil {
		return nil, at(root, err)
	}
	return ix, nil
}

// Document renders the channel for publishing.
func (c *Channel) Document() (string, error) { return render(c) }

// Document renders the index for publishing.
func (ix *Index) Document() (string, error) { return render(ix) }

func render(v any) (string, error) {
	var b bytes.Buffer
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	if err := enc.Encode(v); err != nil {
		return "", err
	}
	if err := enc.Close(); err != nil {
		return "", err
	}
	if b.Len() > MaxDocument {
		return "", fmt.Errorf("%w: %d bytes (limit %d)", ErrTooLarge, b.Len(), MaxDocument)
	}
	return b.String(), nil
}

func decode(doc string, into any, strict bool) (root *yaml.Node, err error) {
	defer recoverYAML(&err)
	if strings.TrimSpace(doc) == "" {
		return nil, ErrEmptyDocument
	}
	if len(doc) > MaxDocument {
		return nil, fmt.Errorf("%w: %d bytes (limit %d)", ErrTooLarge, len(doc), MaxDocument)
	}
	var node yaml.Node
	if err := yaml.Unmarshal([]byte(doc), &node); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalidDocument, err)
	}
	dec := yaml.NewDecoder(strings.NewReader(doc))
	dec.KnownFields(strict)
	if err := dec.Decode(into); err != nil {
		if fe := locate(&node, reflect.TypeOf(into), "", strict); fe != nil {
			return nil, fe
		}
		return nil, fmt.Errorf("%w: %w", ErrInvalidDocument, err)
	}
	if err := dec.Decode(&yaml.Node{}); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%w: more than one YAML document", ErrInvalidDocument)
	}
	return &node, nil
}

// recoverYAML makes an error of a panic of the YAML reader, which has some for
// odd input (a mapping whose key is a list, beside a merge key).
func recoverYAML(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("%w: %v", ErrInvalidDocument, p)
	}
}

func checkRequires(apiVersion string, requires []string) error {
	if apiVersion != APIVersion {
		return &FieldError{Field: "apiVersion", Err: fmt.Errorf("%w %q (want %q)", ErrUnknownVersion, apiVersion, APIVersion)}
	}
	for _, f := range requires {
		if !features[f] {
			return &FieldError{Field: "requires", Err: fmt.Errorf("%w: %q", ErrUnknownFeature, f)}
		}
	}
	return nil
}

// at fills in the lines of the field errors in err from the document's tree.
func at(root *yaml.Node, err error) error {
	var fe *FieldError
	if errors.As(err, &fe) && fe.Line == 0 {
		fe.Line = line(root, strings.FieldsFunc(fe.Field, func(r rune) bool { return r == '.' || r == '[' || r == ']' }))
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range joined.Unwrap() {
			_ = at(root, e)
		}
	}
	return err
}

func line(n *yaml.Node, path []string) int {
	if n.Kind == yaml.DocumentNode && len(n.Content) > 0 {
		n = n.Content[0]
	}
	if len(path) == 0 {
		return n.Line
	}
	switch n.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			if n.Content[i].Value == path[0] {
				return line(n.Content[i+1], path[1:])
			}
		}
	case yaml.SequenceNode:
		var i int
		if _, err := fmt.Sscanf(path[0], "%d", &i); err == nil && i < len(n.Content) {
			return line(n.Content[i], path[1:])
		}
	}
	return n.Line
}

var (
	channelName = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,63}$`)
	serviceName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._/:-]{0,127}$`)
)

// maxShare keeps the arithmetic of the split exact.
const maxShare = 1 << 20

// Validate reports everything that is wrong with the channel: each problem is a
// [*FieldError], several are joined.
func (c *Channel) Validate() error {
	v := validator{}
	v.check(channelName.MatchString(c.Name), "channel", "bad name %q (want %s)", c.Name, channelName)
	v.check(c.Revision > 0, "revision", "%d is not positive", c.Revision)
	v.check(c.State == Idle || c.State == Active, "state", "unknown state %q (want idle or active)", c.State)
	v.check(c.WhenEmpty == UseOther || c.WhenEmpty == Fail || c.WhenEmpty == "", "whenEmpty", "unknown policy %q (want other or fail)", c.WhenEmpty)
	v.check(len(c.Services) > 0 || c.State != Active, "services", "an active channel needs a service")
	seen := map[string]bool{}
	for i, s := range c.Services {
		field := fmt.Sprintf("services[%d]", i)
		v.check(serviceName.MatchString(s), field, "bad service name %q", s)
		v.check(!seen[s], field, "service %q is listed twice", s)
		seen[s] = true
	}
	c.validateSplit(&v)
	c.validateEntry(&v)
	return errors.Join(v.errs...)
}

func (c *Channel) validateSplit(v *validator) {
	for _, color := range Colors {
		share, stage := c.Share.Of(color), c.Stage.Of(color)
		v.check(share >= 0 && share <= maxShare, "share."+color.String(), "%d is not in 0..%d", share, maxShare)
		v.check(stage <= Full, "stage."+color.String(), "unknown stage")
		if c.State == Active && share > 0 {
			v.check(stage >= Consuming, "share."+color.String(), "%d, but the colour is only %s (a share needs consuming)", share, stage)
		}
	}
	v.check(c.Share.Blue > 0 || c.Share.Green > 0, "share", "both shares are 0")
	if c.State == Active {
		v.check(c.Stage.Blue == Full || c.Stage.Green == Full, "stage", "no colour is full")
	}
}

func (c *Channel) validateEntry(v *validator) {
	needs := false
	for _, f := range c.Requires {
		needs = needs || f == "entry"
	}
	v.check(len(c.Entry) == 0 || needs, "requires", "a document with entry rules must require %q", "entry")
	names := map[string]bool{}
	for i, e := range c.Entry {
		field := fmt.Sprintf("entry[%d]", i)
		v.check(channelName.MatchString(e.Name), field+".name", "bad name %q", e.Name)
		v.check(!names[e.Name], field+".name", "%q stands twice", e.Name)
		names[e.Name] = true
		v.check(e.Color != Neutral, field+".color", "must be blue or green")
		v.check(len(e.When) > 0, field+".when", "needs a condition")
		for j, w := range e.When {
			cond := fmt.Sprintf("%s.when[%d]", field, j)
			v.check(w.Attribute != "", cond+".attribute", "is empty")
			v.check((len(w.In) > 0) != (w.Prefix != ""), cond, "needs either in or prefix")
		}
	}
}

// Validate reports everything that is wrong with the index.
func (ix *Index) Validate() error {
	v := validator{}
	v.check(ix.Revision > 0, "revision", "%d is not positive", ix.Revision)
	for _, name := range slices.Sorted(maps.Keys(ix.Channels)) {
		rev := ix.Channels[name]
		v.check(channelName.MatchString(name), "channels."+name, "bad channel name")
		v.check(rev > 0, "channels."+name, "revision %d is not positive", rev)
	}
	for _, service := range slices.Sorted(maps.Keys(ix.Owners)) {
		channel := ix.Owners[service]
		v.check(serviceName.MatchString(service), "owners."+service, "bad service name")
		v.check(channelName.MatchString(channel), "owners."+service, "bad channel name %q", channel)
	}
	return errors.Join(v.errs...)
}

// maxProblems bounds how many problems of one document are reported.
const maxProblems = 10

type validator struct{ errs []error }

func (v *validator) check(ok bool, field, format string, args ...any) {
	if ok || len(v.errs) > maxProblems {
		return
	}
	if len(v.errs) == maxProblems {
		v.errs = append(v.errs, errors.New("and more"))
		return
	}
	v.errs = append(v.errs, &FieldError{Field: field, Err: fmt.Errorf("%w: "+format, append([]any{ErrInvalidDocument}, args...)...)})
}
