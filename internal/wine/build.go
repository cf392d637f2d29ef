//go:build linux

package wine

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Endpoint returns argus-endpoint.exe of that version, built as it is shipped but for libraryForWine, and its path under Windows.
func Endpoint(tb testing.TB, version string) (host, windows string) {
	tb.Helper()
	host = filepath.Join(workFolder(tb), "argus-endpoint-"+version+".exe")
	build(tb, "make", "-s", "-C", "../..", "endpoint", "OUT="+host, "VERSION="+version)
	return host, Windows(host)
}

// tests returns the tests of a package of this project as a program.
func tests(tb testing.TB, pkg string) (windows string) {
	tb.Helper()
	host := filepath.Join(tb.TempDir(), "test.exe")
	build(tb, "go", "test", "-c", "-o", host, "../../"+pkg)
	return Windows(host)
}

func build(tb testing.TB, args ...string) {
	tb.Helper()
	work := workFolder(tb)
	defer lockFolder(tb, work)()
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env = append(os.Environ(), "GOOS=windows", "GOARCH=amd64", "CGO_ENABLED=0", "GOFLAGS=-overlay="+libraryForWine(tb, work))
	if out, err := cmd.CombinedOutput(); err != nil {
		tb.Fatalf("%s: %v: %s", strings.Join(args, " "), err, out)
	}
}

// libraryForWine changes one line of Go's library: to delete a file in a folder it asks for POSIX semantics, and does without them
// where Windows says that it has none. Wine 8 says so in another word: STATUS_NOT_IMPLEMENTED.
func libraryForWine(tb testing.TB, work string) (overlay string) {
	tb.Helper()
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		tb.Fatal(err)
	}
	theirs := filepath.Join(strings.TrimSpace(string(root)), "src/internal/syscall/windows/at_windows.go")
	b, err := os.ReadFile(theirs)
	if err != nil {
		tb.Fatal(err)
	}
	const word = "case STATUS_INVALID_INFO_CLASS,"
	if strings.Count(string(b), word) != 1 {
		tb.Fatalf("%s has changed: what Wine lacks is to be looked at anew", theirs)
	}
	ours := filepath.Join(work, "_go", "at_windows.go") // where go vet ./... does not look
	if err := os.MkdirAll(filepath.Dir(ours), 0o755); err != nil {
		tb.Fatal(err)
	}
	overlay = filepath.Join(work, "overlay.json")
	j, _ := json.Marshal(map[string]map[string]string{"Replace": {theirs: ours}})
	for file, content := range map[string]string{
		ours: strings.Replace(string(b), word, "case NTStatus(0xC0000002), STATUS_INVALID_INFO_CLASS,", 1), overlay: string(j),
	} {
		if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
			tb.Fatal(err)
		}
	}
	return overlay
}
