//go:build unix

package installer

import (
	"os"
	"testing"
)

func TestLooseFolder(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("folders of several owners want root")
	}
	dir, err := os.MkdirTemp("/run", "loose-") // whose folders are root's; those of t.TempDir may be anybody's
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	bin := dir + "/bin"
	if err := os.MkdirAll(bin, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		folder   string
		uid, gid int
		mode     os.FileMode
		want     string
	}{
		{bin, 0, 0, 0o755, ""},
		{bin, 0, 0, 0o775, ""},
		{bin, 0, 80, 0o755, ""},
		{bin, 0, 80, 0o775, bin},
		{bin, 501, 80, 0o755, bin},
		{bin, 0, 0, 0o777, bin},
		{bin, 0, 0, 0o777 | os.ModeSticky, ""},
		{dir, 501, 0, 0o755, dir},
	} {
		for path, as := range map[string]struct {
			uid, gid int
			mode     os.FileMode
		}{dir: {0, 0, 0o755}, bin: {0, 0, 0o755}, c.folder: {c.uid, c.gid, c.mode}} {
			if err := os.Chown(path, as.uid, as.gid); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(path, as.mode); err != nil {
				t.Fatal(err)
			}
		}
		if got := looseFolder(bin + "/argus-endpoint"); got != c.want {
			t.Errorf("%s of %d:%d, %s: %q, want %q", c.folder, c.uid, c.gid, c.mode, got, c.want)
		}
	}
}
