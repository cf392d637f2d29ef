package packages

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const (
	root    = "../.."
	dist    = root + "/bin/packages/dist" // where make packages-check has put them
	version = "1.2.3"
)

func TestMain(m *testing.M) {
	if os.Getenv("ENDTOEND") == "" {
		fmt.Println("packages: left out; run it with: make packages-check")
		return
	}
	os.Exit(m.Run())
}

// file returns the path of a package, and fails without it.
func file(t *testing.T, name string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join(dist, name))
	if err == nil {
		_, err = os.Stat(path)
	}
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// output runs a program and returns what it prints.
func output(t *testing.T, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C", "TZ=UTC")
	out, err := cmd.Output()
	if err != nil {
		if exit, ok := errors.AsType[*exec.ExitError](err); ok {
			t.Fatalf("%s %s: %v\n%s%s", name, strings.Join(args, " "), err, out, exit.Stderr)
		}
		t.Fatalf("%s: %v", name, err)
	}
	return string(out)
}

// pipe sends what one program prints into another.
func pipe(t *testing.T, dir string, from, to []string) string {
	t.Helper()
	left, right := exec.CommandContext(t.Context(), from[0], from[1:]...), exec.CommandContext(t.Context(), to[0], to[1:]...)
	var out, errs bytes.Buffer
	r, err := left.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	right.Stdin, right.Stdout, right.Stderr, right.Dir = r, &out, &errs, dir
	if err := left.Start(); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(right.Run(), left.Wait()); err != nil {
		t.Fatalf("%s | %s: %v\n%s", from[0], to[0], err, errs.String())
	}
	return out.String()
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// program is the program for this machine that the packages were made of.
func program(name string) string {
	path, _ := filepath.Abs(filepath.Join(root, "bin", "linux-amd64", name)) // the tests' tools are Debian's for amd64
	return path
}
