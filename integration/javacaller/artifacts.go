package javacaller

import (
	"context"
	_ "embed"
	"fmt"
	"regexp"
	"strings"

	"github.com/bluegreen-go/bluegreen/integration/internal/javabundle"
)

// DubboVersion is the version of Dubbo that the caller runs on.
const DubboVersion = "3.3.2"

//go:embed pom.xml
var pom []byte

//go:embed artifacts.sha256
var sums []byte

//go:embed java/Caller.java
var source []byte

func bundle() javabundle.Bundle {
	return javabundle.Bundle{
		Name:    "dubbo-java-" + DubboVersion,
		POM:     pom,
		Sums:    sums,
		Sources: map[string][]byte{"bluegreen/integration/Caller.java": source},
	}
}

// Prepare resolves and checks the caller's artifacts (about 30 MB, once per
// machine), so that a later Start needs no network. Pass it to loopback.Main.
func Prepare(ctx context.Context) error {
	_, err := bundle().Resolve(ctx)
	return err
}

var (
	typePattern   = regexp.MustCompile(`^([A-Za-z_]\w*\.)*[A-Za-z_]\w*$`)
	methodPattern = regexp.MustCompile(`^[A-Za-z_]\w*$`)
)

// interfaceSource writes the Java interface of a service whose methods take and
// return a protobuf StringValue: the path of its file, and its text.
func interfaceSource(name string, methods []string) (string, []byte, error) {
	if !typePattern.MatchString(name) {
		return "", nil, fmt.Errorf("javacaller: %q is not a Java type name", name)
	}
	var text strings.Builder
	pkg, simple := "", name
	if i := strings.LastIndexByte(name, '.'); i >= 0 {
		pkg, simple = name[:i], name[i+1:]
		fmt.Fprintf(&text, "package %s;\n", pkg)
	}
	fmt.Fprintf(&text, "public interface %s {\n", simple)
	for _, m := range methods {
		if !methodPattern.MatchString(m) {
			return "", nil, fmt.Errorf("javacaller: %q is not a Java method name", m)
		}
		fmt.Fprintf(&text, "    com.google.protobuf.StringValue %s(com.google.protobuf.StringValue request);\n", m)
	}
	text.WriteString("}\n")
	return strings.ReplaceAll(name, ".", "/") + ".java", []byte(text.String()), nil
}
