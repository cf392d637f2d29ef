package installer

import (
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
)

func TestSetCollector(t *testing.T) {
	file := filepath.Join(t.TempDir(), "argus-endpoint.conf")
	for _, c := range []struct {
		before, want string
		changed      bool
	}{
		{"", "ARGUS_COLLECTOR=c:1\n", true},
		{"ARGUS_COLLECTOR=c:1\n", "ARGUS_COLLECTOR=c:1\n", false},
		{"# ours\nSPOOL_SIZE=1G\n", "# ours\nSPOOL_SIZE=1G\nARGUS_COLLECTOR=c:1\n", true},
		{"SPOOL_SIZE=1G", "SPOOL_SIZE=1G\nARGUS_COLLECTOR=c:1\n", true},
		{"collector = old:1\nA=1\nARGUS_COLLECTOR=other:2\n", "ARGUS_COLLECTOR=c:1\nA=1\n", true},
		{"ARGUS_COLLECTOR_CA=00\n", "ARGUS_COLLECTOR_CA=00\nARGUS_COLLECTOR=c:1\n", true},
	} {
		if err := os.WriteFile(file, []byte(c.before), 0o640); err != nil {
			t.Fatal(err)
		}
		changed, err := setCollector(file, "c:1")
		got, _ := os.ReadFile(file)
		if string(got) != c.want || changed != c.changed || err != nil {
			t.Errorf("%q becomes %q, changed %v, %v", c.before, got, changed, err)
		}
		checkMode(t, file, 0o640) // the administrator's
	}
}

func TestWriteToken(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte("argus1.old\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, want := range []bool{true, false} {
		changed, err := writeToken(file, " argus1.new\n")
		if got, _ := os.ReadFile(file); string(got) != "argus1.new\n" || changed != want || err != nil {
			t.Errorf("%q, changed %v, %v", got, changed, err)
		}
		checkMode(t, file, 0o600)
	}
	if _, err := writeToken(filepath.Join(t.TempDir(), "none", "token"), "x"); err == nil {
		t.Error("a token is written into a folder that is not there")
	}
}

func TestCopyProgram(t *testing.T) {
	dir := t.TempDir()
	from, to := filepath.Join(dir, "from"), filepath.Join(dir, "to")
	if err := os.WriteFile(from, []byte("new"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := copyProgram(filepath.Join(dir, "none"), to); err == nil {
		t.Error("a program that is not there is copied")
	}
	for _, want := range []bool{true, false} {
		changed, err := copyProgram(from, to)
		if got, _ := os.ReadFile(to); string(got) != "new" || changed != want || err != nil {
			t.Errorf("%q, changed %v, %v", got, changed, err)
		}
		checkMode(t, to, 0o755)
	}
	if files, _ := os.ReadDir(dir); len(files) != 2 {
		t.Errorf("left: %v", files)
	}
}

// TestCopyProgramAfterTrouble: what a copy has left that was killed goes with the next one, and a link is not taken for the program.
func TestCopyProgramAfterTrouble(t *testing.T) {
	dir := t.TempDir()
	from, to := filepath.Join(dir, "from"), filepath.Join(dir, "to")
	for _, file := range []string{from, filepath.Join(dir, ".to-123"), filepath.Join(dir, ".other-123")} {
		if err := os.WriteFile(file, []byte("new"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(from, to); err != nil {
		t.Skip(err) // Windows may not let us
	}
	if changed, err := copyProgram(from, to); !changed || err != nil {
		t.Errorf("a link stays: %v, %v", changed, err)
	}
	if info, err := os.Lstat(to); err != nil || !info.Mode().IsRegular() {
		t.Errorf("%v, %v", info, err)
	}
	var left []string
	files, _ := os.ReadDir(dir)
	for _, f := range files {
		left = append(left, f.Name())
	}
	if want := []string{".other-123", "from", "to"}; !slices.Equal(left, want) {
		t.Errorf("left: %v", left)
	}
}

// checkMode looks at the bits that Windows does not have.
func checkMode(t *testing.T, file string, want fs.FileMode) {
	t.Helper()
	info, err := os.Stat(file)
	if err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != want {
		t.Errorf("%s: %v, %v", file, info.Mode(), err)
	}
}
