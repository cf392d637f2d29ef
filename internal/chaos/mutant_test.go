//go:build linux

package chaos

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// mutant is a defect that chaos must find (delivery rules): one place of the source that says something else.
type mutant struct {
	name, file, right, wrong string
}

// mutants are the wrong orders and the left-out checks by which records get lost or doubled. "Skip the sync" is found by make powercut only:
// a kill leaves the kernel's memory whole.
var mutants = []mutant{
	{"the receiver acknowledges before it writes", "collector/receive/flows.go",
		"if err := h.config.Append(r.Context(), b); err != nil {",
		"go func() { _ = h.config.Append(context.WithoutCancel(r.Context()), b) }(); if err := error(nil); err != nil {"},
	{"the agent ignores the watermark", "uplink/deliver.go",
		"c.c.Queue.Commit(epoch, w.Sequence)",
		"c.c.Queue.Commit(epoch, c.sent)"},
	{"the collector does not dedupe", "collector/store/store.go",
		"case next > mark.Sequence:",
		"case next > 0:"},
	{"the collector reports before it writes", "collector/store/store.go",
		"return s.manifest.committed.marks[epochKey{monitor, epoch}].Sequence",
		"if m, ok := s.pending.marks[epochKey{monitor, epoch}]; ok { return m.Sequence }; return s.manifest.committed.marks[epochKey{monitor, epoch}].Sequence"},
}

// overlay writes a mutated copy of the source, and returns the file that tells the compiler to use it.
func (m *mutant) overlay(t *testing.T) string {
	t.Helper()
	source, err := filepath.Abs(filepath.Join("../..", m.file))
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(source)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(text), m.right); n != 1 {
		t.Fatalf("%s has %q %d times, want once: the mutant must follow the source", m.file, m.right, n)
	}
	mutated := strings.Replace(string(text), m.right, m.wrong, 1)
	if strings.Contains(m.wrong, "context.") && !strings.Contains(mutated, `"context"`) {
		mutated = strings.Replace(mutated, "import (", "import (\n\t\"context\"", 1)
	}
	dir := t.TempDir()
	copied := filepath.Join(dir, filepath.Base(m.file))
	list, err := json.Marshal(map[string]map[string]string{"Replace": {source: copied}})
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(copied, []byte(mutated), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, list, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// TestMutants lets chaos judge sites with a defect: one that it lets pass makes it worthless.
func TestMutants(t *testing.T) {
	if os.Getenv("MUTANTS") == "" {
		t.Skip("left out; run it with: make chaos MUTANTS=1")
	}
	for _, m := range mutants {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			s := oneNode(t, build(t, m.overlay(t)), number(t, "SEED", 1))
			v, line := s.ordeal("mutant", int(number(t, "MUTANT_KILLS", 15)))
			t.Logf("chaos: %s: %s", m.name, line)
			if v.good() {
				t.Errorf("chaos has not noticed that %s", m.name)
			}
		})
	}
}
