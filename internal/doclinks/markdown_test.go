package doclinks

import (
	"bufio"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode"
)

// root is the module's root, seen from this folder.
const root = "../.."

// document is a Markdown file, taken apart.
type document struct {
	path    string // below the root, with slashes
	links   []link
	anchors map[string]bool
	levels  []int // of the headings, in order
	blocks  []block
	text    string
}

type link struct {
	line   int
	target string
}

// block is a fenced block of code.
type block struct {
	line int
	lang string
	text string
}

var (
	inlineLink = regexp.MustCompile(`!?\[(?:[^\[\]]|\[[^\]]*\])*\]\(\s*<?([^)<>\s]+)>?(?:\s+"[^"]*")?\s*\)`)
	refLink    = regexp.MustCompile(`^\s{0,3}\[[^\]]+\]:\s*<?(\S+?)>?(?:\s+"[^"]*")?\s*$`)
	codeSpan   = regexp.MustCompile("`[^`]*`")
	heading    = regexp.MustCompile(`^(#{1,6})\s+(.*?)\s*#*\s*$`)
	fence      = regexp.MustCompile("^\\s*(```+|~~~+)\\s*(\\S*)")
	htmlAnchor = regexp.MustCompile(`<a\s+(?:id|name)="([^"]+)"`)
)

// documents reads every Markdown file of the repository.
func documents(t *testing.T) []*document {
	t.Helper()
	var docs []*document
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() && path != root && (strings.HasPrefix(name, ".") || name == "node_modules" || name == "testdata" || name == "bin") {
			return fs.SkipDir
		}
		if d.IsDir() || filepath.Ext(name) != ".md" {
			return nil
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		docs = append(docs, parse(filepath.ToSlash(rel), string(b)))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return docs
}

func parse(path, text string) *document {
	d := &document{path: path, anchors: map[string]bool{}, text: text}
	used := map[string]int{}
	var open string // the fence that ends the block we are in
	scan := bufio.NewScanner(strings.NewReader(text))
	scan.Buffer(nil, 1<<20)
	for n := 1; scan.Scan(); n++ {
		line := scan.Text()
		if m := fence.FindStringSubmatch(line); m != nil {
			switch {
			case open == "":
				open = m[1]
				d.blocks = append(d.blocks, block{line: n, lang: m[2]})
				continue
			case strings.HasPrefix(m[1], open) && m[2] == "":
				open = ""
				continue
			}
		}
		if open != "" {
			d.blocks[len(d.blocks)-1].text += line + "\n"
			continue
		}
		d.prose(n, line, used)
	}
	return d
}

// prose takes a line outside code apart.
func (d *document) prose(n int, line string, used map[string]int) {
	for _, m := range htmlAnchor.FindAllStringSubmatch(line, -1) {
		d.anchors[m[1]] = true
	}
	if m := heading.FindStringSubmatch(line); m != nil {
		d.levels = append(d.levels, len(m[1]))
		s := slug(m[2])
		if i := used[s]; i > 0 {
			d.anchors[s+"-"+strconv.Itoa(i)] = true
		} else {
			d.anchors[s] = true
		}
		used[s]++
	}
	line = codeSpan.ReplaceAllString(line, "")
	for _, m := range inlineLink.FindAllStringSubmatch(line, -1) {
		d.links = append(d.links, link{n, m[1]})
	}
	if m := refLink.FindStringSubmatch(line); m != nil {
		d.links = append(d.links, link{n, m[1]})
	}
}

// slug makes an anchor of a heading as code hosts do: lower case, spaces become
// hyphens, and what is neither letter, digit, hyphen nor underscore is left out.
func slug(title string) string {
	title = regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`).ReplaceAllString(title, "$1")
	var b strings.Builder
	for _, r := range strings.ToLower(title) {
		switch {
		case r == ' ':
			b.WriteByte('-')
		case r == '-', r == '_', unicode.IsLetter(r), unicode.IsDigit(r):
			b.WriteRune(r)
		}
	}
	return b.String()
}
