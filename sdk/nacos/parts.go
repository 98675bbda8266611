package nacos

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"

	"github.com/bluegreen-go/bluegreen/sdk"
)

// Nacos refuses an instance whose metadata, keys and values together, are longer
// than 1024 UTF-16 units. A report is therefore cut into parts, one instance each.
const (
	maxUnits = 1000
	maxParts = 128
)

// Keys of a part's metadata.
const (
	keyPart  = "p" // 1…
	keyParts = "n"
	keySeq   = "s"
	keyBoot  = "b"
	keyData  = "d" // a piece of the text; missing in a part that pads
)

// errParts says that what a process published is not one whole report.
var errParts = errors.New("parts are missing or do not belong together")

// encode writes a report as at least least parts: a count that never shrinks
// leaves no part of an older report behind.
func encode(r *sdk.Report, least int) ([]map[string]string, error) {
	text, err := marshal(r)
	if err != nil {
		return nil, err
	}
	seq := strconv.FormatInt(r.Seq, 10)
	head := len(keyPart+keyParts+keySeq+keyBoot+keyData) + 2*len(strconv.Itoa(maxParts)) + len(seq) + units(r.Identity.Boot)
	if head > maxUnits/2 {
		return nil, fmt.Errorf("boot id of %d characters", len(r.Identity.Boot))
	}
	pieces := split(text, maxUnits-head)
	count := max(len(pieces), least)
	if count > maxParts {
		return nil, fmt.Errorf("a report of %d bytes is too long", len(text))
	}
	parts := make([]map[string]string, count)
	for i := range parts {
		parts[i] = map[string]string{
			keyPart: strconv.Itoa(i + 1), keyParts: strconv.Itoa(count), keySeq: seq, keyBoot: r.Identity.Boot,
		}
		if i < len(pieces) {
			parts[i][keyData] = pieces[i]
		}
	}
	return parts, nil
}

// units is the length of s as Nacos counts it.
func units(s string) int {
	n := 0
	for _, r := range s {
		n += utf16.RuneLen(r)
	}
	return n
}

// split cuts s into pieces of at most limit UTF-16 units.
func split(s string, limit int) []string {
	var pieces []string
	begin, n := 0, 0
	for i, r := range s {
		w := utf16.RuneLen(r)
		if n+w > limit {
			pieces = append(pieces, s[begin:i])
			begin, n = i, 0
		}
		n += w
	}
	return append(pieces, s[begin:])
}

// decode puts the parts that one process published together. Around a reconnect
// there can be parts of two reports: the newest counts, and only as a whole.
func decode(parts []map[string]string) (sdk.Report, error) {
	newest := int64(-1)
	var pieces []string
	for _, p := range parts {
		seq, err := strconv.ParseInt(p[keySeq], 10, 64)
		count, err2 := strconv.Atoi(p[keyParts])
		part, err3 := strconv.Atoi(p[keyPart])
		if err := errors.Join(err, err2, err3); err != nil || count < 1 || count > maxParts || part < 1 || part > count || seq < 0 {
			return sdk.Report{}, errParts
		}
		if seq < newest {
			continue
		}
		if seq > newest {
			newest, pieces = seq, make([]string, count)
		}
		if count != len(pieces) {
			return sdk.Report{}, errParts
		}
		pieces[part-1] = "+" + p[keyData]
	}
	var text strings.Builder
	for _, piece := range pieces {
		if piece == "" {
			return sdk.Report{}, fmt.Errorf("report %d: %w", newest, errParts)
		}
		text.WriteString(piece[1:])
	}
	r, err := unmarshal(text.String())
	if err == nil && r.Seq != newest {
		err = errParts
	}
	return r, err
}
