// Package nacos starts and stops a real Nacos server for tests: standalone, on
// loopback, from artifacts whose versions and checksums are pinned.
//
// In a test, Shared gives one server per test binary and RunT one of its own:
//
//	func TestMain(m *testing.M) { os.Exit(loopback.Main(m, nacos.Prepare)) }
//
//	func TestSomething(t *testing.T) {
//		addr := nacos.Shared(t).Addr()
//		…
//	}
//
// Starting takes about ten seconds and 450 MB of memory.
package nacos

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/bluegreen-go/bluegreen/integration/internal/javabundle"
	"github.com/bluegreen-go/bluegreen/integration/internal/proc"
)

// Options say how a server runs; the zero value is what tests want.
type Options struct {
	// Port is the HTTP port. Clients find gRPC 1000 above it; the servers of a
	// cluster use 1001 above and 1000 below. Zero means 8848 when these four are
	// free, else any free block.
	Port int
	// HeapMB is the size of the Java heap in megabytes, 512 by default.
	HeapMB int
	// Properties are added to the server's application.properties.
	Properties map[string]string
	// Output, when set, receives everything that the server prints.
	Output io.Writer
	// StartTimeout bounds Start and Restart, 5 minutes by default: ten seconds are
	// normal, but a machine busy with other tests is slow.
	StartTimeout time.Duration
}

// Server is a running Nacos. Its methods may be called concurrently.
type Server struct {
	opts  Options
	port  int
	home  string
	files *javabundle.Resolved

	mu      sync.Mutex // serialises Stop, Restart and Kill
	process *proc.Process
	stopped bool
}

// launchedLine is what the launcher prints when both halves of Nacos run.
const launchedLine = "BLUEGREEN_NACOS_UP"

// stopGrace is how long a server may take to stop before it is killed.
const stopGrace = 15 * time.Second

// Start starts a server and returns when it serves: a subscriber got a push of a
// naming change and one of a config change, which is more than an answering port
// (a wrong class path breaks exactly the pushes). Stop must be called at the end.
//
// An error that says that this machine lacks Java or Maven is a
// *javabundle.MissingError; RunT and Shared turn it into a skipped test.
func Start(ctx context.Context, opts Options) (*Server, error) {
	if opts.HeapMB == 0 {
		opts.HeapMB = 512
	}
	if opts.StartTimeout == 0 {
		opts.StartTimeout = 5 * time.Minute
	}
	files, err := bundle().Resolve(ctx)
	if err != nil {
		return nil, err
	}
	port, err := freeBlock(opts.Port)
	if err != nil {
		return nil, err
	}
	home, err := os.MkdirTemp("", "bluegreen-nacos-")
	if err != nil {
		return nil, fmt.Errorf("nacos: %w", err)
	}
	s := &Server{opts: opts, port: port, home: home, files: files}
	if err := s.writeConfig(); err != nil {
		s.Stop()
		return nil, fmt.Errorf("nacos: %w", err)
	}
	if err := s.launch(ctx); err != nil {
		s.Stop()
		return nil, err
	}
	return s, nil
}

// Addr is the address for clients, such as "127.0.0.1:8848".
func (s *Server) Addr() string { return net.JoinHostPort(s.Host(), strconv.Itoa(s.port)) }

// Host is the address without the port.
func (s *Server) Host() string { return "127.0.0.1" }

// Port is the HTTP port; gRPC is 1000 above it.
func (s *Server) Port() int { return s.port }

// Home is the folder of the server's data, logs and configuration; it exists
// until Stop.
func (s *Server) Home() string { return s.home }

// Done is closed when the present server process has ended, for whatever reason.
// Restart brings a new process, and a new channel.
func (s *Server) Done() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.process.Done()
}

// Stop ends the server and removes its data. It may be called twice.
func (s *Server) Stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.process != nil {
		s.process.Stop(stopGrace)
	}
	s.stopped = true
	_ = os.RemoveAll(s.home)
}

// Kill ends the server at once, as a crash does. Its data and its ports stay for
// Restart.
func (s *Server) Kill() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.process != nil {
		s.process.Kill()
	}
}

// Restart stops the server, unless it is dead already, and starts it again on the
// same ports with the same data. It returns when the server serves, as Start does.
func (s *Server) Restart(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return errors.New("nacos: restart after Stop")
	}
	s.process.Stop(stopGrace)
	return s.launch(ctx)
}

// Logs returns the last lines of what the server printed and of its main log.
func (s *Server) Logs(lines int) string {
	text := "stdout:\n"
	if s.process != nil {
		text += s.process.Tail(lines)
	}
	main, err := os.ReadFile(filepath.Join(s.home, "logs", "nacos.log"))
	if err != nil {
		return text + "\nno main log: " + err.Error()
	}
	all := strings.Split(strings.TrimRight(string(main), "\n"), "\n")
	return text + "\nnacos.log:\n" + strings.Join(all[max(len(all)-lines, 0):], "\n")
}

// launch starts the process and waits until it serves.
func (s *Server) launch(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.opts.StartTimeout)
	defer cancel()
	p, err := proc.Start(proc.Config{Path: s.files.Java, Args: s.javaArgs(), Dir: s.home, Output: s.opts.Output})
	if err != nil {
		return fmt.Errorf("nacos: %w", err)
	}
	s.process = p
	if _, err := p.WaitLine(ctx, launchedLine); err != nil {
		return fmt.Errorf("nacos: %w\n%s", err, s.Logs(40))
	}
	if err := s.awaitPush(ctx); err != nil {
		return fmt.Errorf("nacos: the server runs but does not serve: %w\n%s", err, s.Logs(40))
	}
	return nil
}
