package doclinks

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// snippetDir holds the code that the documents show, between a line
// "// snippet: name" and a line "// end snippet".
const snippetDir = root + "/internal/readme"

// TestSnippets holds every Go block of the documents to code that compiles.
func TestSnippets(t *testing.T) {
	known := snippets(t)
	used := map[string]bool{}
	for _, d := range documents(t) {
		if otherModule(d.path) {
			continue // its snippets would not compile here
		}
		for _, b := range d.blocks {
			if b.lang != "go" {
				continue
			}
			name, ok := known[strings.TrimSpace(b.text)]
			if !ok {
				t.Errorf("%s:%d: Go code that is not a snippet of internal/readme", d.path, b.line)
				continue
			}
			used[name] = true
		}
	}
	for _, name := range known {
		if !used[name] {
			t.Errorf("internal/readme: no document shows snippet %q", name)
		}
	}
}

// otherModule reports whether a document lies in a module of its own.
func otherModule(path string) bool {
	dir, _, nested := strings.Cut(path, "/")
	if !nested {
		return false
	}
	_, err := os.Stat(filepath.Join(root, dir, "go.mod"))
	return err == nil
}

// snippets returns the name of each snippet by its text.
func snippets(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(snippetDir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".go" {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for name, text := range cut(string(b)) {
			out[text] = name
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// cut takes the snippets out of a source file, by name.
func cut(source string) map[string]string {
	out := map[string]string{}
	name := ""
	var lines []string
	for line := range strings.Lines(source) {
		line = strings.TrimRight(line, "\n")
		text := strings.TrimSpace(line)
		if n, ok := strings.CutPrefix(text, "// snippet: "); ok {
			name, lines = n, nil
			continue
		}
		if text == "// end snippet" && name != "" {
			out[name] = dedent(lines)
			name = ""
			continue
		}
		lines = append(lines, line)
	}
	return out
}

// dedent takes the first line's indentation off all lines.
func dedent(lines []string) string {
	if len(lines) == 0 {
		return ""
	}
	indent := lines[0][:len(lines[0])-len(strings.TrimLeft(lines[0], "\t"))]
	for i, l := range lines {
		lines[i] = strings.TrimPrefix(l, indent)
	}
	return strings.TrimSpace(strings.Join(lines, "\n"))
}

func TestCut(t *testing.T) {
	got := cut("package x\n\n\t// snippet: one\n\tif a {\n\t\tb()\n\t}\n\t// end snippet\n")
	if want := "if a {\n\tb()\n}"; got["one"] != want {
		t.Errorf("cut = %q, want %q", got["one"], want)
	}
}

var environment = regexp.MustCompile(`\bBLUE_?GREEN_[A-Z_]+\b`)

// TestEnvironment holds every environment variable that a document names to
// one that the code reads.
func TestEnvironment(t *testing.T) {
	var code strings.Builder
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".go" || strings.Contains(filepath.ToSlash(path), "/internal/doclinks/") {
			return err
		}
		b, err := os.ReadFile(path)
		code.Write(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range documents(t) {
		for _, name := range environment.FindAllString(d.text, -1) {
			if !strings.Contains(code.String(), `"`+name+`"`) {
				t.Errorf("%s names %s, which no code reads", d.path, name)
			}
		}
	}
}
