package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

const linter = "github.com/golangci/golangci-lint/v2"

// modules lists the folders that have a go.mod with code of ours.
func (b *builder) modules() []string {
	dirs := []string{"."}
	for _, d := range []string{"integration", "benchmarks"} {
		if b.exists(filepath.Join(d, "go.mod")) {
			dirs = append(dirs, d)
		}
	}
	return dirs
}

// lint runs every check that does not run the code. It does them all, also
// after a failure.
func (b *builder) lint() error {
	errs := []error{
		b.steps("gofmt", b.gofmt),
		b.step("arrows and documents", ".", "go", "test", "-count=1", "./internal/layering", "./internal/doclinks"),
	}
	for _, dir := range b.modules() {
		errs = append(errs, b.step("go vet ("+dir+")", dir, "go", "vet", "./..."))
	}
	bin, err := b.golangci()
	if err != nil {
		return errors.Join(append(errs, err)...)
	}
	config := filepath.Join(b.root, ".golangci.yml")
	for _, dir := range b.modules() {
		errs = append(errs, b.step("golangci-lint ("+dir+")", dir, bin, "run", "--config", config, "--concurrency", "2", "--timeout", "15m", "./..."))
	}
	return errors.Join(errs...)
}

func (b *builder) gofmt() error {
	gofmt := filepath.Join(runtime.GOROOT(), "bin", "gofmt") //nolint:staticcheck // the gofmt of the very Go that runs this
	if _, err := os.Stat(gofmt); err != nil {
		gofmt = "gofmt"
	}
	out, err := b.output(".", gofmt, "-l", ".")
	if err != nil {
		return err
	}
	if out != "" {
		return fmt.Errorf("not formatted, run gofmt -w:\n%s", out)
	}
	return nil
}

// tools builds the tools that the tasks need.
func (b *builder) tools() error {
	_, err := b.golangci()
	return err
}

// golangci returns the pinned linter, built into bin/ the first time. The Go
// build cache makes it a matter of seconds later; the first time takes minutes.
func (b *builder) golangci() (string, error) {
	version, err := b.output("tools", "go", "list", "-m", "-f", "{{.Version}}", linter)
	if err != nil {
		return "", err
	}
	bin := filepath.Join(b.root, "bin", "golangci-lint-"+strings.TrimSpace(version))
	if runtime.GOOS == "windows" {
		bin += ".exe"
	}
	if _, err := os.Stat(bin); err == nil {
		return bin, nil
	}
	err = b.steps("build golangci-lint "+strings.TrimSpace(version)+" (once; minutes)", func() error {
		cmd := b.command("tools", "go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", bin, linter+"/cmd/golangci-lint")
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		return cmd.Run()
	})
	return bin, err
}
