package store

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bluegreen-go/bluegreen/sdk"
)

func now() time.Time { return time.Now() }

func sortProcesses(p []Process) []Process {
	slices.SortFunc(p, func(a, b Process) int {
		return strings.Compare(a.Service+"/"+a.Color.String()+"/"+a.Host+a.Boot, b.Service+"/"+b.Color.String()+"/"+b.Host+b.Boot)
	})
	return p
}

// Severity of a [Finding].
type Severity string

// The severities.
const (
	Problem Severity = "problem" // must be mended
	Notice  Severity = "notice"  // should be known; may be passing
)

// Finding is something that is not as it should be.
type Finding struct {
	Severity Severity `json:"severity"`
	Where    string   `json:"where"` // a document, or a process
	Text     string   `json:"text"`
	Mend     string   `json:"mend,omitempty"` // what helps
}

// String is one line.
func (f Finding) String() string {
	text := fmt.Sprintf("%s: %s: %s", f.Severity, f.Where, f.Text)
	if f.Mend != "" {
		text += " (" + f.Mend + ")"
	}
	return text
}

// LintDocument judges the text of a channel's document as a publisher does,
// without a backend.
func LintDocument(text string) []Finding {
	if _, err := sdk.ParseChannelStrict(text); err != nil {
		return []Finding{{Severity: Problem, Where: "document", Text: err.Error()}}
	}
	return nil
}

// Lint looks at all documents and agents: documents that cannot be read, index
// and documents that disagree, claims without a channel, services in two
// channels, agents that are behind, and drained colours that have started work.
func (s *Store) Lint(ctx context.Context) ([]Finding, error) {
	ixText, err := s.backend.Load(ctx, sdk.IndexDataID)
	if err != nil {
		return nil, fmt.Errorf("index: %w", err)
	}
	if ixText == "" {
		return []Finding{{Notice, sdk.IndexDataID, "there is no index", "channel create makes one"}}, nil
	}
	ix, err := sdk.ParseIndexStrict(ixText)
	if err != nil {
		return []Finding{{Problem, sdk.IndexDataID, err.Error(), ""}}, nil
	}
	var findings []Finding
	docs := map[string]Doc{}
	for _, name := range sortedKeys(ix.Channels) {
		doc, found, err := s.lintChannel(ctx, name, ix.Channels[name])
		if err != nil {
			return nil, err
		}
		findings = append(findings, found...)
		if doc.Channel != nil {
			doc.Index = ix.Revision
			docs[name] = doc
		}
	}
	findings = append(findings, lintOwners(ix, docs)...)
	reports, err := s.backend.Agents(ctx)
	if err != nil {
		findings = append(findings, Finding{Problem, "agents", err.Error(), ""})
	}
	for _, name := range sortedKeys(docs) {
		found, err := s.lintAgents(ctx, docs[name], reports)
		if err != nil {
			return nil, err
		}
		findings = append(findings, found...)
	}
	return append(findings, lintProblems(reports)...), nil
}

func (s *Store) lintChannel(ctx context.Context, name string, indexed int64) (Doc, []Finding, error) {
	where := sdk.ChannelDataID(name)
	text, err := s.backend.Load(ctx, where)
	if err != nil {
		return Doc{}, nil, fmt.Errorf("%s: %w", where, err)
	}
	if text == "" {
		return Doc{}, []Finding{{Problem, where, "the index names it, but it is gone", "bluegreen repair " + name}}, nil
	}
	var findings []Finding
	if _, err := sdk.ParseChannelStrict(text); err != nil {
		findings = append(findings, Finding{Problem, where, err.Error(), "bluegreen repair " + name})
	}
	ch, err := sdk.ParseChannel(text)
	if err != nil {
		return Doc{}, findings, nil
	}
	if ch.Name != name {
		return Doc{}, append(findings, Finding{Problem, where, fmt.Sprintf("names channel %q", ch.Name), ""}), nil
	}
	if ch.Revision != indexed {
		findings = append(findings, Finding{Problem, where, fmt.Sprintf("is at revision %d, the index says %d", ch.Revision, indexed), "bluegreen repair " + name})
	}
	entries, err := s.History(ctx, name)
	if err != nil {
		findings = append(findings, Finding{Notice, HistoryPrefix + name, err.Error(), ""})
	}
	if n := len(entries); n > 0 && entries[n-1].Document != text {
		findings = append(findings, Finding{Problem, where,
			fmt.Sprintf("is not the document of the history's revision %d by %s: edited elsewhere or restored", entries[n-1].Revision, entries[n-1].By),
			"look at it, then bluegreen repair " + name})
	}
	return Doc{Channel: ch, Text: text, Hash: sdk.DocumentHash(text)}, findings, nil
}

func lintOwners(ix *sdk.Index, docs map[string]Doc) []Finding {
	var findings []Finding
	active, idle := map[string][]string{}, map[string][]string{}
	for _, name := range sortedKeys(docs) {
		for _, svc := range docs[name].Services {
			if docs[name].IsActive() {
				active[svc] = append(active[svc], name)
				if ix.Owners[svc] != name {
					findings = append(findings, Finding{Problem, sdk.IndexDataID, fmt.Sprintf("service %s is in active channel %s, which has not claimed it", svc, name), "bluegreen repair " + name})
				}
			} else {
				idle[svc] = append(idle[svc], name)
			}
		}
	}
	for _, svc := range sortedKeys(active) {
		if len(active[svc]) > 1 {
			findings = append(findings, Finding{Problem, svc, "is in active channels " + strings.Join(active[svc], " and "), "finish one of them"})
		}
	}
	for _, svc := range sortedKeys(idle) {
		if all := append(idle[svc], active[svc]...); len(all) > 1 {
			findings = append(findings, Finding{Notice, svc, "is listed by channels " + strings.Join(all, " and ") + "; only one of them can be active", ""})
		}
	}
	for _, svc := range sortedKeys(ix.Owners) {
		doc, there := docs[ix.Owners[svc]]
		if !there || !doc.IsActive() || !doc.Has(svc) {
			findings = append(findings, Finding{Notice, sdk.IndexDataID,
				fmt.Sprintf("service %s is claimed by channel %s, which is not active with it", svc, ix.Owners[svc]), "bluegreen finish or activate " + ix.Owners[svc]})
		}
	}
	return findings
}

func (s *Store) lintAgents(ctx context.Context, doc Doc, reports []sdk.Report) ([]Finding, error) {
	var findings []Finding
	r := newRoster()
	r.observe(now(), reports)
	if doc.IsActive() {
		for _, h := range r.standing(doc, s.need) {
			severity := Notice
			if h.Kind == Differs {
				severity = Problem
			}
			findings = append(findings, Finding{severity, "channel " + doc.Name, h.String(), ""})
		}
	}
	for _, c := range sdk.Colors {
		cert, err := s.judged(ctx, doc, c, reports)
		if cert != nil && cert.Revoked != nil {
			findings = append(findings, Finding{Problem, "channel " + doc.Name, fmt.Sprintf("%s is out, but has started work: %s", c, list(cert.Revoked.Why)), "do not restart it; bluegreen wait --drained measures again"})
		} else if err != nil {
			return nil, err
		}
	}
	return findings, nil
}

func lintProblems(reports []sdk.Report) []Finding {
	var findings []Finding
	for i := range reports {
		id := reports[i].Identity
		where := fmt.Sprintf("%s/%s %s:%d", id.Service, id.Color, id.Host, id.PID)
		for _, p := range reports[i].Problems {
			findings = append(findings, Finding{Problem, where, p, ""})
		}
		if o := reports[i].Origin; o != sdk.FromSource {
			findings = append(findings, Finding{Problem, where, "follows rules from " + o.String(), "it cannot read the rules"})
		}
	}
	return findings
}
