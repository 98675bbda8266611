package tracing

import (
	"slices"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/baggage"
)

func TestMergeMemberKeepsTheLimits(t *testing.T) {
	const text, member = "#1~a:b:1", "bluegreen=#1~a:b:1"
	members := func(n int) string { return strings.TrimSuffix(strings.Repeat("a=1,", n), ",") }
	long := func(n int) string { return "a=" + strings.Repeat("x", n-2) }
	tests := []struct {
		name, others string
		added        bool
	}{
		{"63 members", members(63), true},
		{"64 members", members(64), false},
		{"64 with an old one", members(63) + ",bluegreen=old", true},
		{"8192 bytes", long(maxBaggage - len(member) - 1), true},
		{"8193 bytes", long(maxBaggage - len(member)), false},
	}
	for _, tt := range tests {
		want := strings.TrimSuffix(tt.others, ",bluegreen=old")
		if tt.added {
			want += "," + member
		}
		if got := mergeMember([]string{tt.others}, text); got != want {
			t.Errorf("%s: merged to …%q, want …%q", tt.name, got[max(0, len(got)-30):], want[max(0, len(want)-30):])
		}
	}
}

// FuzzMember compares the handling of baggage headers as text with
// OpenTelemetry's parser: what that would read as our member is found, and is
// gone after a drop; the other members stay.
func FuzzMember(f *testing.F) {
	for _, s := range []string{"", "a=1", "bluegreen=#1~a:b:1", "a=1 , bluegreen = x ;p=1,b=2", "bluegreen=1,bluegreen=2", "bluegreen;p=1", "Bluegreen=1", "bluegree%6e=1", ",,=,", "a=1\t,\tbluegreen\t=x", "bluegreen=%zz"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, header string) {
		before, err := baggage.Parse(header)
		if member := before.Member(Key); err == nil && member.Key() != "" {
			if got := findMember([]string{header}); got != member.Value() {
				t.Fatalf("findMember(%q) = %q, want %q", header, got, member.Value())
			}
		}
		kept := dropMember([]string{header})
		if hasMember(kept) {
			t.Fatalf("dropMember(%q) = %q", header, kept)
		}
		after, _ := baggage.Parse(strings.Join(kept, ","))
		if after.Member(Key).Key() != "" {
			t.Fatalf("after dropMember(%q), the parser still finds %q", header, after.Member(Key).Value())
		}
		if err == nil {
			want := slices.DeleteFunc(before.Members(), func(m baggage.Member) bool { return m.Key() == Key })
			if after.Len() != len(want) {
				t.Fatalf("dropMember(%q) = %q: %d members, want %d", header, kept, after.Len(), len(want))
			}
		}
		merged := mergeMember([]string{header}, "#1~a:b:1")
		if got := findMember([]string{merged}); got != "#1~a:b:1" && (got != "" || len(merged) < maxBaggage/2 && strings.Count(merged, ",") < maxMembers-2) {
			t.Fatalf("mergeMember(%q) = %q", header, merged)
		}
	})
}
