package sdk

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

const goodDocument = `apiVersion: bluegreen/v1
channel: shop
revision: 17
requires: []
state: active
services: [order, payment]
share: {blue: 1, green: 99}
stage: {blue: consuming, green: full}
whenEmpty: other
release: {id: 2026-11-21-a, stable: green}
`

// edited replaces one line of the good document, found by its key.
func edited(key, line string) string {
	lines := strings.SplitAfter(goodDocument, "\n")
	for i := range lines {
		if strings.HasPrefix(lines[i], key+":") {
			lines[i] = line + "\n"
		}
	}
	return strings.Join(lines, "")
}

func TestParseGood(t *testing.T) {
	ch, err := ParseChannelStrict(goodDocument)
	if err != nil {
		t.Fatal(err)
	}
	want := &Channel{
		APIVersion: APIVersion, Name: "shop", Revision: 17, Requires: []string{}, State: Active,
		Services: []string{"order", "payment"}, Share: PerColor[int]{1, 99}, Stage: PerColor[Stage]{Consuming, Full},
		WhenEmpty: UseOther, Release: Release{ID: "2026-11-21-a", Stable: Green},
	}
	if !reflect.DeepEqual(ch, want) {
		t.Errorf("got %+v, want %+v", ch, want)
	}
	if ch, err = ParseChannel(edited("whenEmpty", "")); err != nil || ch.WhenEmpty != UseOther {
		t.Errorf("without whenEmpty: %+v, %v, want other", ch, err)
	}
}

// TestParseBad: each of these is refused by publishers and, unless tolerant is
// set, by readers, with the line and the field in the text.
func TestParseBad(t *testing.T) {
	tests := []struct {
		name, doc string
		want      string // part of the error
		is        error
		tolerant  bool
	}{
		{"empty", "", "", ErrEmptyDocument, false},
		{"blank", " \n\t\n", "", ErrEmptyDocument, false},
		{"broken YAML", "apiVersion: [", "line 1", ErrInvalidDocument, false},
		{"not a mapping", "hello", "", ErrInvalidDocument, false},
		{"odd YAML that its reader panics of", "<<: {a: b}\n? [a, b]\n: c\n", "", ErrInvalidDocument, false},
		{"two documents", goodDocument + "---\n" + goodDocument, "more than one", ErrInvalidDocument, false},
		{"duplicate key", goodDocument + "channel: other\n", "line 11", ErrInvalidDocument, false},
		{"1 MB", goodDocument + strings.Repeat("# filler\n", 1<<17), "limit 262144", ErrTooLarge, false},
		{"unknown field", goodDocument + "colour: blue\n", "line 11: colour: ", ErrInvalidDocument, true},
		{"unknown nested field", edited("share", "share: {blue: 1, green: 9, red: 3}"), "line 7: share.red: ", ErrInvalidDocument, true},
		{"wrong type", edited("revision", "revision: many"), "line 3: revision: ", ErrInvalidDocument, false},
		{"wrong nested type", edited("share", "share: {blue: x, green: 1}"), "line 7: share.blue: ", ErrInvalidDocument, false},
		{"list for a mapping", edited("share", "share: [1, 2]"), "line 7: share: ", ErrInvalidDocument, false},
		{"mapping for a list", edited("services", "services: {a: b}"), "line 6: services: ", ErrInvalidDocument, false},
		{"unknown stage", edited("stage", "stage: {blue: open, green: full}"), "line 8: stage.blue: ", ErrInvalidDocument, false},
		{"unknown colour", edited("release", "release: {stable: red}"), "line 10: release.stable: ", ErrInvalidDocument, false},
		{"unknown apiVersion", edited("apiVersion", "apiVersion: bluegreen/v9"), "line 1: apiVersion: ", ErrUnknownVersion, false},
		{"unknown requires", edited("requires", "requires: [entry, teleport]"), `line 4: requires: requires a feature that this version does not know: "teleport"`, ErrUnknownFeature, false},
		{"bad channel name", edited("channel", "channel: Shop!"), "line 2: channel: ", ErrInvalidDocument, false},
		{"no channel name", edited("channel", ""), "channel: ", ErrInvalidDocument, false},
		{"revision 0", edited("revision", "revision: 0"), "line 3: revision: ", ErrInvalidDocument, false},
		{"negative revision", edited("revision", "revision: -4"), "line 3: revision: ", ErrInvalidDocument, false},
		{"unknown state", edited("state", "state: open"), "line 5: state: ", ErrInvalidDocument, false},
		{"active without services", edited("services", "services: []"), "line 6: services: ", ErrInvalidDocument, false},
		{"service twice", edited("services", "services: [a, b, a]"), "line 6: services[2]: ", ErrInvalidDocument, false},
		{"bad service name", edited("services", "services: [a, 'b c']"), "line 6: services[1]: ", ErrInvalidDocument, false},
		{"both shares 0", edited("share", "share: {blue: 0, green: 0}"), "line 7: share: ", ErrInvalidDocument, false},
		{"no share", edited("share", ""), "share: ", ErrInvalidDocument, false},
		{"negative share", edited("share", "share: {blue: -1, green: 1}"), "line 7: share.blue: ", ErrInvalidDocument, false},
		{"huge share", edited("share", "share: {blue: 1, green: 2000000}"), "line 7: share.green: ", ErrInvalidDocument, false},
		{"share below consuming", edited("stage", "stage: {blue: registered, green: full}"), "line 7: share.blue: ", ErrInvalidDocument, false},
		{"no colour at full", edited("stage", "stage: {blue: consuming, green: consuming}"), "line 8: stage: ", ErrInvalidDocument, false},
		{"unknown policy", edited("whenEmpty", "whenEmpty: panic"), "line 9: whenEmpty: ", ErrInvalidDocument, false},
		{"entry without requires", goodDocument + "entry: [{name: a, color: blue, when: [{attribute: x, in: [y]}]}]\n", "line 4: requires: ", ErrInvalidDocument, false},
		{"entry without a condition", entryDocument("{name: a, color: blue}"), "entry[0].when: ", ErrInvalidDocument, false},
		{"entry without a colour", entryDocument("{name: a, when: [{attribute: x, in: [y]}]}"), "entry[0].color: ", ErrInvalidDocument, false},
		{"entry with an unknown colour", entryDocument("{name: a, color: red, when: [{attribute: x, in: [y]}]}"), "line 11: entry[0].color: ", ErrInvalidDocument, false},
		{"entry name twice", entryDocument("{name: a, color: blue, when: [{attribute: x, in: [y]}]}, {name: a, color: blue, when: [{attribute: x, in: [y]}]}"), "entry[1].name: ", ErrInvalidDocument, false},
		{"condition with in and prefix", entryDocument("{name: a, color: blue, when: [{attribute: x, in: [y], prefix: z}]}"), "entry[0].when[0]: ", ErrInvalidDocument, false},
		{"condition without an attribute", entryDocument("{name: a, color: blue, when: [{in: [y]}]}"), "entry[0].when[0].attribute: ", ErrInvalidDocument, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := ParseChannelStrict(tt.doc)
			if !errors.Is(err, tt.is) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("strict: got %v, want %v with %q", err, tt.is, tt.want)
			}
			if _, err := ParseChannel(tt.doc); (err == nil) != tt.tolerant {
				t.Errorf("tolerant: got %v, want tolerated %v", err, tt.tolerant)
			}
		})
	}
}

func entryDocument(entries string) string {
	return edited("requires", "requires: [entry]") + "entry: [" + entries + "]\n"
}

func TestParseBadReportsSeveral(t *testing.T) {
	doc := strings.ReplaceAll(edited("revision", "revision: 0"), "state: active", "state: odd")
	_, err := ParseChannel(doc)
	if err == nil || !strings.Contains(err.Error(), "line 3: revision") || !strings.Contains(err.Error(), "line 5: state") {
		t.Errorf("got %v, want both problems with their lines", err)
	}
	bad := channel(func(c *Channel) {
		for i := range 50 {
			c.Services = append(c.Services, fmt.Sprintf("no name %d", i))
		}
	})
	if n := strings.Count(bad.Validate().Error(), "\n"); n != maxProblems {
		t.Errorf("%d lines of problems, want %d", n+1, maxProblems+1)
	}
}

func TestParseIndexBad(t *testing.T) {
	const head = "apiVersion: bluegreen/v1\nrevision: 7\n"
	tests := []struct {
		name, doc, want string
		tolerant        bool
	}{
		{"revision 0", "apiVersion: bluegreen/v1\nrevision: 0\n", "line 2: revision: ", false},
		{"unknown field", head + "chanels: {}\n", "line 3: chanels: ", true},
		{"unknown requires", head + "requires: [x]\n", "line 3: requires: ", false},
		{"bad channel name", head + "channels: {Shop!: 1}\n", "channels.Shop!", false},
		{"bad channel revision", head + "channels:\n  shop: 0\n", "line 4: channels.shop: ", false},
		{"channel revision not a number", head + "channels:\n  shop: x\n", "line 4: channels.shop: ", false},
		{"bad owner", head + "owners:\n  order: 'A B'\n", "line 4: owners.order: ", false},
		{"negative jitter", head + "settings: {jitterMax: -1s}\n", "line 3: settings.jitterMax: ", false},
		{"jitter without a unit", head + "settings: {jitterMax: 5}\n", "line 3: settings.jitterMax: ", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := ParseIndexStrict(tt.doc); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("strict: got %v, want %q", err, tt.want)
			}
			if _, err := ParseIndex(tt.doc); (err == nil) != tt.tolerant {
				t.Errorf("tolerant: got %v, want tolerated %v", err, tt.tolerant)
			}
		})
	}
	ix, err := ParseIndexStrict(head + "settings: {jitterMax: 0s}\n")
	if err != nil || ix.Settings.Jitter() != 0 {
		t.Errorf("jitter 0s: %v, %v, want 0", ix, err)
	}
	if got := (Settings{}).Jitter(); got != DefaultJitter {
		t.Errorf("default jitter %v, want %v", got, DefaultJitter)
	}
}

// TestIndexProblemsAreStable: the same bad index gives the same text each time,
// or it would be logged and published again at each poll.
func TestIndexProblemsAreStable(t *testing.T) {
	doc := "apiVersion: bluegreen/v1\nrevision: 7\nchannels: {A: 0, B: 0, C: 0}\nowners: {x y: z, y z: z}\n"
	_, first := ParseIndex(doc)
	for range 50 {
		if _, err := ParseIndex(doc); err == nil || err.Error() != first.Error() {
			t.Fatalf("got %q, then %q", first, err)
		}
	}
}

// TestRoundTrip: what is rendered parses strictly to the same and renders the same.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ch := genChannel("shop").Draw(t, "channel")
		ch.Requires = append([]string{}, ch.Requires...)
		if rapid.Bool().Draw(t, "published") {
			ch.Publish = PublishInfo{By: rapid.String().Draw(t, "by"), At: time.Unix(rapid.Int64Range(0, 1<<32).Draw(t, "at"), 0).UTC(), Note: "a: b # c", Nonce: "x"}
			ch.Release = Release{ID: "r: 1", Stable: Blue}
		}
		doc, err := ch.Document()
		if err != nil {
			t.Fatal(err)
		}
		back, err := ParseChannelStrict(doc)
		if err != nil {
			t.Fatalf("%v in\n%s", err, doc)
		}
		if !reflect.DeepEqual(back, ch) {
			t.Fatalf("got %+v, want %+v", back, ch)
		}
		if again, _ := back.Document(); again != doc {
			t.Fatalf("rendered\n%s\nthen\n%s", doc, again)
		}
		if !reflect.DeepEqual(ch.Clone(), ch) {
			t.Fatalf("Clone = %+v, want %+v", ch.Clone(), ch)
		}
	})
}

func TestDocumentIsStable(t *testing.T) {
	ix := indexOf(1, map[string]int64{})
	ix.Owners = map[string]string{}
	for i := range 100 {
		ix.Channels[fmt.Sprintf("c%d", i)], ix.Owners[fmt.Sprintf("s%d", i)] = 1, "shop"
	}
	first := document(t, ix)
	for range 10 {
		if got := document(t, ix); got != first {
			t.Fatal("the index renders differently each time")
		}
	}
	big := channel(func(c *Channel) { c.Publish.Note = strings.Repeat("x", MaxDocument) })
	if _, err := big.Document(); !errors.Is(err, ErrTooLarge) {
		t.Errorf("rendering a document that no reader takes: %v, want %v", err, ErrTooLarge)
	}
}

func TestCloneIsDeep(t *testing.T) {
	ch := channel(entries(EntryRule{Name: "a", Color: Blue, When: []Condition{{Attribute: "x", In: []string{"y"}}}}))
	want := document(t, ch)
	d := ch.Clone()
	d.Services[0], d.Requires[0], d.Entry[0].Name = "z", "z", "z"
	d.Entry[0].When[0].In[0], d.Entry[0].When[0].Attribute = "z", "z"
	if got := document(t, ch); got != want {
		t.Errorf("changing the clone changed the original to\n%s", got)
	}
}

func FuzzParseChannel(f *testing.F) {
	f.Add(goodDocument)
	f.Add(entryDocument("{name: a, color: blue, when: [{attribute: x, prefix: z}]}"))
	f.Add("a: &a [*a]\n")
	f.Add("<<: {channel: x}\n? [a, b]\n: c\n")
	f.Add(edited("revision", "revision: !!binary aGk="))
	f.Fuzz(func(t *testing.T, doc string) {
		_, tolerantErr := ParseChannel(doc)
		ch, err := ParseChannelStrict(doc)
		if err != nil {
			return
		}
		if tolerantErr != nil {
			t.Fatalf("strict takes what tolerant refuses: %v", tolerantErr)
		}
		text, err := ch.Document()
		if errors.Is(err, ErrTooLarge) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		back, err := ParseChannelStrict(text)
		if err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
		if again, _ := back.Document(); again != text {
			t.Fatalf("rendered\n%s\nthen\n%s", text, again)
		}
		NewRules(FromSource, Index{}, []*Channel{ch}).DecideRoot(Caller{}, Request{Attributes: attributes()}, nil)
	})
}

func FuzzParseIndex(f *testing.F) {
	f.Add("apiVersion: bluegreen/v1\nrevision: 7\nchannels: {checkout: 17}\nowners: {order: checkout}\nsettings: {jitterMax: 5s}\n")
	f.Fuzz(func(t *testing.T, doc string) {
		_, tolerantErr := ParseIndex(doc)
		ix, err := ParseIndexStrict(doc)
		if err != nil {
			return
		}
		text, err := ix.Document()
		if err != nil || tolerantErr != nil {
			t.Fatalf("render %v, tolerant %v", err, tolerantErr)
		}
		back, err := ParseIndexStrict(text)
		if err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
		if again, _ := back.Document(); again != text {
			t.Fatalf("rendered\n%s\nthen\n%s", text, again)
		}
	})
}
