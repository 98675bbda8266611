package nacos

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/nacos-group/nacos-sdk-go/v2/model"
	"pgregory.net/rapid"

	"github.com/bluegreen-go/bluegreen/sdk"
)

func drawText(t *rapid.T, label string) string {
	return short(rapid.StringN(0, 60, -1).Draw(t, label))
}

func drawList(t *rapid.T, label string) []string {
	n := rapid.IntRange(0, maxList).Draw(t, label)
	if n == 0 {
		return nil
	}
	list := make([]string, n)
	for i := range list {
		list[i] = drawText(t, label)
	}
	return list
}

func drawCounts(t *rapid.T, label string) sdk.PerColor[int64] {
	return sdk.PerColor[int64]{Blue: rapid.Int64().Draw(t, label), Green: rapid.Int64().Draw(t, label)}
}

func drawReport(t *rapid.T) sdk.Report {
	r := sdk.Report{
		Identity: sdk.Identity{
			Service: "s" + drawText(t, "service"), Color: sdk.Color(rapid.IntRange(0, 2).Draw(t, "colour")),
			Version: drawText(t, "version"), Host: drawText(t, "host"), PID: rapid.IntRange(0, 1<<22).Draw(t, "pid"),
			Boot: rapid.StringMatching(`[0-9a-f]{12}`).Draw(t, "boot"), Start: moment(rapid.Int64Range(0, 1<<41).Draw(t, "start")),
		},
		Seq: rapid.Int64Range(0, 1<<62).Draw(t, "seq"), At: moment(rapid.Int64Range(0, 1<<41).Draw(t, "at")),
		Origin: sdk.Origin(rapid.IntRange(0, 3).Draw(t, "origin")), Index: rapid.Int64().Draw(t, "index"),
		Problems: drawList(t, "problems"), Caps: drawList(t, "caps"), Leaving: rapid.Bool().Draw(t, "leaving"),
	}
	for i := range rapid.IntRange(0, 32).Draw(t, "channels") {
		r.Channels = append(r.Channels, sdk.ChannelReport{
			Channel: fmt.Sprint("channel-", i), Revision: rapid.Int64().Draw(t, "revision"), Hash: drawText(t, "hash"),
			Converged: rapid.Int64().Draw(t, "converged"), Blind: drawList(t, "blind"),
			InFlight: drawCounts(t, "in flight"), Starts: drawCounts(t, "starts"),
		})
	}
	return r
}

const nacosLimit = 1024

// metadataUnits counts as the server does.
func metadataUnits(m map[string]string) (n int) {
	for k, v := range m {
		n += len(utf16.Encode([]rune(k))) + len(utf16.Encode([]rune(v)))
	}
	return n
}

func TestReportRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := drawReport(t)
		least := rapid.IntRange(0, 8).Draw(t, "least")
		parts, err := encode(&want, least)
		if err != nil {
			t.Skip(err.Error()) // beyond what Nacos can take
		}
		if len(parts) < least {
			t.Errorf("%d parts, want at least %d", len(parts), least)
		}
		for i, p := range parts {
			if n := metadataUnits(p); n > nacosLimit {
				t.Errorf("part %d has %d units, want at most %d", i, n, nacosLimit)
			}
		}
		rand.Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
		got, err := decode(parts)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("got  %+v\nwant %+v", got, want)
		}
	})
}

// bigReport is as big as reports get: 32 channels, all with long blind lists.
func bigReport(seq int64) sdk.Report {
	r := sdk.Report{Identity: sdk.Identity{Service: "order", Color: sdk.Blue, Boot: "0123456789ab"}, Seq: seq, Origin: sdk.FromSource, Index: 9}
	for i := range 32 {
		c := sdk.ChannelReport{Channel: fmt.Sprint("channel-", i), Revision: 1 << 40, Converged: 1 << 40, Hash: "01234567"}
		for j := range maxList {
			c.Blind = append(c.Blind, fmt.Sprintf("com.example.payment.service-%d/green 世界 𝄞 %d", i, j))
		}
		r.Channels = append(r.Channels, c)
	}
	return r
}

func TestBigReport(t *testing.T) {
	want := bigReport(1)
	parts, err := encode(&want, 0)
	if err != nil {
		t.Fatal(err)
	}
	got, err := decode(parts)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("decode = %v, %v", got, err)
	}
	small := sdk.Report{Identity: want.Identity, Seq: 2}
	after, err := encode(&small, len(parts))
	if err != nil || len(after) != len(parts) {
		t.Errorf("a small report after %d parts has %d, %v", len(parts), len(after), err)
	}
	if got, err := decode(slices.Concat(parts, after)); err != nil || got.Seq != 2 {
		t.Errorf("both reports decode to %d, %v, want the newer", got.Seq, err)
	}
}

func TestLongListsAreCut(t *testing.T) {
	r := sdk.Report{Identity: sdk.Identity{Service: "order", Boot: "b"}}
	for i := range 40 {
		r.Problems = append(r.Problems, fmt.Sprint(i, strings.Repeat("世", 200)))
	}
	parts, err := encode(&r, 0)
	if err != nil {
		t.Fatal(err)
	}
	got, err := decode(parts)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(got.Problems); n != maxList || got.Problems[n-1] != "and 25 more" {
		t.Errorf("%d problems, the last is %q, want %d and %q", n, got.Problems[n-1], maxList, "and 25 more")
	}
	if p := got.Problems[0]; len(p) > maxText || !strings.HasSuffix(p, "世…") {
		t.Errorf("problem of %d bytes: %q", len(p), p)
	}
}

func TestDecodePartsThatDoNotFit(t *testing.T) {
	encoded := func(seq int64) []map[string]string {
		r := bigReport(seq)
		parts, err := encode(&r, 0)
		if err != nil {
			t.Fatal(err)
		}
		return parts
	}
	old, now := encoded(4), encoded(5)
	with := func(key, value string) []map[string]string {
		parts := make([]map[string]string, len(now))
		for i := range now {
			parts[i] = maps.Clone(now[i])
		}
		parts[0][key] = value
		return parts
	}
	tests := []struct {
		name  string
		parts []map[string]string
		ok    bool
	}{
		{"whole", now, true},
		{"whole, with an older part", append(slices.Clone(now), old[0]), true},
		{"older part first", append([]map[string]string{old[0]}, now...), true},
		{"doubled", append(slices.Clone(now), now...), true},
		{"a part missing", now[1:], false},
		{"newest incomplete, older whole", append(slices.Clone(old), now[0]), false},
		{"nothing", nil, false},
		{"other count", with(keyParts, "2"), false},
		{"part beyond the count", with(keyPart, "999"), false},
		{"no part number", with(keyPart, ""), false},
		{"negative sequence", with(keySeq, "-1"), false},
		{"huge count", with(keyParts, "1000000000"), false},
		{"other data", with(keyData, "}"), false},
		{"not ours", []map[string]string{{"dubbo.metadata.revision": "1"}}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r, err := decode(tt.parts)
			if (err == nil) != tt.ok {
				t.Errorf("decode = %v, want ok %v", err, tt.ok)
			}
			if tt.ok && r.Seq != 5 {
				t.Errorf("report %d, want 5", r.Seq)
			}
		})
	}
}

func TestCollectRefusesReportsOfOthers(t *testing.T) {
	r := bigReport(1)
	parts, err := encode(&r, 0)
	if err != nil {
		t.Fatal(err)
	}
	hosts := make([]model.Instance, len(parts))
	for i := range parts {
		hosts[i].Metadata = parts[i]
	}
	if got, err := collect("order", hosts); len(got) != 1 || err != nil {
		t.Errorf("collect = %d reports, %v, want 1", len(got), err)
	}
	if got, err := collect("payment", hosts); len(got) != 0 || err == nil {
		t.Errorf("collect for another service = %d reports, %v, want an error", len(got), err)
	}
	for i := range parts {
		hosts[i].Metadata = maps.Clone(parts[i])
		hosts[i].Metadata[keyBoot] = "other"
	}
	if got, err := collect("order", hosts); len(got) != 0 || err == nil {
		t.Errorf("collect with another boot id = %d reports, %v, want an error", len(got), err)
	}
}

func TestUnmarshalRefuses(t *testing.T) {
	for _, text := range []string{
		``, `{}`, `[]`, `{"v":1}`, `{"v":1,"s":"order"}`, `{"v":0,"s":"order","b":"x"}`, `{"v":1,"s":"order","b":"x","c":"red"}`,
		`{"v":1,"s":"order","b":"x","o":300}`, `{"v":1,"s":"order","b":"x"} x`,
	} {
		if r, err := unmarshal(text); err == nil {
			t.Errorf("unmarshal(%q) = %+v, want an error", text, r)
		}
	}
	r, err := unmarshal(`{"v":2,"s":"order","b":"x","q":3,"new":{"a":[1]}}`)
	if err != nil || r.Seq != 3 {
		t.Errorf("a later version = %+v, %v, want it read", r, err)
	}
}

func FuzzUnmarshal(f *testing.F) {
	r := bigReport(1)
	r.Channels = r.Channels[:1]
	r.Channels[0].Blind = r.Channels[0].Blind[:2]
	r.At = time.UnixMilli(1)
	text, err := marshal(&r)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add(`{"v":1,"s":"order","b":"x","ch":[{}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		r, err := unmarshal(text)
		if err != nil {
			return
		}
		again, err := marshal(&r)
		if err != nil {
			t.Fatal(err)
		}
		same, err := unmarshal(again)
		if err != nil {
			t.Fatalf("%q: %v", again, err)
		}
		last, err := marshal(&same)
		if err != nil || last != again {
			t.Errorf("written again %q, %v, want %q", last, err, again)
		}
	})
}

func FuzzDecode(f *testing.F) {
	f.Add("1", "2", "3", `{"v":1,"s":"order","b":"x","q":3}`, "2", "2", "3", "")
	f.Fuzz(func(t *testing.T, p, n, s, d, p2, n2, s2, d2 string) {
		parts := []map[string]string{
			{keyPart: p, keyParts: n, keySeq: s, keyData: d}, {keyPart: p2, keyParts: n2, keySeq: s2, keyData: d2},
		}
		r, err := decode(parts)
		if err == nil && r.Identity.Boot == "" {
			t.Errorf("decode(%v) = %+v without an error", parts, r)
		}
	})
}

func TestEncodeRefuses(t *testing.T) {
	long := sdk.Report{Identity: sdk.Identity{Service: "order", Boot: strings.Repeat("b", 600)}}
	if _, err := encode(&long, 0); err == nil {
		t.Error("a boot id of 600 characters is accepted")
	}
	many := bigReport(1)
	for i := range 400 {
		many.Channels = append(many.Channels, sdk.ChannelReport{Channel: strings.Repeat("c", 500) + fmt.Sprint(i)})
	}
	if _, err := encode(&many, 0); err == nil || errors.Is(err, errParts) {
		t.Errorf("a report of 400 long channels: %v, want an error about its length", err)
	}
}
