package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
)

func TestDivide(t *testing.T) {
	const list = "m/sdk\tfmt\n" +
		"m/sdk.test\tfmt testing m/sdk\n" +
		"m/sdk [m/sdk.test]\tfmt\n" +
		"m/registry.test\tgithub.com/nacos-group/nacos-sdk-go/v2/vo fmt\n" +
		"m/near.test\tgithub.com/nacos-group/nacos-sdk-go-fork\n" +
		"m/internal/layering.test\tfmt\n" +
		"m/rpc.test\tdubbo.apache.org/dubbo-go/v3/common\n"
	pure, linked := divide(list)
	if want := []string{"m/sdk", "m/near"}; !slices.Equal(pure, want) {
		t.Errorf("pure = %q, want %q", pure, want)
	}
	if want := []string{"m/registry", "m/rpc"}; !slices.Equal(linked, want) {
		t.Errorf("linked = %q, want %q", linked, want)
	}
}

func TestJavaMajor(t *testing.T) {
	tests := []struct {
		output string
		want   int
	}{
		{`openjdk version "17.0.12" 2024-07-16`, 17},
		{`openjdk version "21" 2023-09-19`, 21},
		{`java version "1.8.0_402"`, 1},
		{"no such command", 0},
	}
	for _, tt := range tests {
		if got := javaMajor(tt.output); got != tt.want {
			t.Errorf("javaMajor(%q) = %d, want %d", tt.output, got, tt.want)
		}
	}
}

func TestFindStaysInTheModule(t *testing.T) {
	root := t.TempDir()
	for path, text := range map[string]string{
		"a/a_test.go":       "package a\nfunc FuzzOne(f *testing.F) {}\nfunc FuzzTwo(f *testing.F) {}\n",
		"a/a.go":            "package a\nfunc FuzzNot() {}\n",
		"other/go.mod":      "module other\n",
		"other/o_test.go":   "package o\nfunc FuzzOther(f *testing.F) {}\n",
		".hidden/h_test.go": "package h\nfunc FuzzHidden(f *testing.F) {}\n",
	} {
		full := filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(full), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	b := &builder{root: root}
	found, err := b.find(regexp.MustCompile(`(?m)^func (Fuzz\w+)\(`))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := found["./a"], []string{"FuzzOne", "FuzzTwo"}; len(found) != 1 || !slices.Equal(got, want) {
		t.Errorf("found %v, want only ./a: %q", found, want)
	}
}

func TestRunRefuses(t *testing.T) {
	for _, args := range [][]string{nil, {"nonsense"}, {"lint", "unit"}} {
		if err := run(t.Context(), args); err == nil {
			t.Errorf("run(%q) = nil, want an error", args)
		}
	}
}
