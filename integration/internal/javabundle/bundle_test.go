package javabundle

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// sumOfX is the checksum of the one byte "x".
const sumOfX = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"

func TestCheckSums(t *testing.T) {
	for _, tc := range []struct {
		name, sums string
		files      map[string]string
		want       string // part of the error; empty: none
	}{
		{"as listed", sumOfX + "  a.jar\n", map[string]string{"a.jar": "x"}, ""},
		{"other contents", sumOfX + "  a.jar\n", map[string]string{"a.jar": "y"}, "a.jar: checksum a1fce436"},
		{"one more", "", map[string]string{"a.jar": "x"}, "a.jar: not in the list"},
		{"one less", sumOfX + "  a.jar\n", nil, "a.jar: missing"},
		{"unreadable list", "abc a.jar\n", nil, "malformed checksum line"},
		{"many", "", map[string]string{"1": "", "2": "", "3": "", "4": "", "5": "", "6": "", "7": ""}, "and 2 more"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			lib := t.TempDir()
			for name, text := range tc.files {
				if err := os.WriteFile(filepath.Join(lib, name), []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			err := checkSums(lib, []byte(tc.sums))
			if tc.want == "" && err != nil {
				t.Errorf("got %v, want no error", err)
			}
			if tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
				t.Errorf("got %v, want an error with %q", err, tc.want)
			}
		})
	}
}

func TestJavaVersion(t *testing.T) {
	for output, want := range map[string]int{
		`openjdk version "17.0.15" 2025-04-15`: 17,
		`openjdk version "21" 2023-09-19`:      21,
		`java version "1.8.0_392"`:             1,
		`openjdk version "22-ea" 2024-03-19`:   22,
		`The operation couldn't be completed.`: 0,
	} {
		if got, _ := javaVersion(output); got != want {
			t.Errorf("javaVersion(%q) = %d, want %d", output, got, want)
		}
	}
}

func TestDigestKeepsBorders(t *testing.T) {
	if digest([]byte("ab"), []byte("c")) == digest([]byte("a"), []byte("bc")) {
		t.Error("parts that differ only in their borders have one digest")
	}
}

func TestLockIsExclusiveAndHonoursTheContext(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	unlock, err := lock(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := lock(ctx, path); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("second lock: %v, want it to wait until the deadline", err)
	}
	unlock()
	again, err := lock(t.Context(), path)
	if err != nil {
		t.Fatalf("after unlock: %v", err)
	}
	again()
}

// TestMissingJavaIsSaid needs no Java: it takes the PATH away.
func TestMissingJavaIsSaid(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, err := Bundle{Name: "x"}.Resolve(t.Context())
	var missing *MissingError
	if !errors.As(err, &missing) || !strings.Contains(err.Error(), "JDK") {
		t.Errorf("got %v, want a MissingError that names the JDK", err)
	}
}

// fakeTool puts a program of our own first on the PATH.
func fakeTool(t *testing.T, name, script string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
}

func TestOldJavaIsRefused(t *testing.T) {
	fakeTool(t, "java", `echo 'openjdk version "11.0.2" 2019-01-15' >&2`)
	_, err := Bundle{Name: "x"}.Resolve(t.Context())
	var missing *MissingError
	if !errors.As(err, &missing) || !strings.Contains(err.Error(), "11.0.2") {
		t.Errorf("got %v, want a MissingError that names the version", err)
	}
}

func TestChangedJarIsAFaultAndNotMissing(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	fakeTool(t, "java", `echo 'openjdk version "17.0.1" 2021-10-19' >&2`)
	fakeTool(t, "mvn", "mkdir lib && printf y > lib/a.jar")
	_, err := Bundle{Name: "x", Sums: fmt.Appendf(nil, "%s  a.jar\n", sumOfX)}.Resolve(t.Context())
	var missing *MissingError
	if err == nil || errors.As(err, &missing) || !strings.Contains(err.Error(), "differ from the pinned ones") {
		t.Errorf("got %v, want a fault about the pinned jars", err)
	}
}

func TestFailedResolutionIsSaidWithMavensWords(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	fakeTool(t, "java", `echo 'openjdk version "17.0.1" 2021-10-19' >&2`)
	fakeTool(t, "mvn", "echo no such host; exit 1")
	_, err := Bundle{Name: "x"}.Resolve(t.Context())
	var missing *MissingError
	if !errors.As(err, &missing) || !strings.Contains(err.Error(), "no such host") {
		t.Errorf("got %v, want a MissingError with Maven's output", err)
	}
}
