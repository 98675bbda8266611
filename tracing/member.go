package tracing

import (
	"net/url"
	"strings"
)

// The functions in this file work on baggage headers as text. Other members are
// kept byte for byte, also those that a parser would refuse, and a header beyond
// the limits of baggage still gives its member.

// findMember returns the value of our member in the headers; "" if there is none.
// As everywhere, the last one counts.
func findMember(headers []string) string {
	value := ""
	for _, header := range headers {
		for member := range strings.SplitSeq(header, ",") {
			if v, ours := memberValue(member); ours {
				value = v
			}
		}
	}
	return value
}

// memberValue returns the value of a member if it is ours.
func memberValue(member string) (value string, ours bool) {
	name, value, _ := strings.Cut(member, "=")
	if strings.TrimSpace(name) != Key {
		return "", false
	}
	value, _, _ = strings.Cut(value, ";")
	return unescape(strings.TrimSpace(value)), true
}

// unescape undoes percent encoding, which some carriers apply to every value.
func unescape(s string) string {
	if strings.IndexByte(s, '%') < 0 {
		return s
	}
	if plain, err := url.PathUnescape(s); err == nil {
		return plain
	}
	return s
}

// hasMember reports whether our member is in the headers, with any value.
func hasMember(headers []string) bool {
	for _, header := range headers {
		for member := range strings.SplitSeq(header, ",") {
			if _, ours := memberValue(member); ours {
				return true
			}
		}
	}
	return false
}

// dropMember returns the headers without our member; what is left empty is gone.
func dropMember(headers []string) []string {
	var kept []string
	for _, header := range headers {
		var members []string
		for member := range strings.SplitSeq(header, ",") {
			if _, ours := memberValue(member); !ours {
				members = append(members, member)
			}
		}
		if header := strings.TrimSpace(strings.Join(members, ",")); header != "" {
			kept = append(kept, header)
		}
	}
	return kept
}

// mergeMember returns one header that has the members of the others, and the text
// as our member unless the limits of baggage leave no room for it.
func mergeMember(headers []string, text string) string {
	others := strings.Join(dropMember(headers), ",")
	if others == "" {
		return Key + "=" + text
	}
	size := len(others) + len(",") + len(Key) + len("=") + len(text)
	if size > maxBaggage || strings.Count(others, ",")+2 > maxMembers {
		return others
	}
	return others + "," + Key + "=" + text
}
