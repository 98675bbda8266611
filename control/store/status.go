package store

import (
	"context"
	"errors"

	"github.com/bluegreen-go/bluegreen/sdk"
)

// Status is a channel as it stands: its document, who follows it, what is
// certified.
type Status struct {
	Channel      *sdk.Channel   `json:"channel"`
	Hash         string         `json:"hash"`
	Processes    []Process      `json:"processes"`
	Others       int            `json:"others"`    // processes outside the channel
	Converged    int            `json:"converged"` // of all processes
	Holds        []Hold         `json:"holds"`     // what a wait would wait for now
	Certificates []*Certificate `json:"certificates,omitempty"`
	Unreadable   string         `json:"unreadable,omitempty"` // why agents could not be read
}

// Process is one process of a channel.
type Process struct {
	Identity  sdk.Identity        `json:"-"`
	Service   string              `json:"service"`
	Color     sdk.Color           `json:"color"`
	Version   string              `json:"version,omitempty"`
	Host      string              `json:"host"`
	PID       int                 `json:"pid"`
	Boot      string              `json:"boot"`
	Revision  int64               `json:"revision"`
	Converged bool                `json:"converged"`
	Blind     []string            `json:"blind,omitempty"`
	Problems  []string            `json:"problems,omitempty"`
	Caps      []string            `json:"caps,omitempty"`
	InFlight  sdk.PerColor[int64] `json:"inFlight"`
	Starts    sdk.PerColor[int64] `json:"starts"`
}

// Status returns a channel's status. A revoked certificate is no error here: it
// is in the status, and told as [Revoked] the first time.
func (s *Store) Status(ctx context.Context, channel string) (*Status, error) {
	doc, err := s.Document(ctx, channel)
	if err != nil {
		return nil, err
	}
	ix, err := s.Index(ctx)
	if err != nil {
		return nil, err
	}
	if ix.Channels[channel] >= doc.Revision {
		doc.Index = ix.Revision
	}
	st := &Status{Channel: doc.Channel, Hash: doc.Hash}
	reports, err := s.backend.Agents(ctx)
	if err != nil {
		st.Unreadable = err.Error()
	}
	for i := range reports {
		rep := &reports[i]
		if _, held := behind(doc, rep); !held {
			st.Converged++
		}
		if !doc.Has(rep.Identity.Service) {
			st.Others++
			continue
		}
		st.Processes = append(st.Processes, process(doc, rep))
	}
	fresh := newRoster()
	fresh.observe(now(), reports)
	st.Holds = fresh.standing(doc, s.need)
	st.Processes = sortProcesses(st.Processes)
	for _, c := range sdk.Colors {
		cert, err := s.judged(ctx, doc, c, reports)
		if err != nil && !errors.Is(err, ErrRevoked) {
			return st, err
		}
		if cert != nil {
			st.Certificates = append(st.Certificates, cert)
		}
	}
	return st, nil
}

func process(doc Doc, rep *sdk.Report) Process {
	c, _ := rep.Of(doc.Name)
	_, held := behind(doc, rep)
	id := rep.Identity
	return Process{
		Identity: id, Service: id.Service, Color: id.Color, Version: id.Version, Host: id.Host, PID: id.PID, Boot: id.Boot,
		Revision: c.Revision, Converged: !held, Blind: c.Blind, Problems: rep.Problems, Caps: rep.Caps,
		InFlight: c.InFlight, Starts: c.Starts,
	}
}

// Agents returns the newest report of every process.
func (s *Store) Agents(ctx context.Context) ([]sdk.Report, error) { return s.backend.Agents(ctx) }

// Rules returns all channels as a process would compile them that reads them now.
func (s *Store) Rules(ctx context.Context) (*sdk.Rules, error) {
	ix, err := s.Index(ctx)
	if err != nil {
		return nil, err
	}
	var channels []*sdk.Channel
	var problems []sdk.Problem
	for _, name := range sortedKeys(ix.Channels) {
		doc, err := s.Document(ctx, name)
		if err != nil {
			problems = append(problems, sdk.Problem{Channel: name, Err: err})
			continue
		}
		channels = append(channels, doc.Channel)
	}
	return sdk.NewRules(sdk.FromSource, *ix, channels, problems...), nil
}
