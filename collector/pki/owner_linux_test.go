package pki

import (
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// TestRootWorksOnTheServicesFolder: what commands of root write into the folder of the service's user is that user's, or the service could
// neither read the token nor take the lock.
func TestRootWorksOnTheServicesFolder(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root: another user's folder")
	}
	const service = 1234
	dir := filepath.Join(t.TempDir(), "pki")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(dir, service, service); err != nil {
		t.Fatal(err)
	}
	state, err := Folder(dir)
	if err != nil {
		t.Fatal(err)
	}
	authority, err := Open(state)
	if err != nil {
		t.Fatal(err)
	}
	defer authority.Close()
	if _, _, err := authority.CreateToken([]string{"soc.example.net:4561"}, time.Hour, 0, Labels{}); err != nil {
		t.Fatal(err)
	}
	n := 0
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		n++
		if owner := info.Sys().(*syscall.Stat_t); owner.Uid != service || owner.Gid != service {
			t.Errorf("%s belongs to %d:%d", path, owner.Uid, owner.Gid)
		}
		return nil
	})
	if err != nil || n < 4 { // the folder, the lock, the authority, tokens and one of them
		t.Errorf("%d files, %v", n, err)
	}
}
