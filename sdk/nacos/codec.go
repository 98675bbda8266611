package nacos

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/bluegreen-go/bluegreen/sdk"
)

// Bounds of what a report carries; more is cut and said so.
const (
	maxList = 16  // blind spots per channel, problems, adapters
	maxText = 160 // bytes of one text
)

const wireVersion = 1

// wire is a report as it is written: JSON with short names, since Nacos gives
// little room. A reader ignores names that it does not know.
type wire struct {
	Version  int           `json:"v"`
	Service  string        `json:"s"`
	Color    string        `json:"c,omitempty"`
	Release  string        `json:"r,omitempty"` // Identity.Version
	Host     string        `json:"h,omitempty"`
	PID      int           `json:"p,omitempty"`
	Boot     string        `json:"b"`
	Start    int64         `json:"t,omitempty"` // Unix milliseconds
	Seq      int64         `json:"q"`
	At       int64         `json:"a,omitempty"` // Unix milliseconds
	Origin   sdk.Origin    `json:"o,omitempty"`
	Index    int64         `json:"i,omitempty"`
	Channels []wireChannel `json:"ch,omitempty"`
	Problems []string      `json:"pr,omitempty"`
	Caps     []string      `json:"ca,omitempty"`
	Leaving  bool          `json:"l,omitempty"`
}

type wireChannel struct {
	Name      string   `json:"n"`
	Revision  int64    `json:"r,omitempty"`
	Hash      string   `json:"h,omitempty"`
	Converged int64    `json:"c,omitempty"`
	Blind     []string `json:"b,omitempty"`
	InFlight  pair     `json:"i,omitzero"`
	Starts    pair     `json:"s,omitzero"`
}

// pair is blue, green.
type pair [2]int64

func pairOf(p sdk.PerColor[int64]) pair { return pair{p.Blue, p.Green} }

func (p pair) perColor() sdk.PerColor[int64] { return sdk.PerColor[int64]{Blue: p[0], Green: p[1]} }

// marshal writes a report.
func marshal(r *sdk.Report) (string, error) {
	id := r.Identity
	color, err := id.Color.MarshalText()
	if err != nil {
		return "", err
	}
	w := wire{
		Version: wireVersion, Service: id.Service, Color: string(color), Release: short(id.Version), Host: short(id.Host),
		PID: id.PID, Boot: id.Boot, Start: millis(id.Start), Seq: r.Seq, At: millis(r.At), Origin: r.Origin, Index: r.Index,
		Problems: shortList(r.Problems), Caps: shortList(r.Caps), Leaving: r.Leaving,
	}
	for _, c := range r.Channels {
		w.Channels = append(w.Channels, wireChannel{
			Name: c.Channel, Revision: c.Revision, Hash: short(c.Hash), Converged: c.Converged, Blind: shortList(c.Blind),
			InFlight: pairOf(c.InFlight), Starts: pairOf(c.Starts),
		})
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(&w); err != nil {
		return "", err
	}
	return strings.TrimSuffix(b.String(), "\n"), nil
}

// unmarshal reads a report of this version or a later one.
func unmarshal(text string) (sdk.Report, error) {
	var w wire
	if err := json.Unmarshal([]byte(text), &w); err != nil {
		return sdk.Report{}, fmt.Errorf("report: %w", err)
	}
	if w.Version < 1 {
		return sdk.Report{}, fmt.Errorf("report: version %d", w.Version)
	}
	if w.Service == "" || w.Boot == "" {
		return sdk.Report{}, errors.New("report: it does not say whose it is")
	}
	color, err := sdk.ParseColor(w.Color)
	if err != nil {
		return sdk.Report{}, fmt.Errorf("report: %w", err)
	}
	r := sdk.Report{
		Identity: sdk.Identity{
			Service: w.Service, Color: color, Version: w.Release, Host: w.Host, PID: w.PID, Boot: w.Boot, Start: moment(w.Start),
		},
		Seq: w.Seq, At: moment(w.At), Origin: w.Origin, Index: w.Index, Problems: w.Problems, Caps: w.Caps, Leaving: w.Leaving,
	}
	for _, c := range w.Channels {
		r.Channels = append(r.Channels, sdk.ChannelReport{
			Channel: c.Name, Revision: c.Revision, Hash: c.Hash, Converged: c.Converged, Blind: c.Blind,
			InFlight: c.InFlight.perColor(), Starts: c.Starts.perColor(),
		})
	}
	return r, nil
}

func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func moment(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms)
}

// shortList keeps the first of a long list and says how many more there are.
func shortList(list []string) []string {
	if len(list) == 0 {
		return nil
	}
	out := make([]string, 0, min(len(list), maxList))
	for i, s := range list {
		if i == maxList-1 && len(list) > maxList {
			return append(out, fmt.Sprintf("and %d more", len(list)-i))
		}
		out = append(out, short(s))
	}
	return out
}

// short cuts a long text at the end of a rune.
func short(s string) string {
	s = strings.ToValidUTF8(s, "?")
	if len(s) <= maxText {
		return s
	}
	end := maxText - len("…")
	for !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + "…"
}
