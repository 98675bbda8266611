package store

import (
	"testing"
	"time"

	"github.com/bluegreen-go/bluegreen/sdk"
)

func TestGoodbyeIsNotMissed(t *testing.T) {
	for name, leaving := range map[string]bool{"with a goodbye": true, "without": false} {
		t.Run(name, func(t *testing.T) {
			r := newRoster()
			rep := sdk.Report{Identity: sdk.Identity{Service: "gateway", Boot: "b", Host: "pod-1"}, Seq: 1}
			r.observe(time.Unix(1, 0), []sdk.Report{rep})
			rep.Seq, rep.Leaving = 2, leaving
			r.observe(time.Unix(2, 0), []sdk.Report{rep})
			if present, _ := r.present(); len(present) != 1 {
				t.Errorf("%d present while it is leaving, want 1: it may still be calling", len(present))
			}
			r.observe(time.Unix(3, 0), nil)
			if _, missing := r.present(); (len(missing) == 0) != leaving {
				t.Errorf("%d missing once it is gone", len(missing))
			}
		})
	}
}
