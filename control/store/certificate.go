package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/bluegreen-go/bluegreen/sdk"
)

// CertificatePrefix + channel + "." + colour names the document that keeps the
// last certificate of a colour.
const CertificatePrefix = "bluegreen.certificate."

// Certificate is the statement that no process of a colour in a channel carries
// work any more, with its evidence. It covers RPC.
type Certificate struct {
	Channel  string    `json:"channel"`
	Color    sdk.Color `json:"color"`
	Drained  bool      `json:"drained"`  // false: a wait was forced on the way
	Out      int64     `json:"out"`      // the revision at which the colour was found out
	Revision int64     `json:"revision"` // the revision of the last round of reports
	Hash     string    `json:"hash"`     // of that document
	At       time.Time `json:"at"`
	By       string    `json:"by"`
	Quiet    string    `json:"quiet"` // how long nothing had started
	// Forced lists the waits that an operator has overruled.
	Forced []string `json:"forced,omitempty"`
	// Dead lists the boot ids that were declared dead.
	Dead    []string    `json:"dead,omitempty"`
	Roster  []Evidence  `json:"roster"`
	Revoked *Revocation `json:"revoked,omitempty"`
}

// Evidence is what one process of the roster has reported.
type Evidence struct {
	Service   string    `json:"service"`
	Color     sdk.Color `json:"color"`
	Host      string    `json:"host"`
	PID       int       `json:"pid"`
	Boot      string    `json:"boot"`
	Version   string    `json:"version,omitempty"`
	Seq       int64     `json:"seq"`
	At        time.Time `json:"at"`
	Converged int64     `json:"converged"`
	InFlight  int64     `json:"inFlight"`
	Starts    int64     `json:"starts"`
	Own       bool      `json:"own"` // a process of the certified colour in the channel
}

// Revocation says why a certificate does not hold any more.
type Revocation struct {
	At  time.Time `json:"at"`
	Why []Hold    `json:"why"`
}

func certificateID(channel string, color sdk.Color) string {
	return CertificatePrefix + channel + "." + color.String()
}

// Certify waits for the quiet time of a colour that is out and certifies it. The
// certificate is kept in the backend.
func (s *Store) Certify(ctx context.Context, channel string, color sdk.Color) (*Certificate, error) {
	r, err := s.begin(ctx, channel)
	if err != nil {
		return nil, err
	}
	if err := needActive(r.doc.Channel, color); err != nil {
		return nil, err
	}
	return r.certify(ctx, color)
}

// certify is the end of a close: everybody sees the colour out, nothing starts
// on it for the quiet time, and a fresh round of reports says so.
func (r *run) certify(ctx context.Context, color sdk.Color) (*Certificate, error) {
	if r.doc.Stage.Of(color) != sdk.Out {
		return nil, fmt.Errorf("channel %s: %s is %s: %w", r.doc.Name, color, r.doc.Stage.Of(color), ErrNotDrained)
	}
	out, began := r.doc.Revision, time.Now()
	own := ofColor(r.doc.Channel, color)
	if err := r.settled(ctx); err != nil {
		return nil, err
	}
	for {
		var before map[string]int64
		r.with(func(ro *roster) { before = ro.starts(r.doc.Name, color, own) })
		moved, err := r.quiet(ctx, color, before)
		if err != nil {
			return nil, err
		}
		if len(moved) == 0 {
			return r.sign(ctx, color, out)
		}
		r.emit(Restarted{r.doc.Name, "quiet time of " + color.String(), moved})
		if time.Since(began) < r.cfg.timeout {
			continue
		}
		if r.cfg.force {
			r.overrode = append(r.overrode, "quiet time: "+list(moved))
			return r.sign(ctx, color, out)
		}
		return nil, &WaitError{Channel: r.doc.Name, What: color.String() + " to stay quiet", Revision: r.doc.Revision, After: time.Since(began), Holds: moved}
	}
}

// quiet waits and returns who has moved meanwhile.
func (r *run) quiet(ctx context.Context, color sdk.Color, before map[string]int64) ([]Hold, error) {
	own := ofColor(r.doc.Channel, color)
	moved := func(ro *roster) []Hold { return ro.started(r.doc.Name, color, before, own) }
	r.emit(Settling{r.doc.Name, color.String() + " stays quiet", r.cfg.quiet})
	for until := time.Now().Add(r.cfg.quiet); time.Now().Before(until); {
		if err := pause(ctx, min(r.cfg.poll, time.Until(until))); err != nil {
			return nil, err
		}
		var held []Hold
		_, _ = r.look(ctx, func(ro *roster) []Hold { held = moved(ro); return nil })
		if len(held) > 0 {
			return held, nil
		}
	}
	if err := r.probe(ctx, color.String()+" is quiet"); err != nil {
		return nil, err
	}
	var held []Hold
	r.with(func(ro *roster) { held = append(moved(ro), ro.busy(r.doc.Name, color)...) })
	return held, nil
}

// sign writes the certificate down. From here on the colour's processes may be
// restarted: they are not missed.
func (r *run) sign(ctx context.Context, color sdk.Color, out int64) (*Certificate, error) {
	c := &Certificate{
		Channel: r.doc.Name, Color: color, Out: out, Revision: r.doc.Revision, Hash: r.doc.Hash,
		At: time.Now().UTC().Truncate(time.Millisecond), By: r.cfg.author, Quiet: r.cfg.quiet.String(), Forced: r.overrode,
		Drained: len(r.overrode) == 0, Dead: sortedKeys(r.cfg.dead),
	}
	own := ofColor(r.doc.Channel, color)
	r.with(func(ro *roster) {
		present, _ := ro.present()
		for _, m := range present {
			c.Roster = append(c.Roster, evidence(&m.last, r.doc.Name, color, own(m.last.Identity)))
		}
		if c.Drained {
			ro.excuse(own)
		}
	})
	if err := r.saveCertificate(ctx, c); err != nil {
		return nil, err
	}
	r.emit(Certified{c})
	return c, nil
}

func evidence(rep *sdk.Report, channel string, color sdk.Color, own bool) Evidence {
	ch, _ := rep.Of(channel)
	id := rep.Identity
	return Evidence{
		Service: id.Service, Color: id.Color, Host: id.Host, PID: id.PID, Boot: id.Boot, Version: id.Version,
		Seq: rep.Seq, At: rep.At, Converged: ch.Converged, InFlight: ch.InFlight.Of(color), Starts: ch.Starts.Of(color), Own: own,
	}
}

func (s *Store) saveCertificate(ctx context.Context, c *Certificate) error {
	text, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return err
	}
	err = s.swap(ctx, certificateID(c.Channel, c.Color), func(string) (string, error) { return string(text), nil })
	if err != nil {
		return fmt.Errorf("certificate of %s/%s is not kept: %w", c.Channel, c.Color, err)
	}
	return nil
}

// Certificate returns the certificate of a colour that is out, nil if there is
// none in force. It is judged against the present reports: if something was
// started on the colour since, it is revoked, which is kept and told as
// [Revoked], and the error wraps [ErrRevoked].
func (s *Store) Certificate(ctx context.Context, channel string, color sdk.Color) (*Certificate, error) {
	doc, err := s.Document(ctx, channel)
	if err != nil {
		return nil, err
	}
	reports, err := s.backend.Agents(ctx)
	if err != nil && len(reports) == 0 {
		return nil, err
	}
	return s.judged(ctx, doc, color, reports)
}

// judged is Certificate over reports that were read already.
func (s *Store) judged(ctx context.Context, doc Doc, color sdk.Color, reports []sdk.Report) (*Certificate, error) {
	if doc.StageOf(color) != sdk.Out {
		return nil, nil
	}
	text, err := s.backend.Load(ctx, certificateID(doc.Name, color))
	if err != nil || text == "" {
		return nil, err
	}
	c := &Certificate{}
	if err := json.Unmarshal([]byte(text), c); err != nil {
		return nil, fmt.Errorf("certificate of %s/%s: %w", doc.Name, color, err)
	}
	if in, err := s.inSince(ctx, doc, c); err != nil || in {
		return nil, err // it is about an earlier time that the colour was out
	}
	if c.Revoked == nil {
		why := Judge(c, doc.Channel, reports)
		if len(why) == 0 {
			return c, nil
		}
		c.Revoked = &Revocation{At: time.Now().UTC().Truncate(time.Millisecond), Why: why}
		c.Drained = false
		if err := s.saveCertificate(ctx, c); err != nil {
			s.emit(Warned{doc.Name, err.Error()})
		}
		s.emit(Revoked{c})
	}
	return c, fmt.Errorf("channel %s: %s: %w: %s", doc.Name, color, ErrRevoked, list(c.Revoked.Why))
}

// inSince reports whether the colour was in after the certificate was made.
func (s *Store) inSince(ctx context.Context, doc Doc, c *Certificate) (bool, error) {
	entries, err := s.History(ctx, doc.Name)
	if err != nil {
		return false, err
	}
	for _, e := range entries {
		if e.Revision <= c.Revision || e.Revision > doc.Revision {
			continue
		}
		if ch, err := e.Channel(); err == nil && serves(ch, c.Color) {
			return true, nil
		}
	}
	return c.Revision > doc.Revision, nil
}

// Judge lists what revokes a certificate: processes of the colour that have
// started something since, or have work under way; a process that was restarted
// must have started nothing at all. It is pure.
func Judge(c *Certificate, ch *sdk.Channel, reports []sdk.Report) []Hold {
	starts := map[string]int64{}
	for _, e := range c.Roster {
		starts[e.Boot] = e.Starts
	}
	own := ofColor(ch, c.Color)
	var why []Hold
	for _, rep := range reports {
		if !own(rep.Identity) {
			continue
		}
		is, _ := rep.Of(ch.Name)
		if n := is.Starts.Of(c.Color) - starts[rep.Identity.Boot]; n > 0 {
			why = append(why, holdOf(rep.Identity, Started, fmt.Sprintf("%d %s requests since the certificate", n, c.Color)))
		} else if n := is.InFlight.Of(c.Color); n != 0 {
			why = append(why, holdOf(rep.Identity, Busy, fmt.Sprintf("%d %s requests in flight", n, c.Color)))
		}
	}
	return sortHolds(why)
}

// Watch judges the certificate of a colour at each poll until the context ends
// (nil), the certificate is revoked ([ErrRevoked]) or the colour is in again
// ([ErrNotDrained]).
func (s *Store) Watch(ctx context.Context, channel string, color sdk.Color) error {
	for {
		c, err := s.Certificate(ctx, channel, color)
		switch {
		case errors.Is(err, ErrRevoked), errors.Is(err, ErrNotFound):
			return err
		case err == nil && c == nil:
			return fmt.Errorf("channel %s: %s: %w", channel, color, ErrNotDrained)
		}
		if pause(ctx, s.cfg.poll) != nil {
			return nil
		}
	}
}
