package archive

import (
	"encoding/binary"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/argus-endpoint/argus-endpoint/argus"
)

// TestOpenEveryCompression reads what the real programs make, in one piece, in two that were put together, and from a pipe's view: a prefix.
func TestOpenEveryCompression(t *testing.T) {
	plain := records(t, argus.V5, 1, 3000, time.Second)
	for _, c := range [][]string{{"gzip", "-c"}, {"bzip2", "-c"}, {"xz", "-c"}, {"xz", "-c", "-9e"}, {"xz", "-c", "--check=crc32"}, {"xz", "-c", "--check=sha256"},
		{"xz", "-c", "--check=none"}, {"xz", "-c", "--block-size=20000"}, {"zstd", "-c"}, {"zstd", "-c", "--ultra", "-22", "--long=27"}} {
		t.Run(strings.Join(c, " "), func(t *testing.T) {
			one := run(t, plain, c[0], c[1:]...)
			name := filepath.Join(t.TempDir(), "x")
			if err := os.WriteFile(name, slices.Concat(one, one), 0o600); err != nil {
				t.Fatal(err)
			}
			got, err := content(t, name)
			if err != nil || got != string(plain)+string(plain) {
				t.Errorf("%d octets of %d: %v", len(got), 2*len(plain), err)
			}
			if err := os.WriteFile(name, one[:len(one)-9], 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err = content(t, name); err == nil && c[0] != "zstd" { // whose check alone is cut off
				t.Error("a file that was cut off is whole")
			}
		})
	}
}

// TestDamage: an octet that was changed within a block is noticed.
func TestDamage(t *testing.T) {
	plain := records(t, argus.V5, 1, 300, time.Second)
	for _, c := range []string{"gzip", "bzip2", "xz", "zstd"} {
		b := run(t, plain, c, "-c")
		b[len(b)/2] ^= 0x10
		name := filepath.Join(t.TempDir(), "x")
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := content(t, name); err == nil {
			t.Errorf("%s: %d octets, no error", c, len(got))
		}
	}
}

// TestBombs: what claims to need much memory is refused before any is used.
func TestBombs(t *testing.T) {
	plain := make([]byte, 1<<20)
	claims := run(t, plain, "xz", "-c")
	head := claims[12 : 12+(int(claims[12])+1)*4] // of the first block
	head[4] = 40 - 8                              // size of the dictionary: 256 MiB
	binary.LittleEndian.PutUint32(head[len(head)-4:], crc32.ChecksumIEEE(head[:len(head)-4]))
	name := filepath.Join(t.TempDir(), "x")
	for what, b := range map[string][]byte{"xz": claims, "zstd": run(t, plain, "zstd", "-c", "--ultra", "-1", "--long=28")} {
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := Open(name)
		if err == nil {
			_, err = io.Copy(io.Discard, f)
			_ = f.Close()
		}
		if err == nil {
			t.Errorf("%s: a window of 256 MiB was taken", what)
		}
	}
}

// TestWhatIsNotRead: the user is told what to do.
func TestWhatIsNotRead(t *testing.T) {
	name := filepath.Join(t.TempDir(), "x.Z")
	if err := os.WriteFile(name, []byte("\x1f\x9d\x90abc"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(name); err == nil || !strings.Contains(err.Error(), "through a pipe") {
		t.Errorf("%v", err)
	}
}

func TestFiles(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"b/2", "b/1", "a", ".hidden/x", "c/.x", "c/y"} {
		if err := os.MkdirAll(filepath.Join(dir, filepath.Dir(name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := Files([]string{"-", filepath.Join(dir, "c", ".x"), dir})
	var names []string
	for _, name := range got {
		names = append(names, strings.TrimPrefix(name, dir+string(filepath.Separator)))
	}
	want := []string{"-", filepath.FromSlash("c/.x"), "a", filepath.FromSlash("b/1"), filepath.FromSlash("b/2"), filepath.FromSlash("c/y")}
	if err != nil || !slices.Equal(names, want) {
		t.Errorf("%q, %v, want %q", names, err, want)
	}
	if _, err := Files([]string{filepath.Join(dir, "none")}); err == nil {
		t.Error("a file that is not there is no error")
	}
}

// FuzzOpen begins with what the four programs make (testdata).
func FuzzOpen(f *testing.F) {
	f.Fuzz(func(t *testing.T, b []byte) {
		name := filepath.Join(t.TempDir(), "x")
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
		file, err := Open(name)
		if err != nil {
			return
		}
		defer file.Close()
		_, _ = io.Copy(io.Discard, io.LimitReader(file, 1<<22))
	})
}
