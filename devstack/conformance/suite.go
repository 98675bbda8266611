package conformance

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// Run runs the whole suite. The tests that leave the server alone run in parallel with each other, then those that cut
// connections or restart it run one after the other.
func Run(t *testing.T, target Target) {
	t.Helper()
	if len(target.Servers) == 0 || target.Admin == nil {
		t.Fatal("the target has no servers or no admin")
	}
	if target.Namespace == "" {
		target.Namespace = "conformance"
	}
	s := &suite{Target: target, run: fmt.Sprintf("%08x", rand.Uint32())}
	t.Run("calm", func(t *testing.T) {
		for name, test := range s.calm() {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				test(t)
			})
		}
	})
	for _, step := range s.stormy() {
		t.Run(step.name, step.test)
	}
}

type step struct {
	name string
	test func(*testing.T)
}

func (s *suite) calm() map[string]func(*testing.T) {
	return map[string]func(*testing.T){
		"config get and publish":         s.configPublish,
		"config missing":                 s.configMissing,
		"config listen":                  s.configListen,
		"config compare and swap":        s.configCAS,
		"config search":                  s.configSearch,
		"config namespaces":              s.configNamespaces,
		"config names":                   s.configNames,
		"register and update":            s.registerUpdate,
		"metadata limit":                 s.metadataLimit,
		"disabled is hidden":             s.disabledHidden,
		"weights are exact":              s.weights,
		"one slot per connection":        s.oneSlot,
		"two clients, two records":       s.twoClients,
		"batch":                          s.batch,
		"pushes are merged":              s.merged,
		"identical update":               s.identical,
		"deregister":                     s.deregister,
		"client gone":                    s.clientGone,
		"unsubscribe":                    s.unsubscribe,
		"groups and namespaces":          s.groupsNamespaces,
		"empty lists":                    s.emptyLists,
		"service list":                   s.serviceList,
		"console edit wins":              s.consoleEdit,
		"console edit outlives register": s.consoleOutlives,
		"console ejects":                 s.consoleEjects,
		"silent client is ejected":       s.silentClient,
	}
}

func (s *suite) stormy() []step {
	return []step{
		{"redo after a cut", s.redo},
		{"redo of a disabled instance", s.redoDisabled},
		{"update while cut off", s.updateWhileCut},
		{"listen after a cut", s.listenAfterCut},
		{"restart", s.restart},
	}
}
