package tally

import (
	"fmt"

	"github.com/bluegreen-go/bluegreen/sdk"
)

// MinRoots is the least number of requests that a share is judged by.
const MinRoots = 2000

// Sample is how the roots of one step were split in one channel.
type Sample struct {
	Step    string            `json:"step"`
	Channel string            `json:"channel"`
	Want    sdk.PerColor[int] `json:"want"`
	Roots   int               `json:"roots"`
	Blue    int               `json:"blue"`
	Low     float64           `json:"low"`  // of blue's part; filled in by Judge
	High    float64           `json:"high"` // of blue's part; filled in by Judge
	open    int               // requests that began in this step and are not over
}

// WantBlue is blue's part of the wanted share, in [0,1].
func (s *Sample) WantBlue() float64 {
	return float64(s.Want.Blue) / float64(s.Want.Blue+s.Want.Green)
}

// PartBlue is the measured part of blue; 0 for an empty sample.
func (s *Sample) PartBlue() float64 {
	if s.Roots == 0 {
		return 0
	}
	return float64(s.Blue) / float64(s.Roots)
}

// Judge fills in the interval and returns why the sample fails, or "". The error alpha is the chance that it fails
// although the share is exactly as wanted.
func (s *Sample) Judge(alpha float64) string {
	s.Low, s.High = Interval(s.Blue, s.Roots, alpha)
	switch want := s.WantBlue(); {
	case s.Roots < MinRoots:
		return fmt.Sprintf("%s, %s: %d roots, want at least %d", s.Step, s.Channel, s.Roots, MinRoots)
	case want < s.Low || want > s.High:
		return fmt.Sprintf("%s, %s: blue got %.2f %% of %d roots, so its share is in [%.2f, %.2f] %%, want %.2f %%",
			s.Step, s.Channel, 100*s.PartBlue(), s.Roots, 100*s.Low, 100*s.High, 100*want)
	}
	return ""
}

// judgeSamples judges all samples within the family's error.
func judgeSamples(samples []*Sample) (failures []string) {
	for _, s := range samples {
		if f := s.Judge(FamilyError / float64(len(samples))); f != "" {
			failures = append(failures, f)
		}
	}
	return failures
}
