package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// fuzz runs each fuzz target for a short while, FUZZTIME (10s) each.
func (b *builder) fuzz() error {
	length := cmp.Or(os.Getenv("FUZZTIME"), "10s")
	targets, err := b.find(regexp.MustCompile(`(?m)^func (Fuzz\w+)\(`))
	if err != nil {
		return err
	}
	if len(targets) == 0 {
		return errors.New("no fuzz targets found")
	}
	var errs []error
	for _, dir := range slices.Sorted(maps.Keys(targets)) {
		for _, f := range targets[dir] {
			errs = append(errs, b.step(fmt.Sprintf("fuzz %s in %s for %s", f, dir, length), ".",
				"go", "test", "-run", "^$", "-fuzz", "^"+f+"$", "-fuzztime", length, dir))
		}
	}
	return errors.Join(errs...)
}

// bench runs the module's benchmarks; those against other projects are in
// benchmarks/, a module of its own.
func (b *builder) bench() error {
	targets, err := b.find(regexp.MustCompile(`(?m)^func (Benchmark\w+)\(`))
	if err != nil {
		return err
	}
	var errs []error
	if dirs := slices.Sorted(maps.Keys(targets)); len(dirs) > 0 {
		args := []string{"test", "-run", "^$", "-bench", ".", "-benchmem"}
		errs = append(errs, b.step("benchmarks", ".", "go", append(args, dirs...)...))
	}
	if b.exists("benchmarks/go.mod") {
		errs = append(errs, b.step("benchmarks against others", "benchmarks", "go", "test", "-run", "^$", "-bench", ".", "-benchmem", "./..."))
	}
	return errors.Join(errs...)
}

// find returns the functions of the module's test files whose declaration
// matches, by folder ("./sdk").
func (b *builder) find(declaration *regexp.Regexp) (map[string][]string, error) {
	found := map[string][]string{}
	err := filepath.WalkDir(b.root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if path != b.root && (strings.HasPrefix(d.Name(), ".") || hasModule(path)) {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(path, "_test.go") {
			return nil
		}
		source, err := os.ReadFile(path) //nolint:gosec // a file of this repository
		if err != nil {
			return err
		}
		dir, err := filepath.Rel(b.root, filepath.Dir(path))
		if err != nil {
			return err
		}
		for _, m := range declaration.FindAllStringSubmatch(string(source), -1) {
			key := "./" + filepath.ToSlash(dir)
			found[key] = append(found[key], m[1])
		}
		return nil
	})
	return found, err
}

func hasModule(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, "go.mod"))
	return err == nil
}
