package main

import (
	"fmt"
	"os"
	"runtime/debug"
	"time"

	"github.com/spf13/cobra"

	"github.com/bluegreen-go/bluegreen/control/store"
	"github.com/bluegreen-go/bluegreen/devstack"
)

func (a *app) lintCommand() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use: "lint", Short: "Look for what is not as it should be in documents and processes",
		Long: `Lint looks at all documents and processes: documents that cannot be read or were
edited elsewhere, claims without a channel, services in two channels, processes that
are behind, drained colours that have started work. It exits 7 if there is a problem.
With --file it judges one channel's document without Nacos.`,
		Args: args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if file != "" {
				text, err := os.ReadFile(file)
				if err != nil {
					return err
				}
				return a.findings(store.LintDocument(string(text)))
			}
			return a.withStore(cmd.Context(), func(s *store.Store, _ *Connection) error {
				found, err := s.Lint(cmd.Context())
				if err != nil {
					return err
				}
				return a.findings(found)
			})
		},
	}
	cmd.Flags().StringVarP(&file, "file", "f", "", "a channel's document")
	return cmd
}

func (a *app) findings(found []store.Finding) error {
	bad := 0
	for _, f := range found {
		if f.Severity == store.Problem {
			bad++
		}
		if a.output != "json" {
			a.printf("%s\n", f)
		}
	}
	switch {
	case a.output == "json":
		if err := a.json(append([]store.Finding{}, found...)); err != nil {
			return err
		}
	case len(found) == 0:
		a.printf("nothing found\n")
	}
	if bad > 0 {
		return errFound
	}
	return nil
}

func (a *app) repairCommand() *cobra.Command {
	return a.waits.add(&cobra.Command{
		Use: "repair CHANNEL", Short: "Publish a channel's rules above every revision that anybody has seen",
		Long: `Repair mends a restore of an old backup, an edit at the console and a document that
was deleted: it publishes the document, or the last good one of the history, above
every revision that a process, the index or the history knows.`,
		Args: args("CHANNEL"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.move(cmd.Context(), func(s *store.Store) (store.Doc, error) { return s.Repair(cmd.Context(), args[0]) })
		},
	})
}

func (a *app) historyCommand() *cobra.Command {
	var revision int64
	cmd := &cobra.Command{
		Use: "history CHANNEL", Short: "List who published what, when and why", Args: args("CHANNEL"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withStore(cmd.Context(), func(s *store.Store, _ *Connection) error {
				entries, err := s.History(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				return a.history(args[0], entries, revision)
			})
		},
	}
	cmd.Flags().Int64Var(&revision, "revision", 0, "print the document of this revision")
	return cmd
}

func (a *app) history(channel string, entries []store.Entry, revision int64) error {
	if revision > 0 {
		for _, e := range entries {
			if e.Revision == revision {
				a.printf("%s", e.Document)
				return nil
			}
		}
		return fmt.Errorf("channel %s: revision %d is not in the history", channel, revision)
	}
	if a.output == "json" {
		return a.json(append([]store.Entry{}, entries...))
	}
	rows := [][]string{{"REVISION", "AT", "BY", "STATE", "BLUE", "GREEN", "NOTE"}}
	for _, e := range entries {
		row := []string{fmt.Sprint(e.Revision), stamp(e.At), e.By, "?", "?", "?", e.Note}
		if ch, err := e.Channel(); err == nil {
			copy(row[3:6], channelRow(ch)[2:5])
		}
		rows = append(rows, row)
	}
	table(a.streams.Out, rows)
	return nil
}

func (a *app) settingsCommand() *cobra.Command {
	var jitter time.Duration
	cmd := &cobra.Command{
		Use: "settings", Short: "Show or set what all processes share", Args: args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withStore(cmd.Context(), func(s *store.Store, _ *Connection) error {
				if cmd.Flags().Changed("jitter-max") {
					if err := s.SetJitter(cmd.Context(), jitter); err != nil {
						return usageError{err}
					}
				}
				ix, err := s.Index(cmd.Context())
				if err != nil {
					return err
				}
				if a.output == "json" {
					return a.json(map[string]string{"jitterMax": ix.Settings.Jitter().String()})
				}
				a.printf("jitter-max  %s\n", ix.Settings.Jitter())
				return nil
			})
		},
	}
	cmd.Flags().DurationVar(&jitter, "jitter-max", 0, "bound of the random delay before registry writes and reports")
	return cmd
}

func (a *app) devCommand() *cobra.Command {
	var addr string
	cmd := &cobra.Command{
		Use: "dev", Short: "Run a Nacos in this process for trying things out, until interrupted",
		Long: `Dev runs the built-in Nacos on loopback: everything is in memory, there is no access
control. It is for development and tests.`,
		Args: args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			srv, err := devstack.Start(devstack.WithAddr(addr))
			if err != nil {
				return err
			}
			if a.output == "json" {
				err = a.json(map[string]string{"http": srv.Addr(), "grpc": srv.GRPCAddr()})
			} else {
				a.printf("Nacos  http  %s\n       grpc  %s\n\nexport NACOS_ADDR=%s\n\nInterrupt to stop; everything is in memory.\n", srv.Addr(), srv.GRPCAddr(), srv.Addr())
			}
			if err == nil {
				<-cmd.Context().Done()
			}
			if closeErr := srv.Close(); err == nil {
				err = closeErr
			}
			return err
		},
	}
	cmd.Flags().StringVar(&addr, "addr", "127.0.0.1:8848", "HTTP address on loopback; gRPC is 1000 above; empty: any free ports")
	return cmd
}

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the version", Args: args(),
		RunE: func(*cobra.Command, []string) error {
			version, revision, goVersion := "(devel)", "", ""
			if info, ok := debug.ReadBuildInfo(); ok {
				goVersion = info.GoVersion
				if info.Main.Version != "" {
					version = info.Main.Version
				}
				for _, s := range info.Settings {
					if s.Key == "vcs.revision" {
						revision = s.Value
					}
				}
			}
			if a.output == "json" {
				return a.json(map[string]string{"version": version, "revision": revision, "go": goVersion})
			}
			a.printf("bluegreen %s %s %s\n", version, dash(revision), goVersion)
			return nil
		},
	}
}
