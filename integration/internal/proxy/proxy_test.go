package proxy

import (
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// echo answers every byte until the client hangs up.
func echo(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				_, _ = io.Copy(c, c)
			}()
		}
	}()
	return l.Addr().String()
}

func proxied(t *testing.T) *Proxy {
	t.Helper()
	p, err := Start(Route{"127.0.0.1:0", echo(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

func dial(t *testing.T, p *Proxy) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", p.Addr(0))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// talk sends one word and returns the error of waiting for its echo.
func talk(c net.Conn, patience time.Duration) error {
	if _, err := c.Write([]byte("ping")); err != nil {
		return err
	}
	_ = c.SetReadDeadline(time.Now().Add(patience))
	_, err := io.ReadFull(c, make([]byte, 4))
	return err
}

func TestForwards(t *testing.T) {
	c := dial(t, proxied(t))
	if err := talk(c, 5*time.Second); err != nil {
		t.Fatalf("talk = %v, want an echo", err)
	}
}

func TestHalfClosePasses(t *testing.T) {
	c := dial(t, proxied(t)).(*net.TCPConn)
	if _, err := c.Write([]byte("bye")); err != nil {
		t.Fatal(err)
	}
	if err := c.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(c)
	if string(got) != "bye" || err != nil {
		t.Errorf("read %q, %v, want the whole echo and then the end", got, err)
	}
}

func TestCutResetsOldAndNewConnections(t *testing.T) {
	p := proxied(t)
	old := dial(t, p)
	if err := talk(old, 5*time.Second); err != nil {
		t.Fatal(err)
	}
	p.Cut()
	if err := talk(old, 5*time.Second); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("old connection: %v, want it ended", err)
	}
	if c, err := net.Dial("tcp", p.Addr(0)); err == nil {
		if err := talk(c, 5*time.Second); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("new connection: %v, want it ended", err)
		}
		c.Close()
	}
	p.Resume()
	if err := talk(dial(t, p), 5*time.Second); err != nil {
		t.Errorf("after Resume: %v, want an echo", err)
	}
}

func TestBlackholeHoldsAndResumeDelivers(t *testing.T) {
	p := proxied(t)
	c := dial(t, p)
	if err := talk(c, 5*time.Second); err != nil {
		t.Fatal(err)
	}
	p.Blackhole()
	if err := talk(c, 100*time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("in the hole: %v, want silence", err)
	}
	p.Resume()
	_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
	if _, err := io.ReadFull(c, make([]byte, 4)); err != nil {
		t.Errorf("after Resume: %v, want what was held", err)
	}
}

func TestCloseEndsAHeldConnection(t *testing.T) {
	p := proxied(t)
	c := dial(t, p)
	p.Blackhole()
	_, _ = c.Write([]byte("held"))
	p.Close()
	p.Close()
}

func TestStartPairIsAThousandApart(t *testing.T) {
	p, port, err := StartPair("127.0.0.1", 1)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if got, want := p.Addr(1), addr("127.0.0.1", port+1000); got != want {
		t.Errorf("gRPC address %s, want %s", got, want)
	}
}
