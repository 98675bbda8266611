package javabundle

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
)

// minJava is the oldest Java that the servers run on.
const minJava = 17

// RequireEnv is the environment variable that turns "this machine lacks
// something" from a skipped test into a failed one, when it is "1".
const RequireEnv = "BLUEGREEN_REQUIRE_REAL"

// MissingError says what this machine lacks.
type MissingError struct {
	What string
	Err  error
}

// Error implements error.
func (e *MissingError) Error() string {
	return fmt.Sprintf("missing on this machine: %s: %v", e.What, e.Err)
}

// Unwrap returns the cause.
func (e *MissingError) Unwrap() error { return e.Err }

// Required tells whether a MissingError must fail a test.
func Required() bool { return os.Getenv(RequireEnv) == "1" }

type tools struct{ java, version string }

var versionPattern = regexp.MustCompile(`version "(\d+)[^"]*"`)

// findTools looks for java on the PATH and refuses an old one.
func findTools(ctx context.Context) (tools, error) {
	java, err := exec.LookPath("java")
	if err != nil {
		return tools{}, &MissingError{What: fmt.Sprintf("a JDK of at least version %d", minJava), Err: err}
	}
	out, err := exec.CommandContext(ctx, java, "-version").CombinedOutput()
	if err != nil {
		return tools{}, &MissingError{What: "a working java", Err: err}
	}
	major, version := javaVersion(string(out))
	if major < minJava {
		return tools{}, &MissingError{What: fmt.Sprintf("a JDK of at least version %d", minJava), Err: fmt.Errorf("%s is %q", java, version)}
	}
	return tools{java, version}, nil
}

// javaVersion reads the output of `java -version`; 0 when it says nothing known.
func javaVersion(output string) (major int, version string) {
	m := versionPattern.FindStringSubmatch(output)
	if m == nil {
		return 0, output
	}
	major, _ = strconv.Atoi(m[1])
	return major, m[0]
}
