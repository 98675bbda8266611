package sdk

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"time"
)

// The environment variables that say who a process is.
const (
	EnvColor   = "BLUE_GREEN_COLOR"   // blue or green; unset: neutral
	EnvService = "BLUE_GREEN_SERVICE" // the service; unset: the application's own name
	EnvVersion = "BLUE_GREEN_VERSION" // the version; unset: the build's VCS revision
)

// ErrServiceNames is returned when BLUE_GREEN_SERVICE and the application's own
// name are both set and differ.
var ErrServiceNames = errors.New("two different service names")

var errNoService = errors.New("no service name")

// Identity says who a process is. It never changes in the life of a process.
type Identity struct {
	Service string    // the application that is deployed and restarted as one
	Color   Color     // its half of the service's cluster
	Version string    // what is deployed; informational
	Host    string    // host name
	PID     int       // process id on Host
	Boot    string    // random, new at each start
	Start   time.Time // when the process started
}

// IdentityFromEnv builds the identity of this process. application is the name
// that the program gives itself (dubbo's application.name) and may be empty if
// BLUE_GREEN_SERVICE is set. The error wraps [ErrUnknownColor] or
// [ErrServiceNames]; a process that gets one must not start.
func IdentityFromEnv(application string) (Identity, error) {
	color, err := ParseColor(os.Getenv(EnvColor))
	if err != nil {
		return Identity{}, fmt.Errorf("%s: %w", EnvColor, err)
	}
	service, err := ServiceName(os.Getenv(EnvService), application)
	if err != nil {
		return Identity{}, err
	}
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return Identity{
		Service: service, Color: color, Version: version(),
		Host: host, PID: os.Getpid(), Boot: newBoot(), Start: time.Now(),
	}, nil
}

// ServiceName settles a process's service from the environment's name and the
// application's own. Both empty, or both set and different, is an error.
func ServiceName(fromEnv, application string) (string, error) {
	switch {
	case fromEnv == "" && application == "":
		return "", fmt.Errorf("%w: set %s or the application's name", errNoService, EnvService)
	case fromEnv == "":
		return application, nil
	case application != "" && application != fromEnv:
		return "", fmt.Errorf("%w: %s=%q, application name %q", ErrServiceNames, EnvService, fromEnv, application)
	}
	return fromEnv, nil
}

func version() string {
	if v := os.Getenv(EnvVersion); v != "" {
		return v
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return s.Value[:min(12, len(s.Value))]
		}
	}
	return ""
}

func newBoot() string {
	var b [6]byte
	_, _ = rand.Read(b[:]) // never fails since Go 1.24
	return hex.EncodeToString(b[:])
}
