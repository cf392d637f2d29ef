//go:build unix

package installer

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestNewer(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"1.1.0", "1.0.9", true},
		{"v1.10.0", "v1.9.0", true},
		{"v1.0.0", "1.0.0", false},
		{"1.0", "1.0.0", false},
		{"2", "1.9.9", true},
		{"1.0.0", "1.0.1", false},
		{"v1.0.0-3-gabcdef0", "v1.0.0", true},
		{"v1.0.0", "v1.0.0-3-gabcdef0", false},
		{"v1.0.0-10-gabcdef0", "v1.0.0-9-g0000000-dirty", true},
		{"v1.0.1", "v1.0.0-99-gabcdef0", true},
		{"1.3.0", "1.3.0-rc2", true},
		{"1.3.0-rc10", "1.3.0-rc9", true},
		{"1.3.0-rc1", "1.2.9", true},
		{"1.2.3.14", "1.2.3", true},
		{"1.2.3.14", "v1.2.3-14-gabcdef0", false},
		{"devel", "1.0.0", false},
		{"1.0.0", "devel", false},
		{"", "", false},
	} {
		if got := newer(c.a, c.b); got != c.want {
			t.Errorf("%q newer than %q: %v", c.a, c.b, got)
		}
	}
}

func TestVersionOf(t *testing.T) {
	program := filepath.Join(t.TempDir(), "p")
	for _, c := range []struct{ script, want, fails string }{
		{"echo argus-endpoint v1.2.3, Argus record format 5.0, go1.26 linux/amd64", "v1.2.3", ""},
		{"echo hello world, all of you", "", "it says"},
		{"exit 3", "", "exit status 3"},
	} {
		if err := os.WriteFile(program, []byte("#!/bin/sh\n"+c.script+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
		got, err := versionOf(t.Context(), program)
		if got != c.want || (err == nil) != (c.fails == "") || err != nil && !strings.Contains(err.Error(), c.fails) {
			t.Errorf("%s: %q, %v", c.script, got, err)
		}
	}
}
