package sdk

import (
	"go/ast"
	"go/parser"
	"go/token"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestWallClockIsOnlyTold: a step of the wall clock can change nothing. The
// package reads a clock only where listed here; of these, Start and At are told
// to people and to control, and the differences that are taken (since the start
// of the client, between two reports of one process) use the monotonic reading,
// which nothing here strips.
func TestWallClockIsOnlyTold(t *testing.T) {
	allowed := map[string]int{
		"client.go NewClient time.Now":         2, // started (monotonic), identity
		"client.go WaitLoaded time.Since":      1, // monotonic
		"converge.go State time.Now":           1, // At
		"converge.go worthSending Sub":         1, // between two At of this process: monotonic
		"identity.go IdentityFromEnv time.Now": 1,
	}
	stripping := map[string]bool{"Round": true, "Truncate": true, "UTC": true, "Local": true, "In": true, "Unix": true,
		"UnixMilli": true, "UnixNano": true, "AddDate": true, "Before": true, "After": true, "Until": true, "Now": true, "Since": true, "Sub": true}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	found, fset := map[string]int{}, token.NewFileSet()
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(fset, name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, decl := range file.Decls {
			fn, ok := decl.(*ast.FuncDecl)
			if !ok {
				continue
			}
			ast.Inspect(fn, func(n ast.Node) bool {
				if called := timeCall(n); stripping[strings.TrimPrefix(called, "time.")] {
					found[name+" "+fn.Name.Name+" "+called]++
				}
				return true
			})
		}
	}
	for what, n := range found {
		if allowed[what] != n {
			t.Errorf("%s: %d times, want %d: does it depend on the wall clock?", what, n, allowed[what])
		}
	}
	if len(found) != len(allowed) {
		t.Errorf("found %v, want %v", found, allowed)
	}
}

// timeCall returns the name of a called method or time function, or "".
func timeCall(n ast.Node) string {
	call, ok := n.(*ast.CallExpr)
	if !ok {
		return ""
	}
	sel, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return ""
	}
	if x, ok := sel.X.(*ast.Ident); ok && x.Name == "time" {
		return "time." + sel.Sel.Name
	}
	return sel.Sel.Name
}

// TestIdentityFromAnotherTime: an identity whose start lies in the future or
// long ago, as after a step of the clock, changes no deadline.
func TestIdentityFromAnotherTime(t *testing.T) {
	for _, off := range []time.Duration{-100 * 24 * time.Hour, 100 * 24 * time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, channel())
			w.source.SetError(errDown)
			id := blueOrder
			id.Start = time.Now().Add(off)
			c, err := NewClient(id, w.source, WithLastGoodFile(""), WithLogger(slog.New(slog.DiscardHandler)))
			if err != nil {
				t.Fatal(err)
			}
			w.client = c
			defer w.stop()
			start := time.Now()
			if err := c.WaitLoaded(t.Context()); err == nil || time.Since(start) != 3*time.Second {
				t.Errorf("WaitLoaded = %v after %v, want an error after 3s", err, time.Since(start))
			}
			w.source.SetError(nil)
			time.Sleep(retryMax)
			w.following(1)
		})
	}
}
