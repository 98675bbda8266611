// Package loopback runs a test binary, with every server and child process that
// it starts, inside a network of its own that consists of nothing but loopback.
// Fixed ports never collide between test binaries, and a server that insists on
// listening on all interfaces listens to nobody else.
//
// A test package uses it from TestMain:
//
//	func TestMain(m *testing.M) { os.Exit(loopback.Main(m, nacos.Prepare)) }
package loopback

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"slices"
	"sync"
	"syscall"
)

// insideEnv marks the process that runs in the private network.
const insideEnv = "BLUEGREEN_LOOPBACK_INSIDE"

// Main runs the tests and returns the exit code for os.Exit.
//
// The binary starts itself again in a new network namespace (as root, or in a
// user namespace) and the tests run there. What needs the real network, such as
// resolving artifacts, goes into prepare, which runs first and outside; its error
// is printed, and whoever needs the result reports it again. Temporary files of
// the tests are removed at the end, even when the tests crash. Where namespaces
// are not to be had, a line on standard error says so and the tests run as they are.
func Main(m interface{ Run() int }, prepare ...func(context.Context) error) int {
	if os.Getenv(insideEnv) != "" {
		if err := loopbackUp(); err != nil {
			fmt.Fprintln(os.Stderr, "loopback:", err)
			return 1
		}
		return run(m)
	}
	for _, p := range prepare {
		if err := p(context.Background()); err != nil {
			fmt.Fprintln(os.Stderr, "loopback: preparing:", err)
		}
	}
	code, err := inside()
	if err != nil {
		fmt.Fprintf(os.Stderr, "loopback: NO PRIVATE NETWORK (%v): tests use this host's own loopback, and Nacos' raft port listens on all its interfaces\n", err)
		return run(m)
	}
	return code
}

// Private tells whether this process runs in a private network.
func Private() bool { return os.Getenv(insideEnv) != "" }

var atExit struct {
	sync.Mutex
	funcs []func()
}

// AtExit has f called after the last test, in reverse order of the calls, by the
// process that ran the tests under Main.
func AtExit(f func()) {
	atExit.Lock()
	defer atExit.Unlock()
	atExit.funcs = append(atExit.funcs, f)
}

func run(m interface{ Run() int }) int {
	code := m.Run()
	atExit.Lock()
	defer atExit.Unlock()
	for _, f := range slices.Backward(atExit.funcs) {
		f()
	}
	atExit.funcs = nil
	return code
}

// inside runs this binary again in a new network. An error means that it did not
// start.
func inside() (int, error) {
	exe, err := os.Executable()
	if err != nil {
		return 0, err
	}
	attr, err := newNetwork()
	if err != nil {
		return 0, err
	}
	// The kernel ties the child's life to the thread that started it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd := exec.Command(exe, os.Args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	tmp, err := os.MkdirTemp("", "bluegreen-test-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(tmp)
	cmd.Env = append(os.Environ(), insideEnv+"=1", "TMPDIR="+tmp)
	cmd.SysProcAttr = attr
	// An interrupt reaches the whole process group and is the child's to handle;
	// the others come to this process alone and are handed on.
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGQUIT)
	defer signal.Stop(signals)
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	done := make(chan struct{})
	forwarded := make(chan struct{})
	go func() {
		defer close(forwarded)
		forward(signals, cmd.Process, done)
	}()
	err = cmd.Wait()
	close(done)
	<-forwarded
	if code := cmd.ProcessState.ExitCode(); code >= 0 {
		return code, nil
	}
	fmt.Fprintln(os.Stderr, "loopback: the test process ended:", err)
	return 1, nil
}

func forward(signals <-chan os.Signal, child *os.Process, done <-chan struct{}) {
	for {
		select {
		case sig := <-signals:
			if sig != os.Interrupt {
				_ = child.Signal(sig)
			}
		case <-done:
			return
		}
	}
}
