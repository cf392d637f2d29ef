//go:build linux

package chaos

import (
	"os"
	"testing"

	"github.com/argus-endpoint/argus-endpoint/internal/mutant"
)

// defect is one that chaos must find (delivery rules) at a site: a place of the source that says something else.
type defect struct {
	name    string
	site    func(t *testing.T, bin string, seed uint64) *site
	file    string
	replace []string
}

// defects are the wrong orders and the left-out checks by which records get lost or doubled. "Skip the sync" is found by make powercut only:
// a kill leaves the kernel's memory whole. A receiver that is killed itself cannot have acknowledged too early, because agents send again what is
// not durable when a connection ends: the first defect shows where the journal fails and the receiver does not.
var defects = []defect{
	{"the receiver acknowledges before it writes", cluster, "collector/receive/flows.go", []string{
		"if err := h.config.Append(r.Context(), b); err != nil {",
		"go func() { _ = h.config.Append(context.WithoutCancel(r.Context()), b) }(); if err := error(nil); err != nil {",
		"import (", "import (\n\t\"context\"",
	}},
	{"the agent ignores the watermark", oneNode, "uplink/deliver.go", []string{
		"c.c.Queue.Commit(epoch, w.Sequence)", "c.c.Queue.Commit(epoch, c.sent)",
	}},
	{"the collector does not dedupe", oneNode, "collector/store/store.go", []string{
		"case next > mark.Sequence:", "case next > 0:",
	}},
	{"the collector reports before it writes", oneNode, "collector/store/store.go", []string{
		"func (s *Store) Watermark(monitor uuid.UUID, epoch wire.Epoch) uint64 {",
		"func (s *Store) Watermark(monitor uuid.UUID, epoch wire.Epoch) uint64 {\n\tif m, ok := s.pending.marks[epochKey{monitor, epoch}]; ok {\n\t\treturn m.Sequence\n\t}",
	}},
}

// TestMutants lets chaos judge sites with a defect: one that it lets pass makes it worthless.
func TestMutants(t *testing.T) {
	if os.Getenv("MUTANTS") == "" {
		t.Skip("left out; run it with: make chaos MUTANTS=1")
	}
	for _, m := range defects {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			s := m.site(t, build(t, mutant.Overlay(t, m.file, m.replace...)), number(t, "SEED", 1))
			v, line := s.ordeal("mutant", int(number(t, "MUTANT_KILLS", 15)))
			t.Logf("chaos: %s: %s", m.name, line)
			if v.good() {
				t.Errorf("chaos has not noticed that %s", m.name)
			}
		})
	}
}
