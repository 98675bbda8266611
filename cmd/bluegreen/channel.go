package main

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bluegreen-go/bluegreen/control/store"
	"github.com/bluegreen-go/bluegreen/sdk"
)

func (a *app) channelCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "channel", Short: "Create, list, show and delete channels",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usagef("channel: unknown command %q", args[0])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	var services []string
	create := &cobra.Command{
		Use: "create CHANNEL --services A,B", Short: "Make a channel that is idle", Args: args("CHANNEL"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(services) == 0 {
				return usagef("channel create: --services is missing")
			}
			return a.move(cmd.Context(), func(s *store.Store) (store.Doc, error) {
				return s.Create(cmd.Context(), args[0], services)
			})
		},
	}
	create.Flags().StringSliceVar(&services, "services", nil, "the services that are released together")
	cmd.AddCommand(create,
		&cobra.Command{
			Use: "list", Short: "List the channels", Args: args(),
			RunE: func(cmd *cobra.Command, _ []string) error { return a.list(cmd.Context()) },
		},
		&cobra.Command{
			Use: "get CHANNEL", Short: "Print a channel's document", Args: args("CHANNEL"),
			RunE: func(cmd *cobra.Command, args []string) error { return a.document(cmd.Context(), args[0]) },
		},
		&cobra.Command{
			Use: "delete CHANNEL", Short: "Delete a channel that is idle", Args: args("CHANNEL"),
			RunE: func(cmd *cobra.Command, args []string) error {
				return a.withStore(cmd.Context(), func(s *store.Store, _ *Connection) error {
					return s.Delete(cmd.Context(), args[0])
				})
			},
		})
	return cmd
}

func (a *app) document(ctx context.Context, channel string) error {
	return a.withStore(ctx, func(s *store.Store, _ *Connection) error {
		doc, err := s.Document(ctx, channel)
		if err != nil {
			return err
		}
		if a.output == "json" {
			return a.json(doc.Channel)
		}
		a.printf("%s", doc.Text)
		return nil
	})
}

// list prints all channels; one that cannot be read is a line too.
func (a *app) list(ctx context.Context) error {
	return a.withStore(ctx, func(s *store.Store, _ *Connection) error {
		names, err := s.Channels(ctx)
		if err != nil {
			return err
		}
		channels := []*sdk.Channel{}
		rows := [][]string{{"CHANNEL", "REVISION", "STATE", "BLUE", "GREEN", "RELEASE", "SERVICES"}}
		for _, name := range names {
			doc, err := s.Document(ctx, name)
			if err != nil {
				rows = append(rows, []string{name, "?", err.Error()})
				continue
			}
			channels = append(channels, doc.Channel)
			rows = append(rows, channelRow(doc.Channel))
		}
		switch {
		case a.output == "json":
			return a.json(channels)
		case len(names) == 0:
			a.printf("no channels; make one with: bluegreen channel create NAME --services A,B\n")
		default:
			table(a.streams.Out, rows)
		}
		return nil
	})
}

func channelRow(ch *sdk.Channel) []string {
	colors := sdk.Both("-")
	if ch.IsActive() {
		for _, c := range sdk.Colors {
			colors = colors.With(c, percent(ch.Share, c)+" "+ch.Stage.Of(c).String())
		}
	}
	return []string{
		ch.Name, fmt.Sprint(ch.Revision), string(ch.State), colors.Blue, colors.Green, dash(ch.Release.ID), strings.Join(ch.Services, ", "),
	}
}

func (a *app) getCommand() *cobra.Command {
	var watch bool
	cmd := &cobra.Command{
		Use: "get [CHANNEL]", Short: "Show a channel: rules, processes, certificates; without a name, all channels",
		Args: upTo(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case len(args) == 0 && watch:
				return usagef("get: --watch needs a channel")
			case len(args) == 0:
				return a.list(cmd.Context())
			}
			return a.withStore(cmd.Context(), func(s *store.Store, _ *Connection) error {
				if watch {
					return a.watch(cmd.Context(), s, args[0])
				}
				text, err := a.status(cmd.Context(), s, args[0])
				if err == nil {
					a.printf("%s", text)
				}
				return err
			})
		},
	}
	cmd.Flags().BoolVarP(&watch, "watch", "w", false, "show it again after each change, until interrupted")
	return a.waits.add(cmd)
}

func (a *app) status(ctx context.Context, s *store.Store, channel string) (string, error) {
	st, err := s.Status(ctx, channel)
	if err != nil {
		return "", err
	}
	var b bytes.Buffer
	if a.output == "json" {
		sub := *a
		sub.streams.Out = &b
		err := sub.json(st)
		return b.String(), err
	}
	writeStatus(&b, st)
	return b.String(), nil
}

// watch prints the status whenever it has changed, until the context ends.
func (a *app) watch(ctx context.Context, s *store.Store, channel string) error {
	last := ""
	for {
		text, err := a.status(ctx, s, channel)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			text = "error: " + err.Error() + "\n" // it may pass
			if a.output == "json" {
				return err
			}
		}
		if text != last {
			if last != "" && a.output != "json" {
				a.printf("\n--- %s\n", stamp(time.Now()))
			}
			a.printf("%s", text)
			last = text
		}
		t := time.NewTimer(a.waits.poll)
		select {
		case <-ctx.Done():
			t.Stop()
			return nil
		case <-t.C:
		}
	}
}
