package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/bluegreen-go/bluegreen/control/store"
	"github.com/bluegreen-go/bluegreen/sdk"
)

// move runs an operation that ends in a document.
func (a *app) move(ctx context.Context, f func(s *store.Store) (store.Doc, error)) error {
	return a.withStore(ctx, func(s *store.Store, _ *Connection) error {
		doc, err := f(s)
		if err != nil {
			return err
		}
		if a.output == "json" {
			return a.json(doc.Channel)
		}
		a.printf("%s\n", channelLine(doc.Channel))
		return nil
	})
}

// drain runs an operation that ends in a certificate.
func (a *app) drain(ctx context.Context, f func(s *store.Store) (*store.Certificate, error)) error {
	return a.withStore(ctx, func(s *store.Store, _ *Connection) error {
		cert, err := f(s)
		if err != nil {
			return err
		}
		return a.showCertificate(cert)
	})
}

func (a *app) activateCommand() *cobra.Command {
	var release sdk.Release
	var stable string
	cmd := &cobra.Command{
		Use: "activate CHANNEL", Short: "Start a release: every request keeps to one colour from now on",
		Args: args("CHANNEL"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if stable != "" {
				color, err := parseColor(stable)
				if err != nil {
					return err
				}
				release.Stable = color
			}
			return a.move(cmd.Context(), func(s *store.Store) (store.Doc, error) {
				return s.Activate(cmd.Context(), args[0], release)
			})
		},
	}
	cmd.Flags().StringVar(&release.ID, "release", "", "name of the release")
	cmd.Flags().StringVar(&stable, "stable", "", "the colour that runs the old code until the end")
	return a.waits.add(cmd)
}

func (a *app) openCommand() *cobra.Command {
	return a.waits.add(&cobra.Command{
		Use: "open CHANNEL COLOUR", Short: "Bring a colour in: registered everywhere, without a share yet",
		Args: args("CHANNEL", "COLOUR"),
		RunE: func(cmd *cobra.Command, args []string) error {
			color, err := parseColor(args[1])
			if err != nil {
				return err
			}
			return a.move(cmd.Context(), func(s *store.Store) (store.Doc, error) { return s.Open(cmd.Context(), args[0], color) })
		},
	})
}

func (a *app) shareCommand() *cobra.Command {
	return a.waits.add(&cobra.Command{
		Use: "share CHANNEL blue=N green=M", Short: "Set how new requests split",
		Args: func(cmd *cobra.Command, got []string) error {
			if len(got) == 0 {
				return usagef("%s: CHANNEL is missing", cmd.CommandPath())
			}
			_, err := parseShare(got[1:])
			return err
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			share, err := parseShare(args[1:])
			if err != nil {
				return err
			}
			return a.move(cmd.Context(), func(s *store.Store) (store.Doc, error) { return s.Share(cmd.Context(), args[0], share) })
		},
	})
}

func (a *app) promoteCommand() *cobra.Command {
	return a.waits.add(&cobra.Command{
		Use: "promote CHANNEL COLOUR", Short: "Let a colour run everything: base groups and jobs too",
		Args: args("CHANNEL", "COLOUR"),
		RunE: func(cmd *cobra.Command, args []string) error {
			color, err := parseColor(args[1])
			if err != nil {
				return err
			}
			return a.move(cmd.Context(), func(s *store.Store) (store.Doc, error) {
				return s.Promote(cmd.Context(), args[0], color)
			})
		},
	})
}

func (a *app) closeCommand() *cobra.Command {
	return a.waits.add(&cobra.Command{
		Use: "close CHANNEL COLOUR", Short: "Drain a colour and certify it",
		Long: `Close drains a colour: no new requests; groups and jobs handed over; silent in two
rounds of reports; out of the registry; quiet. Between the steps it waits for every
process. It prints the certificate.`,
		Args: args("CHANNEL", "COLOUR"),
		RunE: func(cmd *cobra.Command, args []string) error {
			color, err := parseColor(args[1])
			if err != nil {
				return err
			}
			return a.drain(cmd.Context(), func(s *store.Store) (*store.Certificate, error) {
				return s.Close(cmd.Context(), args[0], color)
			})
		},
	})
}

func (a *app) abortCommand() *cobra.Command {
	var hard bool
	cmd := &cobra.Command{
		Use: "abort CHANNEL COLOUR", Short: "Take a colour back at once",
		Long: `Abort takes the colour's share, groups and jobs in one publish that waits for
nobody. The colour leaves the registry when it is silent, at the latest after
--abort-limit. With --hard it leaves in the same publish: what is under way on it
crosses to the other colour.`,
		Args: args("CHANNEL", "COLOUR"),
		RunE: func(cmd *cobra.Command, args []string) error {
			color, err := parseColor(args[1])
			if err != nil {
				return err
			}
			return a.drain(cmd.Context(), func(s *store.Store) (*store.Certificate, error) {
				return s.Abort(cmd.Context(), args[0], color, hard)
			})
		},
	}
	cmd.Flags().BoolVar(&hard, "hard", false, "leave the registry at once")
	return a.waits.add(cmd)
}

func (a *app) finishCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "finish CHANNEL", Short: "End a release: both colours full, 1:1, requests mix again",
		Args: args("CHANNEL"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.move(cmd.Context(), func(s *store.Store) (store.Doc, error) { return s.Finish(cmd.Context(), args[0]) })
		},
	}
	cmd.Flags().BoolVar(&a.waits.mixed, "mixed-versions", false, "although the colours report different versions")
	return a.waits.add(cmd)
}

func (a *app) waitCommand() *cobra.Command {
	var drained, watch bool
	cmd := &cobra.Command{
		Use: "wait CHANNEL [COLOUR --drained]", Short: "Wait until every process follows, or a colour is drained",
		Long: `Wait exits 0 once every process follows the channel's rules. With --drained it
exits 0 with the certificate of the colour: the one in force, or a new one after the
quiet time; else it names what still runs where. With --watch it goes on looking and
exits 6 as soon as something starts on the colour.`,
		Args: upTo(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case len(args) == 0:
				return usagef("wait: CHANNEL is missing")
			case drained != (len(args) == 2):
				return usagef("wait: --drained and a colour belong together")
			case watch && !drained:
				return usagef("wait: --watch needs --drained")
			case !drained:
				return a.move(cmd.Context(), func(s *store.Store) (store.Doc, error) {
					return s.WaitConverged(cmd.Context(), args[0], a.waits.timeout)
				})
			}
			color, err := parseColor(args[1])
			if err != nil {
				return err
			}
			return a.waitDrained(cmd.Context(), args[0], color, watch)
		},
	}
	cmd.Flags().BoolVar(&drained, "drained", false, "wait for the colour's certificate")
	cmd.Flags().BoolVar(&watch, "watch", false, "keep looking until it is revoked")
	return a.waits.add(cmd)
}

func (a *app) waitDrained(ctx context.Context, channel string, color sdk.Color, watch bool) error {
	return a.withStore(ctx, func(s *store.Store, _ *Connection) error {
		cert, err := s.Certificate(ctx, channel, color)
		if err != nil && (cert == nil || cert.Revoked == nil) {
			return err
		}
		if cert == nil || !cert.Drained {
			if cert, err = s.Certify(ctx, channel, color); err != nil {
				return err
			}
		}
		if err := a.showCertificate(cert); err != nil {
			return err
		}
		if !cert.Drained {
			return fmt.Errorf("%s/%s: a wait was forced: %w", channel, color, store.ErrNotDrained)
		}
		if !watch {
			return nil
		}
		return s.Watch(ctx, channel, color)
	})
}
