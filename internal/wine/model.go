//go:build linux

package wine

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// model returns the prefix that all others are copies of.
func model(tb testing.TB, work string) string {
	tb.Helper()
	defer lockFolder(tb, work)()
	dir := filepath.Join(work, "model")
	if _, err := os.Stat(dir); err == nil {
		return dir
	}
	fresh := tempFolder(tb, work)
	for _, args := range [][]string{{"wineboot", "--init"}, {"wineserver", "--wait"}} {
		cmd := exec.Command(args[0], args[1:]...)
		cmd.Env = environment(fresh)
		if err := cmd.Run(); err != nil {
			tb.Fatal("make a Wine prefix: ", err)
		}
	}
	forwardRandom(tb, fresh)
	if err := os.Rename(fresh, dir); err != nil {
		tb.Fatal(err)
	}
	return dir
}

// forwardRandom adds the one library that programs of Go need and Wine 8 does not have: its only function is another's.
func forwardRandom(tb testing.TB, prefix string) {
	tb.Helper()
	source, object := filepath.Join(prefix, "empty.c"), filepath.Join(prefix, "empty.obj")
	if err := os.WriteFile(source, nil, 0o644); err != nil {
		tb.Fatal(err)
	}
	run(tb, "clang", "--target=x86_64-pc-windows-msvc", "-c", source, "-o", object)
	run(tb, "lld-link", "/dll", "/noentry", "/machine:x64", "/export:ProcessPrng=advapi32.SystemFunction036",
		"/out:"+filepath.Join(prefix, "drive_c/windows/system32/bcryptprimitives.dll"), object)
}

// copyModel copies a prefix: what the system itself brings is shared, by hard links, and the rest is the copy's own.
func copyModel(tb testing.TB, from, to string) {
	tb.Helper()
	const shared = "windows"
	run(tb, "mkdir", filepath.Join(to, "drive_c"))
	for _, dir := range []string{".", "drive_c"} {
		entries, err := os.ReadDir(filepath.Join(from, dir))
		if err != nil {
			tb.Fatal(err)
		}
		for _, e := range entries {
			how := "-a"
			switch e.Name() {
			case "drive_c":
				continue
			case shared:
				how = "-al"
			}
			run(tb, "cp", how, filepath.Join(from, dir, e.Name()), filepath.Join(to, dir))
		}
	}
}
