package sdk

import (
	"errors"
	"os"
	"testing"
)

func TestIdentityFromEnv(t *testing.T) {
	const unset = "<unset>"
	tests := []struct {
		name, color, service, application string
		wantService                       string
		wantColor                         Color
		wantErr                           error
	}{
		{"all", "blue", "order", "order", "order", Blue, nil},
		{"upper case", "GREEN", unset, "order", "order", Green, nil},
		{"mixed case", "bLuE", unset, "order", "order", Blue, nil},
		{"colour unset", unset, unset, "order", "order", Neutral, nil},
		{"colour empty", "", unset, "order", "order", Neutral, nil},
		{"only the environment's name", "blue", "order", "", "order", Blue, nil},
		{"unknown colour", "red", unset, "order", "", Neutral, ErrUnknownColor},
		{"colour with a blank", "blue ", unset, "order", "", Neutral, ErrUnknownColor},
		{"neutral is no colour to set", "neutral", unset, "order", "", Neutral, ErrUnknownColor},
		{"two different names", "blue", "order", "payment", "", Neutral, ErrServiceNames},
		{"no name", "blue", unset, "", "", Neutral, errNoService},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for name, v := range map[string]string{EnvColor: tt.color, EnvService: tt.service} {
				t.Setenv(name, v) // also restores it
				if v == unset {
					_ = os.Unsetenv(name)
				}
			}
			t.Setenv(EnvVersion, "v7")
			id, err := IdentityFromEnv(tt.application)
			if !errors.Is(err, tt.wantErr) {
				t.Fatalf("error %v, want %v", err, tt.wantErr)
			}
			if id.Service != tt.wantService || id.Color != tt.wantColor {
				t.Errorf("got %q %v, want %q %v", id.Service, id.Color, tt.wantService, tt.wantColor)
			}
			if err == nil && (id.Version != "v7" || id.PID != os.Getpid() || len(id.Boot) != 12 || id.Start.IsZero() || id.Host == "") {
				t.Errorf("identity %+v lacks something", id)
			}
			if err != nil && id != (Identity{}) {
				t.Errorf("identity %+v beside an error", id)
			}
		})
	}
}

func TestBootIsNewEachTime(t *testing.T) {
	seen := map[string]bool{}
	for range 1000 {
		seen[newBoot()] = true
	}
	if len(seen) != 1000 {
		t.Errorf("%d different of 1000, want all", len(seen))
	}
}
