package main

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/bluegreen-go/bluegreen/control/store"
	"github.com/bluegreen-go/bluegreen/sdk"
)

// table writes aligned columns.
func table(out io.Writer, rows [][]string) {
	var b bytes.Buffer
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		fmt.Fprintln(w, strings.Join(row, "\t"))
	}
	_ = w.Flush()
	for line := range strings.Lines(b.String()) {
		fmt.Fprintln(out, strings.TrimRight(line, " \n"))
	}
}

// count is a number of processes.
func count(n int) string {
	if n == 1 {
		return "1 process"
	}
	return fmt.Sprintf("%d processes", n)
}

// channelLine says in one line how a channel stands.
func channelLine(ch *sdk.Channel) string {
	if !ch.IsActive() {
		return fmt.Sprintf("%s  revision %d  idle  %s", ch.Name, ch.Revision, strings.Join(ch.Services, ", "))
	}
	return fmt.Sprintf("%s  revision %d  active  blue %s %s, green %s %s", ch.Name, ch.Revision,
		percent(ch.Share, sdk.Blue), ch.Stage.Blue, percent(ch.Share, sdk.Green), ch.Stage.Green)
}

// percent is a colour's share of new requests.
func percent(share sdk.PerColor[int], color sdk.Color) string {
	p := 100 * float64(share.Of(color)) / float64(share.Blue+share.Green)
	return strings.TrimSuffix(strings.TrimRight(fmt.Sprintf("%.2f", p), "0"), ".") + "%"
}

func (a *app) showCertificate(c *store.Certificate) error {
	if a.output == "json" {
		return a.json(c)
	}
	writeCertificate(a.streams.Out, c, true)
	return nil
}

func certificateLine(c *store.Certificate) string {
	state := "drained: safe to restart"
	switch {
	case c.Revoked != nil:
		state = "REVOKED at " + stamp(c.Revoked.At)
	case !c.Drained:
		state = "FORCED, not drained"
	}
	return fmt.Sprintf("%s/%s  %s  (revision %d, %s, by %s, quiet for %s)", c.Channel, c.Color, state, c.Revision, stamp(c.At), c.By, c.Quiet)
}

// writeCertificate prints a certificate, with its roster or only what is wrong.
func writeCertificate(out io.Writer, c *store.Certificate, roster bool) {
	fmt.Fprintln(out, certificateLine(c))
	for _, f := range c.Forced {
		fmt.Fprintln(out, "  forced:", f)
	}
	if c.Revoked != nil {
		for _, h := range c.Revoked.Why {
			fmt.Fprintln(out, " ", h)
		}
	}
	if !roster {
		return
	}
	rows := [][]string{{"  SERVICE", "COLOUR", "PROCESS", "BOOT", "VERSION", "CONVERGED", "IN FLIGHT", "STARTS", "REPORT"}}
	for _, e := range c.Roster {
		rows = append(rows, []string{
			"  " + e.Service, e.Color.String(), fmt.Sprintf("%s:%d", e.Host, e.PID), e.Boot, dash(e.Version),
			fmt.Sprint(e.Converged), fmt.Sprint(e.InFlight), fmt.Sprint(e.Starts), fmt.Sprintf("#%d", e.Seq),
		})
	}
	table(out, rows)
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// writeStatus prints a channel as a tree: rules, certificates, processes, and
// what would hold a wait.
func writeStatus(out io.Writer, st *store.Status) {
	ch := st.Channel
	rows := [][]string{
		{"Channel:", ch.Name},
		{"State:", fmt.Sprintf("%s, revision %d", ch.State, ch.Revision)},
	}
	if ch.Publish.By != "" {
		rows = append(rows, []string{"Published:", fmt.Sprintf("%s by %s: %s", stamp(ch.Publish.At), ch.Publish.By, ch.Publish.Note)})
	}
	if ch.Release.ID != "" || ch.Release.Stable != sdk.Neutral {
		rows = append(rows, []string{"Release:", strings.TrimSpace(ch.Release.ID + " stable " + ch.Release.Stable.String())})
	}
	rows = append(rows, []string{"Services:", strings.Join(ch.Services, ", ")})
	if ch.IsActive() {
		rows = append(rows, []string{"When empty:", string(ch.WhenEmpty)})
	}
	rows = append(rows, []string{"Converged:", fmt.Sprintf("%d of %s", st.Converged, count(len(st.Processes)+st.Others))})
	if st.Unreadable != "" {
		rows = append(rows, []string{"Agents:", "UNREADABLE: " + st.Unreadable})
	}
	table(out, rows)
	writeColors(out, st)
	writeProcesses(out, st)
	if len(st.Holds) > 0 {
		fmt.Fprintln(out, "\nA wait would be held by")
		for _, h := range st.Holds {
			fmt.Fprintln(out, "  ✗", h)
		}
	}
}

func writeColors(out io.Writer, st *store.Status) {
	ch := st.Channel
	fmt.Fprintln(out)
	rows := [][]string{{"COLOUR", "SHARE", "STAGE", "PROCESSES", "IN FLIGHT", "CERTIFICATE"}}
	for _, c := range sdk.Colors {
		n, inFlight := 0, int64(0)
		for _, p := range st.Processes {
			inFlight += p.InFlight.Of(c)
			if p.Color == c {
				n++
			}
		}
		share := "-"
		if ch.IsActive() {
			share = percent(ch.Share, c)
		}
		rows = append(rows, []string{c.String(), share, ch.StageOf(c).String(), fmt.Sprint(n), fmt.Sprint(inFlight), certificateWord(st, c)})
	}
	table(out, rows)
	for _, c := range st.Certificates {
		if c.Revoked != nil || !c.Drained {
			writeCertificate(out, c, false)
		}
	}
}

func certificateWord(st *store.Status, color sdk.Color) string {
	for _, c := range st.Certificates {
		switch {
		case c.Color != color:
		case c.Revoked != nil:
			return "REVOKED"
		case !c.Drained:
			return "forced"
		default:
			return "drained"
		}
	}
	return "-"
}

func writeProcesses(out io.Writer, st *store.Status) {
	if len(st.Processes) == 0 {
		fmt.Fprintln(out, "\nno process of the channel reports")
		return
	}
	fmt.Fprintln(out)
	rows := [][]string{{"", "SERVICE", "COLOUR", "PROCESS", "BOOT", "VERSION", "REVISION", "IN FLIGHT b:g", "STARTS b:g", "NOTE"}}
	for _, p := range st.Processes {
		mark, note := "✓", append(slices.Clone(p.Blind), p.Problems...)
		if !p.Converged {
			mark = "✗"
		}
		text := strings.Join(note, "; ")
		if len(p.Blind) > 0 {
			text = "blind: " + text
		}
		rows = append(rows, []string{
			mark, p.Service, p.Color.String(), fmt.Sprintf("%s:%d", p.Host, p.PID), p.Boot, dash(p.Version), fmt.Sprint(p.Revision),
			fmt.Sprintf("%d:%d", p.InFlight.Blue, p.InFlight.Green), fmt.Sprintf("%d:%d", p.Starts.Blue, p.Starts.Green), text,
		})
	}
	table(out, rows)
	if st.Others > 0 {
		fmt.Fprintf(out, "and %s outside the channel\n", count(st.Others))
	}
}
