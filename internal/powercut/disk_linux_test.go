package powercut

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// disk is an image with a file system of its own, on a file system that can copy it in one moment.
type disk struct {
	kind         string
	outer, inner string // mount points: of what holds the image, and of the image
	image        string
	cuts         int
}

// newDisk makes and mounts a disk with a file system of a kind; what cannot be undone by unmounting is in a temporary folder.
func newDisk(t *testing.T, kind string) *disk {
	t.Helper()
	base := t.TempDir()
	d := &disk{kind: kind, outer: filepath.Join(base, "outer"), inner: filepath.Join(base, "inner")}
	d.image = filepath.Join(d.outer, "disk.img")
	large := filepath.Join(base, "outer.img")
	truncate(t, large, 2<<30)
	run(t, "mkfs.xfs", "-q", "-m", "reflink=1", large)
	mount(t, large, d.outer)
	truncate(t, d.image, 512<<20)
	if kind == "xfs" {
		run(t, "mkfs.xfs", "-q", d.image)
	} else {
		run(t, "mkfs.ext4", "-q", d.image)
	}
	mount(t, d.image, d.inner)
	return d
}

// cut takes a picture of what the disk holds now.
func (d *disk) cut(t *testing.T) (picture string) {
	t.Helper()
	d.cuts++
	picture = filepath.Join(d.outer, fmt.Sprintf("cut-%d.img", d.cuts))
	run(t, "cp", "--reflink=always", d.image, picture)
	return picture
}

// look mounts a picture, which replays the journal of its file system, for as long as f takes, and throws it away.
func (d *disk) look(t *testing.T, picture string, f func(dir string)) {
	t.Helper()
	dir := filepath.Join(filepath.Dir(d.outer), "cut")
	options := "loop"
	if d.kind == "xfs" {
		options += ",nouuid" // its twin is mounted
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	run(t, "mount", "-o", options, picture, dir)
	defer func() {
		unmount(t, dir)
		_ = os.Remove(picture)
	}()
	f(dir)
}

func mount(t *testing.T, image, dir string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	run(t, "mount", "-o", "loop", image, dir)
	t.Cleanup(func() { unmount(t, dir) })
}

// unmount waits for a loop device of something inside that is being taken down.
func unmount(t *testing.T, dir string) {
	t.Helper()
	err := syscall.Unmount(dir, 0)
	for deadline := time.Now().Add(20 * time.Second); err == syscall.EBUSY && time.Now().Before(deadline); {
		<-time.After(20 * time.Millisecond)
		err = syscall.Unmount(dir, 0)
	}
	if err != nil {
		t.Errorf("unmount %s: %v", dir, err)
		_ = syscall.Unmount(dir, syscall.MNT_DETACH)
	}
}

func truncate(t *testing.T, name string, size int64) {
	t.Helper()
	f, err := os.Create(name)
	if err == nil {
		err = f.Truncate(size)
	}
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
}

func run(t *testing.T, args ...string) {
	t.Helper()
	if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, out)
	}
}
