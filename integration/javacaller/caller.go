// Package javacaller drives a Java Dubbo consumer that knows nothing of this
// module: interface-level discovery, triple, the random load balancer. It shows
// what callers without the SDK see of a release. The same process can also be a
// plain Java Nacos client that reports each pushed list of instances.
package javacaller

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/bluegreen-go/bluegreen/integration/internal/javabundle"
	"github.com/bluegreen-go/bluegreen/integration/internal/proc"
)

// Config says what to call.
type Config struct {
	// Registry is the address of Nacos, such as "127.0.0.1:8848".
	Registry string
	// Group is the Nacos group that the providers register in, "DEFAULT_GROUP" by
	// default.
	Group string
	// Interface is the full name of the service, such as "bluegreen.shop.Order".
	// Empty makes a caller that can only Watch.
	Interface string
	// Methods are the service's methods, each from StringValue to StringValue. Call
	// and Load use the first.
	Methods []string
	// Application is the caller's name, "java-caller" by default.
	Application string
	// Request is the value that every call sends, "java" by default.
	Request string
	// Timeout bounds one call, 2 seconds by default.
	Timeout time.Duration
	// Retries is how often Dubbo tries again on another provider, 0 by default.
	Retries int
	// LoadBalance is Dubbo's load balancer, "random" by default.
	LoadBalance string
	// Output, when set, receives what the libraries print.
	Output io.Writer
}

// startTimeout bounds the time until a caller answers.
const startTimeout = 3 * time.Minute

// Caller is a running Java process. Its methods may be called concurrently;
// commands are carried out one after another.
type Caller struct {
	cfg     Config
	dir     string
	process *proc.Process
	link    *link
}

// Start starts a caller for a test and stops it at the test's end. A machine
// without a JDK or Maven skips the test, or fails it when BLUEGREEN_REQUIRE_REAL
// is 1.
func Start(t testing.TB, cfg Config) *Caller {
	t.Helper()
	c, err := Run(context.Background(), cfg)
	var missing *javabundle.MissingError
	if errors.As(err, &missing) && !javabundle.Required() {
		t.Skipf("JAVA CALLER NOT TESTED: %v\n(install what is missing and run `go test` in the integration folder again; %s=1 makes this a failure)", err, javabundle.RequireEnv)
	}
	if err != nil {
		t.Fatalf("start the Java caller: %v", err)
	}
	t.Cleanup(c.Stop)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("last lines of the Java caller:\n%s", c.process.Tail(25))
		}
	})
	return c
}

// Run starts a caller and returns when it takes commands; that does not say that
// it sees a provider yet. Stop must be called at the end.
func Run(ctx context.Context, cfg Config) (*Caller, error) {
	cfg = withDefaults(cfg)
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	files, err := bundle().Resolve(ctx)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "bluegreen-javacaller-")
	if err != nil {
		return nil, fmt.Errorf("javacaller: %w", err)
	}
	c := &Caller{cfg: cfg, dir: dir}
	if err := c.launch(ctx, files); err != nil {
		c.Stop()
		return nil, err
	}
	return c, nil
}

func withDefaults(cfg Config) Config {
	if cfg.Group == "" {
		cfg.Group = "DEFAULT_GROUP"
	}
	if cfg.Application == "" {
		cfg.Application = "java-caller"
	}
	if cfg.Request == "" {
		cfg.Request = "java"
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = 2 * time.Second
	}
	if cfg.LoadBalance == "" {
		cfg.LoadBalance = "random"
	}
	return cfg
}

func (c *Caller) launch(ctx context.Context, files *javabundle.Resolved) error {
	classes := filepath.Join(c.dir, "classes")
	if c.cfg.Interface != "" {
		if len(c.cfg.Methods) == 0 {
			return errors.New("javacaller: an interface without methods")
		}
		path, text, err := interfaceSource(c.cfg.Interface, c.cfg.Methods)
		if err != nil {
			return err
		}
		sources := map[string][]byte{path: text}
		if err := javabundle.Compile(ctx, files.Lib, sources, filepath.Join(c.dir, "src"), classes); err != nil {
			return fmt.Errorf("javacaller: %w", err)
		}
	}
	l, ends, err := newLink()
	if err != nil {
		return fmt.Errorf("javacaller: %w", err)
	}
	c.link = l
	defer ends.close()
	c.process, err = proc.Start(proc.Config{
		Path: files.Java, Args: c.javaArgs(classes, files), Dir: c.dir, Env: []string{"DUBBO_IP_TO_BIND=127.0.0.1"},
		Stdin: ends.stdin, Stdout: ends.stdout, Output: c.cfg.Output,
	})
	if err != nil {
		return fmt.Errorf("javacaller: %w", err)
	}
	if _, err := l.answer(ctx, 0, c.process.Done()); err != nil {
		return fmt.Errorf("javacaller: %w\n%s", err, c.process.Tail(40))
	}
	return nil
}

func (c *Caller) javaArgs(classes string, files *javabundle.Resolved) []string {
	args := []string{
		"-Xmx192m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
		"-Djava.net.preferIPv4Stack=true",
		"-Duser.home=" + c.dir,
		"-Djava.io.tmpdir=" + c.dir,
		"-DJM.LOG.PATH=" + filepath.Join(c.dir, "logs"),
		"-DJM.SNAPSHOT.PATH=" + c.dir,
		"-Ddubbo.application.service-discovery.migration=FORCE_INTERFACE",
	}
	for name, value := range map[string]string{
		"registry": c.cfg.Registry, "group": c.cfg.Group, "interface": c.cfg.Interface, "application": c.cfg.Application,
		"request": c.cfg.Request, "loadbalance": c.cfg.LoadBalance,
		"timeoutMs": strconv.FormatInt(c.cfg.Timeout.Milliseconds(), 10), "retries": strconv.Itoa(c.cfg.Retries),
	} {
		args = append(args, "-Dbluegreen."+name+"="+value)
	}
	return append(args, "-cp", classes+string(os.PathListSeparator)+files.ClassPath(), "bluegreen.integration.Caller")
}

// Stop ends the process and removes its files. It may be called twice.
func (c *Caller) Stop() {
	if c.link != nil {
		c.link.hangUp()
	}
	if c.process != nil {
		c.process.Stop(3 * time.Second)
	}
	if c.link != nil {
		c.link.wait()
	}
	_ = os.RemoveAll(c.dir)
}
