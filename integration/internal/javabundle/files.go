package javabundle

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// maxProblems bounds how many jars an error names.
const maxProblems = 5

// checkSums compares a folder of jars with a list of checksums, both ways.
func checkSums(lib string, sums []byte) error {
	want, err := parseSums(sums)
	if err != nil {
		return err
	}
	entries, err := os.ReadDir(lib)
	if err != nil {
		return err
	}
	var problems []string
	for _, e := range entries {
		sum, listed := want[e.Name()]
		delete(want, e.Name())
		if !listed {
			problems = append(problems, e.Name()+": not in the list")
			continue
		}
		got, err := sumFile(filepath.Join(lib, e.Name()))
		if err != nil {
			return err
		}
		if got != sum {
			problems = append(problems, fmt.Sprintf("%s: checksum %s, want %s", e.Name(), got, sum))
		}
	}
	for name := range want {
		problems = append(problems, name+": missing")
	}
	if len(problems) == 0 {
		return nil
	}
	slices.Sort(problems)
	if more := len(problems) - maxProblems; more > 0 {
		problems = append(problems[:maxProblems], fmt.Sprintf("and %d more", more))
	}
	return fmt.Errorf("jars differ from the pinned ones: %s", strings.Join(problems, "; "))
}

func parseSums(sums []byte) (map[string]string, error) {
	want := map[string]string{}
	lines := bufio.NewScanner(bytes.NewReader(sums))
	for lines.Scan() {
		sum, name, ok := strings.Cut(lines.Text(), "  ")
		if !ok || len(sum) != hex.EncodedLen(sha256.Size) {
			return nil, fmt.Errorf("malformed checksum line %q", lines.Text())
		}
		want[name] = sum
	}
	return want, lines.Err()
}

func sumFile(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

func writeFiles(dir string, files map[string][]byte) error {
	for name, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, text, 0o644); err != nil {
			return err
		}
	}
	return nil
}

func sortedKeys(files map[string][]byte) []string {
	return slices.Sorted(maps.Keys(files))
}
