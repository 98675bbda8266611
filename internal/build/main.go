// Command build is what the Makefile calls: it lints, tests, fuzzes and
// measures the module. Run `make help` for the list.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

type task struct {
	name string
	run  func(*builder) error
}

var tasks = []task{
	{"lint", (*builder).lint},
	{"unit", (*builder).unit},
	{"integration", (*builder).integration},
	{"test", (*builder).test},
	{"fuzz", (*builder).fuzz},
	{"bench", (*builder).bench},
	{"tools", (*builder).tools},
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "build:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) != 1 {
		return errors.New("want one task: " + names())
	}
	root, err := findRoot()
	if err != nil {
		return err
	}
	i := slices.IndexFunc(tasks, func(t task) bool { return t.name == args[0] })
	if i < 0 {
		return fmt.Errorf("unknown task %q, want one of: %s", args[0], names())
	}
	return tasks[i].run(&builder{ctx: ctx, root: root, began: time.Now()})
}

func names() string {
	var out []string
	for _, t := range tasks {
		out = append(out, t.name)
	}
	return strings.Join(out, ", ")
}

// findRoot returns the folder of the module that the command runs in.
func findRoot() (string, error) {
	dir, err := os.Getwd()
	for err == nil {
		if _, statErr := os.Stat(filepath.Join(dir, "tools", "go.mod")); statErr == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("run it inside the repository")
		}
		dir = parent
	}
	return "", err
}

// test is what has to pass before a change goes in.
func (b *builder) test() error {
	return errors.Join(b.lint(), b.unit(), b.integration())
}
