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
	base := room(t)
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

// room returns a folder in memory if there is enough: a disk that others use as well has syncs of seconds.
func room(t *testing.T) string {
	t.Helper()
	var st syscall.Statfs_t
	if err := syscall.Statfs("/dev/shm", &st); err != nil || int64(st.Bavail)*int64(st.Bsize) < 4<<30 {
		return t.TempDir()
	}
	base, err := os.MkdirTemp("/dev/shm", "powercut-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(base) })
	return base
}

// sync returns how long the disk takes to write a little for certain, beside all the others.
func (d *disk) sync(t *testing.T) time.Duration {
	t.Helper()
	begin := time.Now()
	f, err := os.Create(filepath.Join(d.inner, "probe"))
	if err == nil {
		_, err = f.Write(make([]byte, 4096))
	}
	if err == nil {
		err = f.Sync()
	}
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	return time.Since(begin)
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
