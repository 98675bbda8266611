package doclinks

import (
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestLinks(t *testing.T) {
	docs := documents(t)
	byPath := map[string]*document{}
	for _, d := range docs {
		byPath[d.path] = d
	}
	for _, d := range docs {
		for _, l := range d.links {
			if problem := follow(d, l.target, byPath); problem != "" {
				t.Errorf("%s:%d: link %q: %s", d.path, l.line, l.target, problem)
			}
		}
	}
}

// follow returns why a link leads nowhere; "" if it is good or leads out of the
// repository.
func follow(d *document, target string, byPath map[string]*document) string {
	u, err := url.Parse(target)
	switch {
	case err != nil:
		return err.Error()
	case u.Scheme != "" || u.Host != "":
		return ""
	case strings.HasPrefix(u.Path, "/"):
		return "absolute path"
	}
	to := d.path
	if u.Path != "" {
		to = path.Join(path.Dir(d.path), u.Path)
		if strings.HasPrefix(to, "..") {
			return "leads out of the repository"
		}
		if _, err := os.Stat(filepath.Join(root, to)); err != nil {
			return "no such file"
		}
	}
	if u.Fragment == "" {
		return ""
	}
	doc := byPath[to]
	if doc == nil {
		return "" // a line in a source file
	}
	if !doc.anchors[u.Fragment] {
		return "no such heading in " + to
	}
	return ""
}

func TestFollowCanFail(t *testing.T) {
	d := parse("docs/a.md", "# One `two`\n## One two\n## 如何 发布？\n<a id=\"x\"></a>\n```go\n[not](a-link.md)\n```\n[y](b.md) `[no](c.md)`\n[ref]: d.md\n")
	byPath := map[string]*document{d.path: d}
	tests := []struct {
		target string
		ok     bool
	}{
		{"#one-two", true}, {"#one-two-1", true}, {"#one-two-2", false}, {"#如何-发布", true}, {"#x", true},
		{"missing.md", false}, {"../../out", false}, {"/etc", false}, {"https://example.org/x", true},
	}
	for _, tt := range tests {
		if got := follow(d, tt.target, byPath) == ""; got != tt.ok {
			t.Errorf("follow(%q) good = %v, want %v", tt.target, got, tt.ok)
		}
	}
	var got []string
	for _, l := range d.links {
		got = append(got, l.target)
	}
	if want := []string{"b.md", "d.md"}; !slices.Equal(got, want) {
		t.Errorf("links = %q, want %q", got, want)
	}
}

// TestSameShape holds the translated README to the original: the same headings
// by level, the same code, the same links but for those to the other language.
func TestSameShape(t *testing.T) {
	var en, zh *document
	for _, d := range documents(t) {
		switch d.path {
		case "README.md":
			en = d
		case "README.zh-CN.md":
			zh = d
		}
	}
	if en == nil || zh == nil {
		t.Fatal("README.md and README.zh-CN.md must both be there")
	}
	if !slices.Equal(en.levels, zh.levels) {
		t.Errorf("heading levels: README.md %v, README.zh-CN.md %v", en.levels, zh.levels)
	}
	if len(en.blocks) != len(zh.blocks) {
		t.Fatalf("code blocks: README.md %d, README.zh-CN.md %d", len(en.blocks), len(zh.blocks))
	}
	for i := range en.blocks {
		if en.blocks[i].text != zh.blocks[i].text {
			t.Errorf("README.zh-CN.md:%d: code differs from README.md:%d", zh.blocks[i].line, en.blocks[i].line)
		}
	}
}
