package tracing

import (
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/bluegreen-go/bluegreen/sdk"
)

// Key is the name of the text in every carrier: attachment, header, message
// property, job parameter, baggage member.
const Key = "bluegreen"

// Limits of the text.
const (
	MaxText     = 1024 // bytes
	MaxChannels = 32
	maxName     = 64 // bytes of a channel's name
)

// What can be wrong with a received text. It is then ignored as a whole.
var (
	ErrSyntax  = errors.New("tracing: malformed text")
	ErrTooLong = errors.New("tracing: text too long")
	ErrOrder   = errors.New("tracing: channels are doubled or out of order")
	ErrColor   = errors.New("tracing: unknown colour letter")
	ErrVersion = errors.New("tracing: text of a later version")
	ErrDoubled = errors.New("tracing: several different texts") // of a carrier, not of Parse
)

// Parse reads the text of a trail and appends its decisions to buf[:0]; it
// allocates nothing if buf has room. The decisions' channel names are parts of
// text, their reason is [sdk.Carried]. hasSeed is false for a text without a
// seed. On an error, no decisions are returned.
//
// The grammar is strict, so that each trail has one text:
//
//	text     = seed | [ seed "~" ] entry *( "~" entry )   at most MaxText bytes
//	seed     = "#" number                                 below 2^32
//	entry    = channel ":" colour ":" number              at most MaxChannels
//	channel  = [a-z0-9] *63[a-z0-9._-]                    in strictly rising order
//	colour   = "b" | "g"
//	number   = decimal without leading zeros; that of an entry is positive
func Parse(text string, buf []sdk.Decision) (seed sdk.Seed, hasSeed bool, ds []sdk.Decision, err error) {
	ds = buf[:0]
	if len(text) > MaxText {
		return 0, false, ds, ErrTooLong
	}
	rest := text
	if rest != "" && rest[0] == '#' {
		n, i, ok := number(rest, 1, math.MaxUint32)
		if !ok {
			return 0, false, ds, ErrSyntax
		}
		seed, hasSeed = sdk.Seed(n), true
		if i == len(rest) {
			return seed, true, ds, nil
		}
		if rest[i] != '~' {
			return 0, false, ds, ErrSyntax
		}
		rest = rest[i+1:]
	} else if rest != "" && !nameStart(rest[0]) {
		return 0, false, ds, ErrVersion
	}
	if ds, err = parseEntries(rest, ds); err != nil {
		return 0, false, buf[:0], err
	}
	return seed, hasSeed, ds, nil
}

func parseEntries(rest string, ds []sdk.Decision) ([]sdk.Decision, error) {
	last := ""
	for {
		d, n, err := parseEntry(rest)
		if err != nil {
			return ds, err
		}
		if d.Channel <= last {
			return ds, ErrOrder
		}
		if len(ds) == MaxChannels {
			return ds, ErrTooLong
		}
		last = d.Channel
		ds = append(ds, d)
		if n == len(rest) {
			return ds, nil
		}
		if rest[n] != '~' {
			return ds, ErrSyntax
		}
		rest = rest[n+1:]
	}
}

// parseEntry reads one entry at the start of s and returns its length.
func parseEntry(s string) (d sdk.Decision, n int, err error) {
	if s == "" || !nameStart(s[0]) {
		return d, 0, ErrSyntax
	}
	for n = 1; n < len(s) && n <= maxName && nameByte(s[n]); n++ {
	}
	if n > maxName || n+2 >= len(s) || s[n] != ':' || s[n+2] != ':' {
		return d, 0, ErrSyntax
	}
	d.Channel = s[:n]
	switch c := s[n+1]; {
	case c == 'b':
		d.Color = sdk.Blue
	case c == 'g':
		d.Color = sdk.Green
	case c >= 'a' && c <= 'z':
		return d, 0, ErrColor
	default:
		return d, 0, ErrSyntax
	}
	revision, n, ok := number(s, n+3, math.MaxInt64)
	if !ok || revision == 0 {
		return d, 0, ErrSyntax
	}
	d.From, d.Reason, d.Revision = d.Color, sdk.Carried, int64(revision)
	return d, n, nil
}

// number reads a decimal at s[i:] and returns the position after it.
func number(s string, i int, limit uint64) (n uint64, end int, ok bool) {
	start := i
	for ; i < len(s) && s[i] >= '0' && s[i] <= '9'; i++ {
		digit := uint64(s[i] - '0')
		if n > (limit-digit)/10 {
			return 0, i, false
		}
		n = n*10 + digit
	}
	return n, i, i > start && (s[start] != '0' || i == start+1)
}

func nameStart(c byte) bool { return c >= 'a' && c <= 'z' || c >= '0' && c <= '9' }

func nameByte(c byte) bool { return nameStart(c) || c == '.' || c == '_' || c == '-' }

// Append appends the text of the seed and the decisions to dst. The decisions
// may be in any order; what the text cannot say (a neutral colour, a bad name,
// no revision) is left out. Decisions that come late in name order are left out
// where the text would exceed its limits: hops below decide them again.
func Append(dst []byte, seed sdk.Seed, ds []sdk.Decision) []byte {
	limit := len(dst) + MaxText
	dst = strconv.AppendUint(append(dst, '#'), uint64(seed), 10)
	sorted := slices.IsSortedFunc(ds, byChannel)
	for i, channels := next(ds, -1, sorted), 0; i >= 0 && channels < MaxChannels; i = next(ds, i, sorted) {
		if !sayable(&ds[i]) {
			continue
		}
		before := len(dst)
		dst = appendEntry(dst, &ds[i])
		if len(dst) > limit {
			return dst[:before]
		}
		channels++
	}
	return dst
}

func appendEntry(dst []byte, d *sdk.Decision) []byte {
	dst = append(append(dst, '~'), d.Channel...)
	letter := byte('b')
	if d.Color == sdk.Green {
		letter = 'g'
	}
	dst = append(dst, ':', letter, ':')
	return strconv.AppendInt(dst, d.Revision, 10)
}

func byChannel(a, b sdk.Decision) int { return strings.Compare(a.Channel, b.Channel) }

// next returns the position of the decision that follows ds[i] in name order,
// -1 if there is none; i is -1 for the first.
func next(ds []sdk.Decision, i int, sorted bool) int {
	best, from := -1, 0
	if sorted {
		from = i + 1
	}
	for j := from; j < len(ds); j++ {
		if i >= 0 && ds[j].Channel <= ds[i].Channel {
			continue
		}
		if best < 0 || ds[j].Channel < ds[best].Channel {
			best = j
		}
		if sorted {
			break
		}
	}
	return best
}

func sayable(d *sdk.Decision) bool {
	if d.Color != sdk.Blue && d.Color != sdk.Green || d.Revision <= 0 {
		return false
	}
	if d.Channel == "" || len(d.Channel) > maxName || !nameStart(d.Channel[0]) {
		return false
	}
	for i := 1; i < len(d.Channel); i++ {
		if !nameByte(d.Channel[i]) {
			return false
		}
	}
	return true
}

// errorReason names an error of Parse in metrics and events.
func errorReason(err error) string {
	switch {
	case errors.Is(err, ErrTooLong):
		return "too_long"
	case errors.Is(err, ErrOrder):
		return "order"
	case errors.Is(err, ErrColor):
		return "color"
	case errors.Is(err, ErrVersion):
		return "version"
	case errors.Is(err, ErrDoubled):
		return "doubled"
	}
	return "syntax"
}
