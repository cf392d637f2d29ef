package powercut

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/argus-endpoint/argus-endpoint/internal/mutant"
	"github.com/argus-endpoint/argus-endpoint/internal/netns"
)

func TestMain(m *testing.M) {
	if os.Getenv("ENDTOEND") == "" {
		fmt.Println("powercut: left out; run it with: make powercut")
		return
	}
	if os.Getenv(inside) != "" || os.Geteuid() != 0 {
		os.Exit(m.Run())
	}
	// In a mount namespace of its own, which no other process copies and keeps: its disks go with it.
	cmd := exec.Command("unshare", append([]string{"-m", "--propagation", "private", os.Args[0]}, os.Args[1:]...)...)
	cmd.Env = append(os.Environ(), inside+"=1")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "powercut: unshare -m:", err)
		os.Exit(1)
	}
}

const inside = "ARGUS_POWERCUT_INSIDE"

// perLife is how many pictures are taken of one writer, which then begins anew.
const perLife = 15

var kinds = []string{"ext4", "xfs"}

func cuts(t *testing.T) int {
	if text := os.Getenv("CUTS"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatalf("CUTS=%s: want a number", text)
		}
		return n
	}
	return 75
}

// build compiles the writer, with an overlay if there is one.
func build(t *testing.T, args ...string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "writer")
	cmd := exec.Command("go", append(append([]string{"build", "-o", name}, args...), "./writer")...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return name
}

// ordeal takes pictures of a disk while a writer works on it, until there are enough or one of them shows a fault.
func ordeal(t *testing.T, d *disk, writer, what string, cuts int) *verdict {
	t.Helper()
	v := &verdict{}
	dir := filepath.Join(d.inner, what)
	for v.cuts < cuts && v.good() {
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
		l := start(t, writer, what, dir)
		v.life(t, d, l, what, min(perLife, cuts-v.cuts))
		l.stop()
	}
	return v
}

func (v *verdict) life(t *testing.T, d *disk, l *live, what string, cuts int) {
	for range cuts {
		v.sync = max(v.sync, d.sync(t))
		before := l.wait(t, 1+rand.IntN(60))
		begun := time.Now()
		picture := d.cut(t)
		after := before
		if what == "spool" {
			after = l.after(t, time.Now())
		} else { // which takes the longer to judge the more there is
			l.signal(t, syscall.SIGSTOP)
		}
		v.cuts++
		d.look(t, picture, func(dir string) {
			if what == "spool" {
				v.spool(t, dir, before, after, begun)
			} else {
				v.store(t, dir, before)
			}
		})
		l.signal(t, syscall.SIGCONT)
	}
}

// TestPowerCuts is fault 4.
func TestPowerCuts(t *testing.T) {
	netns.NeedRoot(t)
	writer := build(t)
	for _, kind := range kinds {
		for _, what := range []string{"spool", "store"} {
			t.Run(what+" on "+kind, func(t *testing.T) {
				v := ordeal(t, newDisk(t, kind), writer, what, cuts(t))
				t.Logf("powercut: %-5s on %-4s %v", what, kind, v)
				if !v.good() || v.acknowledged == 0 {
					t.Errorf("%s", strings.Join(v.examples, "\n"))
				}
			})
		}
	}
}

// defect is one that the pictures must show: one place of the source that says something else.
type defect struct {
	name, what, file, right, wrong string
}

var defects = []defect{
	{"the spool skips the sync", "spool", "uplink/spool/fs_linux.go", "unix.Fdatasync(int(f.Fd()))", "error(nil)"},
	{"the spool leases what is not synced", "spool", "uplink/spool/lease.go", "limit := g.safe", "limit := g.size"},
	{"the store skips the sync", "store", "collector/store/folder.go", "err = f.Sync()", "err = nil"},
	{"the store reports before it writes", "store", "collector/store/store.go",
		"func (s *Store) Watermark(monitor uuid.UUID, epoch wire.Epoch) uint64 {",
		"func (s *Store) Watermark(monitor uuid.UUID, epoch wire.Epoch) uint64 {\n\tif m, ok := s.pending.marks[epochKey{monitor, epoch}]; ok {\n\t\treturn m.Sequence\n\t}"},
}

// TestMutants shows that the pictures can show something.
func TestMutants(t *testing.T) {
	netns.NeedRoot(t)
	for _, m := range defects {
		writer := build(t, "-overlay", mutant.Overlay(t, m.file, m.right, m.wrong))
		for _, kind := range kinds {
			t.Run(m.name+" on "+kind, func(t *testing.T) {
				v := ordeal(t, newDisk(t, kind), writer, m.what, 60)
				t.Logf("powercut: mutant: %s, on %s: %v", m.name, kind, v)
				if v.good() {
					t.Errorf("no picture of %d has shown it", v.cuts)
				}
			})
		}
	}
}
