package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/bluegreen-go/bluegreen/control/store"
	"github.com/bluegreen-go/bluegreen/sdk"
)

// Streams is where a command writes: results to Out, progress and errors to Err.
type Streams struct {
	Out, Err io.Writer
	// Connect replaces the connection to Nacos; it is for tests.
	Connect func(ctx context.Context, t Target) (*Connection, error)
}

// The exit codes.
const (
	exitOK       = 0
	exitError    = 1 // anything else: Nacos does not answer, a document is broken …
	exitUsage    = 2
	exitHeld     = 3 // a wait exceeded its limit: the output names who holds it
	exitRefused  = 4 // a rule forbids the step: nothing was published
	exitConflict = 5 // somebody else has published in between: look, and call again
	exitDrained  = 6 // not drained, or a certificate was revoked
	exitLint     = 7 // lint has found a problem
)

const longHelp = `bluegreen moves the channels of blue-green releases: it publishes their rules in
Nacos one safe step at a time and waits until every process follows.

A command that was interrupted or that gave up is simply called again: it goes on
from what the channel's document says.

Results go to the standard output, progress and errors to the standard error.
With -o json the output is one JSON value (with --watch: one per change), also
when the command fails: {"error": "…", "exit": 3, "holds": […]}.

Environment (flags win):
  NACOS_ADDR                 host:port[,host:port]
  NACOS_NAMESPACE            namespace id
  NACOS_GROUP                group of rules and reports
  NACOS_USERNAME             user
  NACOS_PASSWORD             password
  BLUE_GREEN_AUTHOR          who publishes

Exit codes:
  0  done
  1  error: Nacos does not answer, a document cannot be read …
  2  wrong usage
  3  a wait exceeded its limit; the output names who holds it
  4  a rule forbids the step; nothing was published
  5  somebody else has published in between; look, and call again
  6  not drained, or the certificate was revoked
  7  lint has found a problem`

// usageError is a command line that makes no sense.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// errFound ends lint that has found a problem; it was printed already.
var errFound = errors.New("lint has found problems")

// Run runs one command line and returns its exit code.
func Run(ctx context.Context, streams Streams, args []string) int {
	a := &app{streams: streams}
	cmd := newCommand(a)
	cmd.SetArgs(args)
	err := cmd.ExecuteContext(ctx)
	if err == nil {
		return exitOK
	}
	code := exitCode(err)
	if a.output == "json" {
		failure := struct {
			Error string       `json:"error"`
			Exit  int          `json:"exit"`
			Holds []store.Hold `json:"holds,omitempty"`
		}{err.Error(), code, nil}
		if w, ok := errors.AsType[*store.WaitError](err); ok {
			failure.Holds = w.Holds
		}
		if code != exitLint {
			_ = a.json(failure)
		}
		return code
	}
	if code != exitLint {
		fmt.Fprintln(streams.Err, "error:", err)
	}
	if code == exitUsage {
		fmt.Fprintln(streams.Err, "see bluegreen --help")
	}
	return code
}

func exitCode(err error) int {
	var usage usageError
	var rule *store.RuleError
	var wait *store.WaitError
	switch {
	case errors.As(err, &usage):
		return exitUsage
	case errors.Is(err, errFound):
		return exitLint
	case errors.Is(err, sdk.ErrConflict):
		return exitConflict
	case errors.As(err, &wait):
		return exitHeld
	case errors.As(err, &rule):
		return exitRefused
	case errors.Is(err, store.ErrNotDrained), errors.Is(err, store.ErrRevoked):
		return exitDrained
	}
	return exitError
}

// NewCommand returns the root command, for those who embed it.
func NewCommand(streams Streams) *cobra.Command { return newCommand(&app{streams: streams}) }

// app is what the commands of one run share.
type app struct {
	streams Streams
	target  Target
	output  string
	by      string
	note    string
	waits   waitFlags
}

func newCommand(a *app) *cobra.Command {
	root := &cobra.Command{
		Use: "bluegreen", Short: "Move blue-green releases", Long: longHelp,
		SilenceErrors: true, SilenceUsage: true,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usagef("unknown command %q", args[0])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		PersistentPreRunE: func(*cobra.Command, []string) error {
			if a.output != "text" && a.output != "json" {
				return usagef("-o %s: want text or json", a.output)
			}
			return nil
		},
	}
	root.SetOut(a.streams.Out)
	root.SetErr(a.streams.Err)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	flags := root.PersistentFlags()
	a.target.flags(flags)
	flags.StringVarP(&a.output, "output", "o", "text", "text or json")
	flags.StringVar(&a.by, "by", env("BLUE_GREEN_AUTHOR", store.DefaultAuthor()), "who publishes, for documents and history")
	flags.StringVar(&a.note, "note", "", "why, for documents and history")
	root.AddCommand(
		a.channelCommand(), a.activateCommand(), a.openCommand(), a.shareCommand(), a.promoteCommand(), a.closeCommand(),
		a.abortCommand(), a.finishCommand(), a.getCommand(), a.waitCommand(), a.explainCommand(), a.lintCommand(),
		a.repairCommand(), a.historyCommand(), a.settingsCommand(), a.devCommand(), a.versionCommand(),
	)
	return root
}

// args checks the count of arguments and names what is missing.
func args(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, got []string) error {
		switch {
		case len(got) < len(names):
			return usagef("%s: %s is missing", cmd.CommandPath(), names[len(got)])
		case len(got) > len(names):
			return usagef("%s: %q is too much", cmd.CommandPath(), got[len(names)])
		}
		return nil
	}
}

// upTo is args where the last ones may be missing.
func upTo(n int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, got []string) error {
		if len(got) > n {
			return usagef("%s: %q is too much", cmd.CommandPath(), got[n])
		}
		return nil
	}
}

func parseColor(text string) (sdk.Color, error) {
	color, err := sdk.ParseColor(text)
	if err != nil || color == sdk.Neutral {
		return color, usagef("%q is not a colour (blue or green)", text)
	}
	return color, nil
}

// json writes one value on one line or, for people, indented.
func (a *app) json(v any) error {
	enc := json.NewEncoder(a.streams.Out)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// printf writes a result.
func (a *app) printf(format string, args ...any) { fmt.Fprintf(a.streams.Out, format, args...) }

// progress writes an event.
func (a *app) progress(e store.Event) { fmt.Fprintln(a.streams.Err, e) }

// withStore connects, runs f with a store and disconnects.
func (a *app) withStore(ctx context.Context, f func(s *store.Store, c *Connection) error) error {
	opts, err := a.waits.options()
	if err != nil {
		return err
	}
	connect := a.streams.Connect
	if connect == nil {
		connect = Connect
	}
	c, err := connect(ctx, a.target)
	if err != nil {
		return err
	}
	opts = append(opts, store.WithAuthor(a.by), store.WithNote(a.note), store.WithObserver(a.progress))
	return errors.Join(f(store.New(c.Backend, opts...), c), c.close())
}
