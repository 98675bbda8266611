package tracing_test

import (
	"errors"
	"math"
	"net/url"
	"slices"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/baggage"
	"pgregory.net/rapid"

	"github.com/bluegreen-go/bluegreen/sdk"
	"github.com/bluegreen-go/bluegreen/tracing"
)

func TestParse(t *testing.T) {
	order := sdk.Decision{Channel: "order", Color: sdk.Blue, From: sdk.Blue, Reason: sdk.Carried, Revision: 17}
	stock := sdk.Decision{Channel: "stock", Color: sdk.Green, From: sdk.Green, Reason: sdk.Carried, Revision: 3}
	tests := []struct {
		text    string
		seed    sdk.Seed
		hasSeed bool
		want    []sdk.Decision
	}{
		{"#4711~order:b:17~stock:g:3", 4711, true, []sdk.Decision{order, stock}},
		{"order:b:17", 0, false, []sdk.Decision{order}},
		{"#0~stock:g:3", 0, true, []sdk.Decision{stock}},
		{"#4294967295", math.MaxUint32, true, nil},
	}
	for _, tt := range tests {
		seed, hasSeed, got, err := tracing.Parse(tt.text, nil)
		if err != nil || seed != tt.seed || hasSeed != tt.hasSeed || !slices.Equal(got, tt.want) {
			t.Errorf("Parse(%q) = %d, %v, %v, %v; want %d, %v, %v", tt.text, seed, hasSeed, got, err, tt.seed, tt.hasSeed, tt.want)
		}
	}
}

func TestParseErrors(t *testing.T) {
	entries := func(n int) string {
		var all []string
		for i := range n {
			all = append(all, "c"+string(rune('a'+i/26))+string(rune('a'+i%26))+":b:1")
		}
		return strings.Join(all, "~")
	}
	if _, _, ds, err := tracing.Parse(entries(tracing.MaxChannels), nil); err != nil || len(ds) != tracing.MaxChannels {
		t.Fatalf("Parse of %d channels = %d decisions, %v", tracing.MaxChannels, len(ds), err)
	}
	tests := []struct {
		name, text string
		want       error
	}{
		{"empty", "", tracing.ErrSyntax},
		{"seed without number", "#", tracing.ErrSyntax},
		{"seed too great", "#4294967296", tracing.ErrSyntax},
		{"seed with leading zero", "#01~order:b:1", tracing.ErrSyntax},
		{"nothing after the seed", "#1~", tracing.ErrSyntax},
		{"other separator", "#1,order:b:1", tracing.ErrSyntax},
		{"trailing separator", "order:b:1~", tracing.ErrSyntax},
		{"cut at the channel", "#1~order:b:1~sto", tracing.ErrSyntax},
		{"cut at the colour", "order:b", tracing.ErrSyntax},
		{"cut at the revision", "order:b:", tracing.ErrSyntax},
		{"revision zero", "order:b:0", tracing.ErrSyntax},
		{"revision with leading zero", "order:b:01", tracing.ErrSyntax},
		{"revision too great", "order:b:9223372036854775808", tracing.ErrSyntax},
		{"negative revision", "order:b:-1", tracing.ErrSyntax},
		{"unknown letter", "order:r:1", tracing.ErrColor},
		{"capital letter", "order:B:1", tracing.ErrSyntax},
		{"long colour", "order:blue:1", tracing.ErrSyntax},
		{"capital in the name", "oRder:b:1", tracing.ErrSyntax},
		{"name too long", strings.Repeat("a", 65) + ":b:1", tracing.ErrSyntax},
		{"not UTF-8", "order\xff:b:1", tracing.ErrSyntax},
		{"space", "order:b:1 ", tracing.ErrSyntax},
		{"doubled", "order:b:1~order:g:1", tracing.ErrOrder},
		{"out of order", "stock:b:1~order:b:1", tracing.ErrOrder},
		{"later version", "!2~order:b:1", tracing.ErrVersion},
		{"later version in capitals", "V2~order:b:1", tracing.ErrVersion},
		{"too many channels", entries(tracing.MaxChannels + 1), tracing.ErrTooLong},
		{"too many bytes", strings.Repeat("a", tracing.MaxText+1), tracing.ErrTooLong},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, _, ds, err := tracing.Parse(tt.text, nil)
			if !errors.Is(err, tt.want) || len(ds) != 0 {
				t.Errorf("Parse(%q) = %v, %v; want no decisions, %v", tt.text, ds, err, tt.want)
			}
		})
	}
}

func TestAppend(t *testing.T) {
	d := func(channel string, color sdk.Color, revision int64) sdk.Decision {
		return sdk.Decision{Channel: channel, Color: color, Revision: revision}
	}
	tests := []struct {
		name string
		in   []sdk.Decision
		want string
	}{
		{"nothing", nil, "#7"},
		{"sorted", []sdk.Decision{d("a", sdk.Blue, 1), d("b", sdk.Green, 2)}, "#7~a:b:1~b:g:2"},
		{"unsorted", []sdk.Decision{d("c", sdk.Blue, 3), d("a", sdk.Blue, 1), d("b", sdk.Green, 2)}, "#7~a:b:1~b:g:2~c:b:3"},
		{"doubled", []sdk.Decision{d("b", sdk.Blue, 3), d("a", sdk.Blue, 1), d("a", sdk.Green, 2)}, "#7~a:b:1~b:b:3"},
		{"doubled and sorted", []sdk.Decision{d("a", sdk.Blue, 1), d("a", sdk.Green, 2), d("b", sdk.Blue, 3)}, "#7~a:b:1~b:b:3"},
		{"unsayable", []sdk.Decision{d("", sdk.Blue, 1), d("A", sdk.Blue, 1), d("a", sdk.Neutral, 1), d("b", sdk.Blue, 0), d("c~", sdk.Blue, 1), d("d", sdk.Blue, 1)}, "#7~d:b:1"},
	}
	for _, tt := range tests {
		if got := string(tracing.Append([]byte("x="), 7, tt.in)); got != "x="+tt.want {
			t.Errorf("%s: Append = %q, want %q", tt.name, got, "x="+tt.want)
		}
	}
}

func TestAppendKeepsTheLimits(t *testing.T) {
	fill := func(n, length int) (ds []sdk.Decision) {
		for i := range n {
			name := string(rune('a'+i/26)) + string(rune('a'+i%26))
			ds = append(ds, sdk.Decision{Channel: name + strings.Repeat("x", length-2), Color: sdk.Green, Revision: math.MaxInt64})
		}
		return ds
	}
	for _, tt := range []struct{ n, length, want int }{
		{40, 2, tracing.MaxChannels}, // 32 × 25 bytes
		{40, 64, 11},                 // 11 × 87 bytes and the seed; 12 would be 1046
	} {
		text := string(tracing.Append(nil, 1, fill(tt.n, tt.length)))
		_, _, got, err := tracing.Parse(text, nil)
		if err != nil || len(got) != tt.want {
			t.Errorf("%d channels of %d bytes: %d bytes with %d channels (%v), want %d channels", tt.n, tt.length, len(text), len(got), err, tt.want)
		}
	}
}

// decisions generates decisions in any order, of distinct channels.
func decisions() *rapid.Generator[[]sdk.Decision] {
	one := rapid.Custom(func(t *rapid.T) sdk.Decision {
		color := rapid.SampledFrom(sdk.Colors[:]).Draw(t, "color")
		return sdk.Decision{
			Channel: rapid.StringMatching(`[a-z0-9][a-z0-9._-]{0,63}`).Draw(t, "channel"), Color: color, From: color,
			Reason: sdk.Carried, Revision: rapid.Int64Range(1, math.MaxInt64).Draw(t, "revision"),
		}
	})
	return rapid.SliceOfNDistinct(one, 0, 40, func(d sdk.Decision) string { return d.Channel })
}

func TestTextRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := decisions().Draw(t, "decisions")
		seed := sdk.Seed(rapid.Uint32().Draw(t, "seed"))
		text := string(tracing.Append(nil, seed, in))
		if len(text) > tracing.MaxText {
			t.Fatalf("%d bytes, want at most %d", len(text), tracing.MaxText)
		}
		gotSeed, hasSeed, got, err := tracing.Parse(text, nil)
		if err != nil || !hasSeed || gotSeed != seed {
			t.Fatalf("Parse(%q) = %d, %v, %v; want seed %d", text, gotSeed, hasSeed, err, seed)
		}
		slices.SortFunc(in, func(a, b sdk.Decision) int { return strings.Compare(a.Channel, b.Channel) })
		if len(got) > len(in) || !slices.Equal(got, in[:len(got)]) {
			t.Fatalf("Parse(%q) = %v, want the first of %v", text, got, in)
		}
		if fits := len(in) <= 8; fits && len(got) != len(in) {
			t.Fatalf("%d of %d decisions were written", len(got), len(in))
		}
		carriersKeep(t, text)
	})
}

// carriersKeep checks that each carrier brings the text through.
func carriersKeep(t *rapid.T, text string) {
	member, err := baggage.NewMemberRaw(tracing.Key, text)
	if err != nil {
		t.Fatalf("baggage refuses %q: %v", text, err)
	}
	b, err := baggage.New(member)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := b.String(), tracing.Key+"="+text; got != want {
		t.Fatalf("baggage writes %q, want %q", got, want)
	}
	parsed, err := baggage.Parse(b.String())
	if err != nil || parsed.Member(tracing.Key).Value() != text {
		t.Fatalf("baggage reads %q (%v), want %q", parsed.Member(tracing.Key).Value(), err, text)
	}
	if got, err := url.PathUnescape(url.PathEscape(text)); err != nil || got != text {
		t.Fatalf("path escaping gives %q (%v), want %q", got, err, text)
	}
	if got := url.PathEscape(text[1:]); got != text[1:] {
		t.Fatalf("path escaping changes %q to %q", text[1:], got)
	}
	// What remains is fine as a header value and holds no separator of message
	// properties (bytes 1 and 2).
	if i := strings.IndexFunc(text, func(r rune) bool { return r <= ' ' || r > '~' }); i >= 0 {
		t.Fatalf("%q has %q at %d", text, text[i], i)
	}
}

// A carrier that cuts a text loses decisions at most; it never changes a colour.
func TestCutTextNeverChangesAColour(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := string(tracing.Append(nil, 4711, decisions().Draw(t, "decisions")))
		_, _, whole, _ := tracing.Parse(text, nil)
		for i := range text {
			_, _, ds, err := tracing.Parse(text[:i], nil)
			if err != nil && len(ds) > 0 {
				t.Fatalf("Parse(%q) = %v with %v", text[:i], ds, err)
			}
			for j, d := range ds {
				if d.Channel != whole[j].Channel || d.Color != whole[j].Color || d.Revision > whole[j].Revision {
					t.Fatalf("Parse(%q) = %+v, want as in %+v", text[:i], d, whole[j])
				}
			}
		}
	})
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"", "#", "#4711~order:b:17~stock:g:3", "order:b:1", "#1", "!2~order:b:1", "a:b:1~a:g:1", "a:z:1", "\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var buf [tracing.MaxChannels]sdk.Decision
		seed, hasSeed, ds, err := tracing.Parse(text, buf[:0])
		if err != nil {
			if len(ds) > 0 || hasSeed {
				t.Fatalf("Parse(%q) = %v with %v", text, ds, err)
			}
			return
		}
		if len(text) > tracing.MaxText || len(ds) > tracing.MaxChannels {
			t.Fatalf("Parse accepts %d bytes with %d channels", len(text), len(ds))
		}
		want := text
		if !hasSeed {
			want = "#0~" + text
		}
		if got := string(tracing.Append(nil, seed, ds)); got != want && len(want) <= tracing.MaxText {
			t.Fatalf("Append(Parse(%q)) = %q", text, got)
		}
	})
}
