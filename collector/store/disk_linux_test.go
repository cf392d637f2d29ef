package store

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// TestFullDisk fills the disk under a store, by octets and by inodes: a commit fails as a whole, and goes through when there is room.
func TestFullDisk(t *testing.T) {
	for _, options := range []string{"size=1m", "nr_inodes=30"} {
		disk := t.TempDir()
		if err := unix.Mount("tmpfs", disk, "tmpfs", 0, options); err != nil {
			if os.Getenv("CI") == "true" {
				t.Fatal(err)
			}
			t.Skipf("mounting needs root: %v", err)
		}
		t.Cleanup(func() { unix.Unmount(disk, unix.MNT_DETACH) })
		dir := filepath.Join(disk, "store")
		s, h := open(t, dir), newHost(t, 1)
		var journal, all []*Batch
		var err error
		for range 1000 {
			journal = []*Batch{h.batch(t, 100, 0)}
			all = append(all, journal...)
			add(t, s, journal...)
			if err = s.Commit(t.Context()); err != nil {
				break
			}
		}
		if !errors.Is(err, syscall.ENOSPC) {
			t.Fatalf("%s: after %d commits: %v", options, len(all), err)
		}
		wantOnce(t, dir, all[:len(all)-1]...) // what is there can be read
		if err := unix.Mount("", disk, "", unix.MS_REMOUNT, "size=2m,nr_inodes=100"); err != nil {
			t.Fatal(err)
		}
		s = open(t, dir)
		add(t, s, journal...)
		commit(t, s)
		wantOnce(t, dir, all...)
		sweep(t, s, start)
		if n := countFiles(t, dir); n != len(view(t, dir).Files()) {
			t.Errorf("%s: %d files on the disk, %d in the manifest", options, n, len(view(t, dir).Files()))
		}
	}
}
