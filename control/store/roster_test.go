package store

import (
	"testing"
	"time"

	"github.com/bluegreen-go/bluegreen/sdk"
)

// report is one of a process on a host.
func report(boot, service string, color sdk.Color, start int, c sdk.ChannelReport) sdk.Report {
	c.Channel = "checkout"
	return sdk.Report{
		Identity: sdk.Identity{Service: service, Color: color, Boot: boot, Host: "host", PID: start, Start: time.Unix(int64(start), 0)},
		Seq:      1, Origin: sdk.FromSource, Channels: []sdk.ChannelReport{c},
	}
}

func TestSuccessors(t *testing.T) {
	a := report("a", "order", sdk.Blue, 1, sdk.ChannelReport{})
	b := report("b", "order", sdk.Blue, 2, sdk.ChannelReport{})
	c := report("c", "order", sdk.Blue, 3, sdk.ChannelReport{})
	green := report("g", "order", sdk.Green, 4, sdk.ChannelReport{})
	old := report("o", "order", sdk.Blue, 0, sdk.ChannelReport{})
	tests := []struct {
		name  string
		looks [][]sdk.Report
		want  int // missing
	}{
		{"all there", [][]sdk.Report{{a, b}, {a, b}}, 0},
		{"gone", [][]sdk.Report{{a}, {}}, 1},
		{"back", [][]sdk.Report{{a}, {}, {a}}, 0},
		{"replaced", [][]sdk.Report{{a}, {}, {b}}, 0},
		{"replaced between two looks", [][]sdk.Report{{a}, {b}}, 0},
		{"a neighbour is no successor", [][]sdk.Report{{a, b}, {b}}, 1},
		{"one successor for two", [][]sdk.Report{{a, b}, {}, {c}}, 1},
		{"another colour is no successor", [][]sdk.Report{{a}, {green}}, 1},
		{"nor is who started before", [][]sdk.Report{{a}, {}, {old}}, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newRoster()
			for i, reports := range tt.looks {
				r.observe(time.Unix(int64(i), 0), reports)
			}
			if _, missing := r.present(); len(missing) != tt.want {
				t.Errorf("got %d missing, want %d", len(missing), tt.want)
			}
		})
	}
}

func TestServingProof(t *testing.T) {
	at := func(boot string, rev int64) sdk.Report {
		return report(boot, "order", sdk.Green, 1, sdk.ChannelReport{Converged: rev})
	}
	ch := channel(share(1, 1), stages(sdk.Full, sdk.Full))
	tests := []struct {
		name  string
		looks [][]sdk.Report
		want  int64
	}{
		{"nobody", nil, 0},
		{"the slowest counts", [][]sdk.Report{{at("a", 5), at("b", 3)}}, 3},
		{"one never converged", [][]sdk.Report{{at("a", 5), at("b", 0)}}, 0},
		{"what was seen once stays", [][]sdk.Report{{at("a", 5)}, {at("a", 0)}}, 5},
		{"who is missing counts", [][]sdk.Report{{at("a", 5), at("b", 2)}, {at("a", 6)}}, 2},
		{"others do not", [][]sdk.Report{{
			at("a", 5), report("x", "stock", sdk.Green, 1, sdk.ChannelReport{}), report("y", "order", sdk.Blue, 1, sdk.ChannelReport{}),
		}}, 5},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newRoster()
			for i, reports := range tt.looks {
				r.observe(time.Unix(int64(i), 0), reports)
			}
			if got := r.servingProof(ch, sdk.Green); got != tt.want {
				t.Errorf("got %d, want %d", got, tt.want)
			}
		})
	}
}

func TestServingSince(t *testing.T) {
	var entries []Entry
	for i, green := range []sdk.Stage{sdk.Full, sdk.Out, sdk.Registered, sdk.Full, sdk.Full} {
		ch := channel(share(1, 0), stages(sdk.Full, green))
		ch.Revision = int64(i + 1)
		text, err := ch.Document()
		if err != nil {
			t.Fatal(err)
		}
		entries = append(entries, Entry{Revision: ch.Revision, Document: text})
	}
	doc := func(i int) Doc {
		ch, err := entries[i-1].Channel()
		if err != nil {
			t.Fatal(err)
		}
		return Doc{Channel: ch}
	}
	gap := append(append([]Entry{}, entries[:3]...), entries[4])
	tests := []struct {
		name    string
		entries []Entry
		doc     Doc
		color   sdk.Color
		want    int64
	}{
		{"from the start", entries, doc(5), sdk.Blue, 1},
		{"since it came back", entries, doc(5), sdk.Green, 3},
		{"out", entries, doc(2), sdk.Green, 0},
		{"before it left", entries, doc(1), sdk.Green, 1},
		{"a gap in the history ends it", gap, doc(5), sdk.Green, 5},
		{"no history", nil, doc(5), sdk.Green, 5},
	}
	for _, tt := range tests {
		if got := servingSince(tt.entries, tt.doc, tt.color); got != tt.want {
			t.Errorf("%s: got %d, want %d", tt.name, got, tt.want)
		}
	}
}

func TestBehind(t *testing.T) {
	active := Doc{Channel: channel(share(1, 1), stages(sdk.Full, sdk.Full)), Hash: "aa", Index: 20}
	idle := Doc{Channel: active.Clone(), Hash: "aa", Index: 20}
	idle.State = sdk.Idle
	unnamed := func(index int64) sdk.Report { return sdk.Report{Index: index, Origin: sdk.FromSource} }
	is := func(c sdk.ChannelReport) sdk.Report { return report("a", "order", sdk.Blue, 1, c) }
	tests := []struct {
		name string
		doc  Doc
		rep  sdk.Report
		want HoldKind // "": not behind
	}{
		{"converged", active, is(sdk.ChannelReport{Revision: 7, Hash: "aa", Converged: 7}), ""},
		{"ahead", active, is(sdk.ChannelReport{Revision: 8, Hash: "bb", Converged: 8}), ""},
		{"older", active, is(sdk.ChannelReport{Revision: 6, Hash: "bb", Converged: 6}), Behind},
		{"blind", active, is(sdk.ChannelReport{Revision: 7, Hash: "aa", Blind: []string{"payment/blue"}}), Blind},
		{"not yet", active, is(sdk.ChannelReport{Revision: 7, Hash: "aa"}), Behind},
		{"other content", active, is(sdk.ChannelReport{Revision: 7, Hash: "bb", Converged: 7}), Differs},
		{"does not know an active channel", active, unnamed(20), Behind},
		{"does not name an idle one", idle, unnamed(20), ""},
		{"has not seen the index of an idle one", idle, unnamed(19), Behind},
	}
	for _, tt := range tests {
		h, held := behind(tt.doc, &tt.rep)
		if held != (tt.want != "") || h.Kind != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, h.Kind, tt.want)
		}
	}
}
