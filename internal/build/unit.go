package main

import (
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"
)

// racy are the libraries that race with themselves while they connect and
// reconnect (nacos-sdk-go's rpc_client.go, dubbo-go's global tables). Packages
// whose tests link one run without the race detector: its reports would be
// about code that is not ours. Everything else runs with it.
var racy = []string{"github.com/nacos-group/nacos-sdk-go", "dubbo.apache.org/dubbo-go", "github.com/dubbogo", "github.com/apache/dubbo-getty"}

// unit runs the module's own tests and those of benchmarks/, which hold what a
// call may allocate.
func (b *builder) unit() error {
	pure, linked, err := b.split()
	if err != nil {
		return err
	}
	args := []string{"test", "-timeout", "10m", "-shuffle", "on"}
	var errs []error
	if b.canRace() {
		errs = append(errs, b.step("tests with the race detector", ".", "go", slices.Concat(args, []string{"-race"}, pure)...))
	} else {
		if required() {
			return errors.New("the race detector needs a C compiler (gcc or clang); install one")
		}
		b.banner("NO RACE DETECTOR: there is no C compiler (gcc or clang) on this machine.", "The tests run without it. Install one and run `make test` again.")
		errs = append(errs, b.step("tests", ".", "go", slices.Concat(args, pure)...))
	}
	if len(linked) > 0 {
		errs = append(errs, b.step("tests of what links dubbo-go or nacos-sdk-go (no race detector: they race with themselves)",
			".", "go", slices.Concat(args, linked)...))
	}
	if b.exists("benchmarks/go.mod") {
		errs = append(errs, b.step("what a call allocates", "benchmarks", "go", append(args, "./...")...))
	}
	return errors.Join(errs...)
}

// split sorts the packages that have tests by whether their tests link a racy
// library.
func (b *builder) split() (pure, linked []string, err error) {
	out, err := b.output(".", "go", "list", "-test", "-f", `{{.ImportPath}}{{"\t"}}{{join .Deps " "}}`, "./...")
	if err != nil {
		return nil, nil, err
	}
	pure, linked = divide(out)
	if len(pure) == 0 {
		return nil, nil, fmt.Errorf("no tests found in %s", b.root)
	}
	return pure, linked, nil
}

// divide reads lines "package<TAB>dependencies"; a test binary is "package.test".
func divide(list string) (pure, linked []string) {
	for line := range strings.Lines(list) {
		name, deps, _ := strings.Cut(strings.TrimSpace(line), "\t")
		name, isTest := strings.CutSuffix(name, ".test")
		if !isTest || strings.HasSuffix(name, "/internal/layering") || strings.HasSuffix(name, "/internal/doclinks") {
			continue // these two are part of lint
		}
		if slices.ContainsFunc(strings.Fields(deps), isRacy) {
			linked = append(linked, name)
		} else {
			pure = append(pure, name)
		}
	}
	return pure, linked
}

func isRacy(dep string) bool {
	return slices.ContainsFunc(racy, func(root string) bool { return dep == root || strings.HasPrefix(dep, root+"/") })
}

// canRace reports whether the race detector can be linked.
func (b *builder) canRace() bool {
	cc, err := b.output(".", "go", "env", "CC")
	if err != nil {
		return false
	}
	cgo, err := b.output(".", "go", "env", "CGO_ENABLED")
	if err != nil || strings.TrimSpace(cgo) != "1" {
		return false
	}
	fields := strings.Fields(cc)
	if len(fields) == 0 {
		return false
	}
	_, err = exec.LookPath(fields[0])
	return err == nil
}
