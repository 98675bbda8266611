package doclinks

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// foreign lists commands of others that documents may show.
var foreign = []string{"cd", "curl", "docker", "export", "git", "java", "kubectl"}

// shell lists the languages of blocks that hold commands.
var shell = []string{"sh", "bash", "shell", "console"}

var assignment = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*=`)

// command is one command line of a document, without prompt, assignments and
// comment.
type command struct {
	line int
	argv []string
}

func commands(d *document) (out []command) {
	for _, b := range d.blocks {
		if !slices.Contains(shell, b.lang) {
			continue
		}
		for i, text := range strings.Split(b.text, "\n") {
			text, prompt := strings.CutPrefix(text, "$ ")
			if b.lang == "console" && !prompt {
				continue // output
			}
			if at := strings.Index(text, " #"); at >= 0 {
				text = text[:at]
			}
			argv := strings.Fields(text)
			for len(argv) > 0 && assignment.MatchString(argv[0]) {
				argv = argv[1:]
			}
			if len(argv) > 0 && !strings.HasPrefix(argv[0], "#") {
				out = append(out, command{b.line + 1 + i, argv})
			}
		}
	}
	return out
}

func TestCommands(t *testing.T) {
	cli := &cli{t: t}
	untried := 0
	for _, d := range documents(t) {
		for _, c := range commands(d) {
			switch problem := try(c.argv, cli); problem {
			case "":
			case cli.err:
				untried++
			default:
				t.Errorf("%s:%d: %s: %s", d.path, c.line, strings.Join(c.argv, " "), problem)
			}
		}
	}
	if untried > 0 {
		t.Errorf("%d bluegreen commands in the documents: %s", untried, cli.err)
	}
}

// try returns why a command would not work; "" if nothing speaks against it.
func try(argv []string, cli *cli) string {
	switch name := argv[0]; {
	case name == "make":
		return tryMake(argv[1:])
	case name == "bluegreen":
		return cli.try(argv[1:])
	case name == "go":
		return tryGo(argv[1:], cli)
	case slices.Contains(foreign, name):
		return ""
	case strings.Contains(name, "/"):
		info, err := os.Stat(filepath.Join(root, name))
		if err != nil {
			return "no such file"
		}
		if info.Mode()&0o111 == 0 {
			return "not executable"
		}
		return ""
	}
	return "unknown command"
}

func tryMake(args []string) string {
	b, err := os.ReadFile(filepath.Join(root, "Makefile"))
	if err != nil {
		return err.Error()
	}
	for _, target := range args {
		if assignment.MatchString(target) {
			continue
		}
		if !regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(target) + `:`).Match(b) {
			return "no target " + target
		}
	}
	return ""
}

// tryGo looks at `go run` and `go install` of this module's programs.
func tryGo(args []string, cli *cli) string {
	module := ""
	if len(args) > 2 && args[0] == "-C" {
		module, args = args[1], args[2:]
	}
	if args[0] != "run" && args[0] != "install" {
		return ""
	}
	for i, a := range args[1:] {
		dir, local := strings.CutPrefix(a, "./")
		if !local {
			dir, local = strings.CutPrefix(a, "github.com/bluegreen-go/bluegreen/")
			dir, _, _ = strings.Cut(dir, "@")
		}
		if !local {
			continue
		}
		if dir == "cmd/bluegreen" && args[0] == "run" {
			return cli.try(args[i+2:])
		}
		return tryProgram(filepath.Join(module, dir), args[i+2:])
	}
	return "no program of this module"
}

// tryProgram looks whether the program is there and names its flags somewhere.
func tryProgram(dir string, args []string) string {
	files, err := filepath.Glob(filepath.Join(root, dir, "*.go"))
	if err != nil || len(files) == 0 {
		return "no program in " + dir
	}
	var source strings.Builder
	for _, f := range files {
		if strings.HasSuffix(f, "_test.go") {
			continue
		}
		b, err := os.ReadFile(f)
		if err != nil {
			return err.Error()
		}
		source.Write(b)
	}
	for _, a := range args {
		if name := flagName(a); name != "" && !strings.Contains(source.String(), `"`+name+`"`) {
			return "no flag -" + name
		}
	}
	return ""
}

// flagName returns the name of a flag; "" if arg is none.
func flagName(arg string) string {
	name := strings.TrimLeft(arg, "-")
	if name == arg {
		return ""
	}
	name, _, _ = strings.Cut(name, "=")
	return name
}

// cli asks the bluegreen command itself, built once.
type cli struct {
	t    *testing.T
	path string
	err  string
}

func (c *cli) build() {
	if c.path != "" || c.err != "" {
		return
	}
	if _, err := os.Stat(filepath.Join(root, "cmd", "bluegreen")); err != nil {
		c.err = "there is no cmd/bluegreen"
		return
	}
	c.path = filepath.Join(c.t.TempDir(), "bluegreen")
	cmd := exec.Command("go", "build", "-o", c.path, "./cmd/bluegreen")
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		c.err = "bluegreen does not build: " + string(out)
	}
}

// try asks for the help of the sub-command and looks for the flags in it.
func (c *cli) try(args []string) string {
	c.build()
	if c.err != "" {
		return c.err
	}
	var words, flags []string
	for _, a := range args {
		if name := flagName(a); name != "" {
			flags = append(flags, name)
		} else if len(flags) == 0 {
			words = append(words, a)
		}
	}
	out, err := exec.Command(c.path, append(slices.Clone(words), "--help")...).CombinedOutput()
	if err != nil {
		return "no such sub-command: " + string(out)
	}
	usage := usageLine(string(out))
	group := strings.Contains(string(out), "Available Commands:") // it needs one more word than its own name has
	if len(words) > 0 && (group || !strings.HasPrefix(usage, "bluegreen "+words[0])) {
		return "no such sub-command; the help says: " + usage
	}
	for _, f := range flags {
		if !regexp.MustCompile(`(?m)(^|\s)-{1,2}` + regexp.QuoteMeta(f) + `\b`).Match(out) {
			return "no flag " + f
		}
	}
	return ""
}

// usageLine returns the first line below "Usage:".
func usageLine(help string) string {
	_, after, _ := strings.Cut(help, "Usage:\n")
	first, _, _ := strings.Cut(after, "\n")
	return strings.TrimSpace(first)
}

func TestTryCanFail(t *testing.T) {
	none := &cli{err: "not built"}
	tests := []struct {
		line string
		ok   bool
	}{
		{"make test", true}, {"make nonsense", false}, {"go test ./...", true}, {"go run ./internal/build lint", true},
		{"go run ./internal/build -nonsense", false}, {"go run ./nowhere", false}, {"nonsense", false}, {".ci/run", true},
		{".ci/nothing", false}, {"README.md/x", false}, {"bluegreen get", false},
	}
	for _, tt := range tests {
		if got := try(strings.Fields(tt.line), none) == ""; got != tt.ok {
			t.Errorf("try(%q) good = %v, want %v", tt.line, got, tt.ok)
		}
	}
}
