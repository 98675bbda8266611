package layering

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/bluegreen-go/bluegreen"

// pkg is one package of the module, with what it links. Test files do not count:
// a test may use whatever helps it.
type pkg struct {
	path    string   // import path below the module: "sdk/nacos"
	imports []string // named in its own source
	deps    []string // all of them, transitively
}

// graph reads the module's packages. A package that does not compile is still
// there with what could be read of it.
func graph(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-e", "-json=ImportPath,Imports,Deps", "./...")
	cmd.Dir = "../.."
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.String())
	}
	var pkgs []pkg
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p struct {
			ImportPath    string
			Imports, Deps []string
		}
		err := dec.Decode(&p)
		if errors.Is(err, io.EOF) {
			return pkgs
		}
		if err != nil {
			t.Fatalf("go list: %v", err)
		}
		pkgs = append(pkgs, pkg{ours(p.ImportPath), short(p.Imports), short(p.Deps)})
	}
}

// ours takes the module's path off an import path: "/sdk" for one of ours,
// which no import path of others begins with.
func ours(path string) string {
	if rest, ok := strings.CutPrefix(path, module+"/"); ok {
		return "/" + rest
	}
	return path
}

func short(paths []string) []string {
	out := make([]string, len(paths))
	for i, p := range paths {
		out[i] = ours(p)
	}
	return out
}

// within reports whether path is one of the roots or below one.
func within(path string, roots []string) bool {
	return slices.ContainsFunc(roots, func(root string) bool {
		return path == root || strings.HasPrefix(path, root+"/")
	})
}
