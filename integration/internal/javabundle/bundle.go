// Package javabundle turns a pinned Maven project and a few Java sources into a
// class path: it resolves the jars once per machine, checks each against a list
// of checksums, and compiles the sources.
package javabundle

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Bundle is what a Java program consists of.
type Bundle struct {
	// Name is the folder in the cache, for instance "nacos-3.1.0".
	Name string
	// POM is the Maven project whose runtime dependencies are the jars. It pins
	// every version, that of the Maven plug-in included.
	POM []byte
	// Sums lists the jars, one "<sha256 in hex>  <file name>" per line. More or
	// fewer jars, or other contents, are an error.
	Sums []byte
	// Sources are the Java files to compile: path below the source root → text.
	Sources map[string][]byte
	// Resources are copied beside the compiled classes.
	Resources map[string][]byte
}

// Resolved is a bundle on this machine, ready to run.
type Resolved struct {
	Java    string // the java program
	Lib     string // the folder of the jars
	Classes string // the folder of compiled classes and resources
}

// ClassPath lists the classes, then the named jars in this order, then all others.
func (r *Resolved) ClassPath(first ...string) string {
	parts := []string{r.Classes}
	for _, jar := range first {
		parts = append(parts, filepath.Join(r.Lib, jar))
	}
	parts = append(parts, filepath.Join(r.Lib, "*"))
	return strings.Join(parts, string(os.PathListSeparator))
}

// Resolve brings the jars into the cache unless they are there, checks them, and
// compiles the sources. A MissingError means that this machine cannot do it; any
// other error is a fault. Processes that resolve the same bundle at the same time
// wait for each other.
func (b Bundle) Resolve(ctx context.Context) (*Resolved, error) {
	tools, err := findTools(ctx)
	if err != nil {
		return nil, err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return nil, &MissingError{What: "a cache folder", Err: err}
	}
	dir := filepath.Join(cache, "bluegreen-integration", b.Name+"-"+digest(b.POM, b.Sums)[:12])
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("javabundle: %w", err)
	}
	unlock, err := lock(ctx, filepath.Join(dir, "lock"))
	if err != nil {
		return nil, fmt.Errorf("javabundle: lock %s: %w", dir, err)
	}
	defer unlock()
	r := &Resolved{Java: tools.java, Lib: filepath.Join(dir, "lib")}
	if err := b.jars(ctx, dir, r.Lib); err != nil {
		return nil, err
	}
	if r.Classes, err = b.classes(ctx, tools, dir, r); err != nil {
		return nil, err
	}
	return r, nil
}

// jars fills lib when it is not there and checks it either way.
func (b Bundle) jars(ctx context.Context, dir, lib string) error {
	if _, err := os.Stat(lib); errors.Is(err, os.ErrNotExist) {
		if err := b.download(ctx, dir, lib); err != nil {
			return err
		}
	}
	if err := checkSums(lib, b.Sums); err != nil {
		return fmt.Errorf("javabundle: %s: %w\n(remove %s to resolve it again)", b.Name, err, dir)
	}
	return nil
}

// download lets Maven copy the jars into a fresh folder and moves that into place.
func (b Bundle) download(ctx context.Context, dir, lib string) error {
	mvn, err := exec.LookPath("mvn")
	if err != nil {
		return &MissingError{What: "Maven (mvn on the PATH) to resolve " + b.Name, Err: err}
	}
	work, err := os.MkdirTemp(dir, "resolve-")
	if err != nil {
		return fmt.Errorf("javabundle: %w", err)
	}
	defer os.RemoveAll(work)
	if err := os.WriteFile(filepath.Join(work, "pom.xml"), b.POM, 0o644); err != nil {
		return fmt.Errorf("javabundle: %w", err)
	}
	cmd := exec.CommandContext(ctx, mvn, "-q", "-B", "dependency:copy-dependencies", "-DoutputDirectory=lib", "-DincludeScope=runtime")
	cmd.Dir = work
	if out, err := cmd.CombinedOutput(); err != nil {
		return &MissingError{What: "the jars of " + b.Name + " (Maven could not resolve them)", Err: fmt.Errorf("%w\n%s", err, out)}
	}
	if err := os.Rename(filepath.Join(work, "lib"), lib); err != nil {
		return fmt.Errorf("javabundle: %w", err)
	}
	return nil
}

// classes compiles the sources into a folder named after their contents.
func (b Bundle) classes(ctx context.Context, tools tools, dir string, r *Resolved) (string, error) {
	parts := [][]byte{[]byte(tools.version)}
	for _, files := range []map[string][]byte{b.Sources, b.Resources} {
		for _, name := range sortedKeys(files) {
			parts = append(parts, []byte(name), files[name])
		}
	}
	classes := filepath.Join(dir, "classes-"+digest(parts...)[:12])
	if _, err := os.Stat(classes); err == nil {
		return classes, nil
	}
	work, err := os.MkdirTemp(dir, "compile-")
	if err != nil {
		return "", fmt.Errorf("javabundle: %w", err)
	}
	defer os.RemoveAll(work)
	out := filepath.Join(work, "classes")
	if err := Compile(ctx, r.Lib, b.Sources, filepath.Join(work, "src"), out); err != nil {
		return "", fmt.Errorf("javabundle: %s: %w", b.Name, err)
	}
	if err := writeFiles(out, b.Resources); err != nil {
		return "", fmt.Errorf("javabundle: %w", err)
	}
	if err := os.Rename(out, classes); err != nil {
		return "", fmt.Errorf("javabundle: %w", err)
	}
	return classes, nil
}

// Compile writes the sources below src and compiles them into out, against the
// jars in lib.
func Compile(ctx context.Context, lib string, sources map[string][]byte, src, out string) error {
	javac, err := exec.LookPath("javac")
	if err != nil {
		return &MissingError{What: "a JDK (javac on the PATH, not only java)", Err: err}
	}
	if err := errors.Join(os.MkdirAll(out, 0o755), writeFiles(src, sources)); err != nil {
		return err
	}
	args := []string{"-nowarn", "-proc:none", "-encoding", "UTF-8", "-cp", filepath.Join(lib, "*"), "-d", out}
	for _, name := range sortedKeys(sources) {
		args = append(args, filepath.Join(src, filepath.FromSlash(name)))
	}
	if output, err := exec.CommandContext(ctx, javac, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("javac: %w\n%s", err, output)
	}
	return nil
}

// digest is a hash over parts that keeps their borders.
func digest(parts ...[]byte) string {
	h := sha256.New()
	for _, p := range parts {
		fmt.Fprintf(h, "%d:", len(p))
		h.Write(p)
	}
	return hex.EncodeToString(h.Sum(nil))
}
