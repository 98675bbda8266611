package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
)

// requireEnv makes a suite that this machine cannot run a failure.
const requireEnv = "BLUEGREEN_REQUIRE_REAL"

const minJava = 17

func required() bool { return os.Getenv(requireEnv) == "1" }

// integration runs the suites against the real servers, one package at a time:
// each starts servers of its own. Where Java or Maven is missing the tests skip
// themselves, and a banner says which; with requireEnv they fail.
func (b *builder) integration() error {
	if !b.exists("integration/go.mod") {
		return nil
	}
	missing := b.missing()
	if len(missing) > 0 && required() {
		return fmt.Errorf("%s=1, but this machine lacks %s", requireEnv, strings.Join(missing, " and "))
	}
	err := b.step("integration suites", "integration", "go", "test", "-p", "1", "-timeout", "30m", "-count=1", "./...")
	if len(missing) > 0 {
		b.skipped(missing)
	}
	return err
}

// skipped names what was not tested.
func (b *builder) skipped(missing []string) {
	lines := []string{
		"SKIPPED: the suites against a real Nacos and a Java Dubbo caller, in",
		"",
	}
	suites, err := b.realSuites()
	if err != nil {
		lines = append(lines, err.Error())
	}
	for _, s := range suites {
		lines = append(lines, "    "+s)
	}
	b.banner(append(lines,
		"",
		"This machine lacks "+strings.Join(missing, " and ")+".",
		fmt.Sprintf("Install a JDK of version %d or later and Maven, then run `make integration`.", minJava),
		requireEnv+"=1 makes this a failure.",
	)...)
}

// realSuites lists the integration packages whose tests start a Java program.
func (b *builder) realSuites() ([]string, error) {
	out, err := b.output("integration", "go", "list", "-test", "-f", `{{.ImportPath}}{{"\t"}}{{join .Deps " "}}`, "./...")
	if err != nil {
		return nil, err
	}
	var suites []string
	for line := range strings.Lines(out) {
		name, deps, _ := strings.Cut(strings.TrimSpace(line), "\t")
		if name, isTest := strings.CutSuffix(name, ".test"); isTest && strings.Contains(deps, "/internal/javabundle") {
			suites = append(suites, name)
		}
	}
	return suites, nil
}

// missing names what the real servers need and this machine lacks.
func (b *builder) missing() (missing []string) {
	if err := b.java(); err != nil {
		missing = append(missing, fmt.Sprintf("a JDK of version %d or later (%v)", minJava, err))
	}
	if _, err := exec.LookPath("mvn"); err != nil {
		missing = append(missing, "Maven (mvn)")
	}
	return missing
}

func (b *builder) java() error {
	path, err := exec.LookPath("java")
	if err != nil {
		return errors.New("no java on the PATH")
	}
	cmd := b.command(".", path, "-version")
	cmd.Stdout, cmd.Stderr = nil, nil
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("java -version: %w", err)
	}
	if v := javaMajor(string(out)); v < minJava {
		return fmt.Errorf("the java on the PATH is version %d", v)
	}
	return nil
}

var javaVersion = regexp.MustCompile(`version "(\d+)`)

// javaMajor reads the output of `java -version`; 0 if it says nothing known.
func javaMajor(output string) int {
	m := javaVersion.FindStringSubmatch(output)
	if m == nil {
		return 0
	}
	v, _ := strconv.Atoi(m[1]) // digits only
	return v
}
