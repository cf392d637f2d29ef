package platform

import (
	"iter"
	"os"
	"strings"
	"testing"

	"github.com/gofrs/uuid/v5"
)

const (
	machineA = "4ac0d3c5b3b44f6b9d1f6a1e2c3d4e5f"
	machineB = "b7c1d2e3f4a5968778695a4b3c2d1e0f"
)

func ids(texts ...string) iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		for _, s := range texts {
			if !yield(s+"\n", "/etc/machine-id") {
				return
			}
		}
	}
}

func stateFolder(t *testing.T) *os.Root {
	t.Helper()
	r, err := os.OpenRoot(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

func TestIdentifyTakesTheMachineID(t *testing.T) {
	h, err := identify(uuid.Nil, stateFolder(t), ids(machineA))
	if err != nil || h.ID != uuid.Must(uuid.FromString(machineA)) || h.Origin != "/etc/machine-id" || !h.Previous.IsNil() {
		t.Fatalf("%+v %v", h, err)
	}
	if got := h.ID.String(); got != "4ac0d3c5-b3b4-4f6b-9d1f-6a1e2c3d4e5f" {
		t.Error("UUID form:", got)
	}
}

func TestIdentifyRefusesImplausibleIDsForAKeptRandomOne(t *testing.T) {
	for _, bad := range []string{
		"", "uninitialized", "00000000000000000000000000000000", "ffffffffffffffffffffffffffffffff",
		"11111111111111111111111111111111", "00000000-0000-0000-0000-000000000001",
		"03000200-0400-0500-0006-000700080009", "not a uuid", machineA + "00",
	} {
		state := stateFolder(t)
		first, err := identify(uuid.Nil, state, ids(bad))
		if err != nil || first.Origin != "random" || first.ID.IsNil() {
			t.Fatalf("%q: %+v %v", bad, first, err)
		}
		again, err := identify(uuid.Nil, state, ids(bad))
		if err != nil || again.ID != first.ID || !again.Previous.IsNil() {
			t.Errorf("%q: not kept: %+v, then %+v %v", bad, first, again, err)
		}
	}
	h, err := identify(uuid.Nil, stateFolder(t), ids("uninitialized", machineA))
	if err != nil || h.Origin == "random" {
		t.Errorf("the second source was not asked: %+v %v", h, err)
	}
}

func TestIdentifyNoticesAClone(t *testing.T) {
	state := stateFolder(t)
	if _, err := identify(uuid.Nil, state, ids(machineA)); err != nil {
		t.Fatal(err)
	}
	for range 2 { // until it is adopted
		h, err := identify(uuid.Nil, state, ids(machineB))
		if err != nil || h.ID != uuid.Must(uuid.FromString(machineB)) || h.Previous != uuid.Must(uuid.FromString(machineA)) {
			t.Fatalf("%+v %v", h, err)
		}
	}
	h, _ := identify(uuid.Nil, state, ids(machineB))
	if err := h.Adopt(state); err != nil || !h.Previous.IsNil() {
		t.Fatal(h, err)
	}
	if h, err := identify(uuid.Nil, state, ids(machineB)); err != nil || !h.Previous.IsNil() {
		t.Errorf("still a clone after adoption: %+v %v", h, err)
	}
}

func TestIdentifyLivesWithADamagedRecord(t *testing.T) {
	for _, text := range []string{"", "\x00\x00\x00", "zzz random", strings.Repeat("a", 9999)} {
		state := stateFolder(t)
		if err := state.WriteFile(hostFile, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		h, err := identify(uuid.Nil, state, ids(machineA))
		if err != nil || !h.Previous.IsNil() || h.ID.IsNil() {
			t.Errorf("%.10q: %+v %v", text, h, err)
		}
	}
}

func TestOverride(t *testing.T) {
	override := uuid.Must(uuid.FromString(machineB))
	if h, err := identify(override, stateFolder(t), ids(machineA)); err != nil || h.ID != override || h.Origin != "ARGUS_MONITOR_ID" {
		t.Errorf("%+v %v", h, err)
	}
}

func TestWriteFileReplacesWhole(t *testing.T) {
	state := stateFolder(t)
	for _, s := range []string{"one", "a longer two", ""} {
		if err := WriteFile(state, "f", []byte(s), 0o600); err != nil {
			t.Fatal(err)
		}
		if b, err := state.ReadFile("f"); err != nil || string(b) != s {
			t.Fatalf("%q %v", b, err)
		}
	}
	if _, err := state.Stat("f.tmp"); err == nil {
		t.Error("the temporary file was left")
	}
	if err := os.Symlink("/etc/passwd", state.Name()+"/g.tmp"); err != nil {
		t.Fatal(err)
	}
	if err := WriteFile(state, "g", []byte("x"), 0o600); err == nil {
		t.Error("a symlink led out of the folder")
	}
}
