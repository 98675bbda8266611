package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"time"
)

// The roles that the demo starts itself again in.
const (
	roleService = "service"
	roleGateway = "gateway"
	rolePlain   = "plain"
)

// childSpec is what a child is told on its command line. Colour and version come in the environment, as they do for any
// process that links the SDK.
type childSpec struct {
	Role          string `json:"role"`
	Service       string `json:"service"` // also of the gateway and the plain caller: the application's name
	Port          int    `json:"port"`
	Nacos         string `json:"nacos"`
	RulesGroup    string `json:"rulesGroup"`
	RegistryGroup string `json:"registryGroup"`
	Dir           string `json:"dir"` // for caches and logs
	Rate          int    `json:"rate,omitempty"`
	Verbose       bool   `json:"verbose,omitempty"`
}

// Timeouts of a child.
const (
	startLimit = 60 * time.Second
	stopLimit  = 10 * time.Second
)

// runChild is the main function of a child. It ends when its standard input does: when the parent says so, or is gone.
func runChild(text string) error {
	signal.Ignore(os.Interrupt) // Ctrl-C reaches the whole group; the parent decides
	var spec childSpec
	if err := json.Unmarshal([]byte(text), &spec); err != nil {
		return fmt.Errorf("child: %w", err)
	}
	level := slog.LevelWarn
	if spec.Verbose {
		level = slog.LevelInfo
	}
	slog.SetDefault(slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level})))
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	switch spec.Role {
	case roleService:
		return runService(ctx, spec)
	case roleGateway:
		return runGateway(ctx, spec)
	case rolePlain:
		return runPlain(ctx, spec)
	}
	return fmt.Errorf("child: unknown role %q", spec.Role)
}
