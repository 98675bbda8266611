package layering

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// TestTestsDoNotSleep finds test files that call time.Sleep on the real clock.
// In a bubble of testing/synctest, Sleep is how fake time passes: where one of a
// folder's test files uses synctest, its tests may call Sleep.
func TestTestsDoNotSleep(t *testing.T) {
	const root = "../.."
	fset := token.NewFileSet()
	folders := map[string]*folder{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && path != root && strings.HasPrefix(d.Name(), ".") {
			return fs.SkipDir
		}
		if !strings.HasSuffix(path, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(fset, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		dir := filepath.Dir(path)
		if folders[dir] == nil {
			folders[dir] = &folder{}
		}
		folders[dir].add(file)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range folders {
		for _, pos := range f.found() {
			p := fset.Position(pos)
			t.Errorf("%s:%d: time.Sleep in a test: use testing/synctest, or wait for a condition with a deadline",
				strings.TrimPrefix(filepath.ToSlash(p.Filename), root+"/"), p.Line)
		}
	}
}

// folder is what the test files of one folder do.
type folder struct {
	fake   bool // they use fake time
	sleeps []token.Pos
}

func (f *folder) add(file *ast.File) {
	for _, i := range file.Imports {
		if path, _ := strconv.Unquote(i.Path.Value); path == "testing/synctest" {
			f.fake = true
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok && s.Sel.Name == "Sleep" {
			if x, ok := s.X.(*ast.Ident); ok && x.Name == "time" {
				f.sleeps = append(f.sleeps, s.Pos())
			}
		}
		return true
	})
}

func (f *folder) found() []token.Pos {
	if f.fake {
		return nil
	}
	return f.sleeps
}

func TestSleepsCanFail(t *testing.T) {
	const body = "func f() { time.Sleep(1) }\n"
	tests := []struct {
		source string
		want   int
	}{
		{"package p\nimport \"time\"\n" + body, 1},
		{"package p\nimport (\"time\"; \"testing/synctest\")\n" + body, 0},
		{"package p\nfunc f() { clock.Sleep(1) }\n", 0},
	}
	for _, tt := range tests {
		file, err := parser.ParseFile(token.NewFileSet(), "p_test.go", tt.source, 0)
		if err != nil {
			t.Fatal(err)
		}
		f := &folder{}
		f.add(file)
		if got := len(f.found()); got != tt.want {
			t.Errorf("%d sleeps found, want %d, in %q", got, tt.want, tt.source)
		}
	}
}
