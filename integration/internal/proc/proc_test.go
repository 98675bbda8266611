package proc

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	switch os.Getenv("PROC_TEST_CHILD") {
	case "talk":
		fmt.Println("first")
		fmt.Println("ready now")
		select {}
	case "die":
		fmt.Println("cannot bind")
		os.Exit(3)
	case "many":
		for i := range keepLines + 500 {
			fmt.Println("line", i)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

func start(t *testing.T, kind string) *Process {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p, err := Start(Config{Path: exe, Env: []string{"PROC_TEST_CHILD=" + kind}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	return p
}

func deadline(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func TestWaitLineReturnsTheLine(t *testing.T) {
	p := start(t, "talk")
	got, err := p.WaitLine(deadline(t), "ready")
	if err != nil || got != "ready now" {
		t.Fatalf("WaitLine = %q, %v, want %q", got, err, "ready now")
	}
	p.Stop(5 * time.Second)
	if p.Err() == nil {
		t.Error("Err() = nil after a signal, want how it ended")
	}
}

func TestWaitLineSaysWhyAChildEnded(t *testing.T) {
	_, err := start(t, "die").WaitLine(deadline(t), "ready")
	if err == nil || !strings.Contains(err.Error(), "cannot bind") || !strings.Contains(err.Error(), "exit status 3") {
		t.Fatalf("WaitLine error = %v, want exit status and last lines", err)
	}
}

func TestLogForgetsOldLines(t *testing.T) {
	p := start(t, "many")
	<-p.Done()
	if got := strings.Count(p.Tail(keepLines*2), "\n") + 1; got != keepLines {
		t.Errorf("remembered %d lines, want %d", got, keepLines)
	}
	if got, want := p.Tail(1), fmt.Sprint("line ", keepLines+499); got != want {
		t.Errorf("Tail(1) = %q, want %q", got, want)
	}
}

func TestStartReportsAMissingProgram(t *testing.T) {
	if _, err := Start(Config{Path: "/does/not/exist"}); err == nil {
		t.Error("Start = nil error, want one")
	}
}
