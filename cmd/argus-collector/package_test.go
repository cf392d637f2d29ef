package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/argus-endpoint/argus-endpoint/internal/cli"
)

// writeDeb writes a deb package of argus-endpoint with nothing in it.
func writeDeb(t *testing.T, name string) {
	t.Helper()
	packed := func(files map[string]string) string {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		w := tar.NewWriter(z)
		for name, data := range files {
			if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: int64(len(data))}); err != nil {
				t.Fatal(err)
			}
			fmt.Fprint(w, data)
		}
		if w.Close() != nil || z.Close() != nil {
			t.Fatal("a buffer takes all")
		}
		return b.String()
	}
	var deb strings.Builder
	deb.WriteString("!<arch>\n")
	for _, m := range [][2]string{{"debian-binary", "2.0\n"}, {"control.tar.gz", packed(map[string]string{"./control": "Package: argus-endpoint\n", "./md5sums": ""})}, {"data.tar.gz", packed(nil)}} {
		deb.WriteString(fmt.Sprintf("%-16s%-12d%-6d%-6d%-8s%-10d`\n%s", m[0], 0, 0, 0, "100644", len(m[1]), m[1]))
		if len(m[1])%2 == 1 {
			deb.WriteString("\n")
		}
	}
	if err := os.WriteFile(name, []byte(deb.String()), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestPackage: what comes out is for its maker's eyes, says which token it has, and a second run does not take it for a package of a release.
func TestPackage(t *testing.T) {
	state, dir := filepath.Join(t.TempDir(), "state"), t.TempDir()
	writeDeb(t, filepath.Join(dir, "argus-endpoint_1.2.3_amd64.deb"))
	token, _, _ := program(t, "token", "create", "--state", state, "--address", "soc.example.net:4561", "--uses", "3", "--expires", "1h")
	file := filepath.Join(dir, "token")
	if err := os.WriteFile(file, []byte(token), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		out, errs, code := program(t, "package", "--state", state, "--token-file", file, "--from", dir, "--out", dir, "--json")
		var b baked
		if err := json.Unmarshal([]byte(out), &b); code != 0 || err != nil || strings.Count(out, "\n") != 1 {
			t.Fatalf("exit %d, %v\n%s%s", code, err, out, errs)
		}
		info, err := os.Stat(b.File)
		if err != nil || info.Mode() != 0o600 || info.Size() != int64(b.Bytes) || !strings.HasSuffix(b.File, fmt.Sprintf("argus-endpoint_1.2.3_amd64-%.8s.deb", b.Token)) {
			t.Errorf("%v %v %+v", err, info, b)
		}
		for _, want := range []string{"good for 1h0m0s only", "3 more hosts only", "token revoke " + b.Token[:8]} {
			if !strings.Contains(errs, want) {
				t.Errorf("no %q in %s", want, errs)
			}
		}
		if strings.Contains(errs+out, strings.TrimSpace(token)) {
			t.Error("the secret is on the screen")
		}
	}
	if out, errs, code := program(t, "package", "--state", filepath.Join(dir, "none"), "--token-file", file, "--from", dir, "--out", filepath.Join(dir, "new")); code != 0 || !strings.Contains(errs, "not checked") || !strings.Contains(out, ".deb\n") {
		t.Errorf("without a collector: exit %d\n%s%s", code, out, errs)
	}
}

func TestPackageRefuses(t *testing.T) {
	state, other, dir := filepath.Join(t.TempDir(), "state"), filepath.Join(t.TempDir(), "other"), t.TempDir()
	create := func(state string) string {
		token, _, _ := program(t, "token", "create", "--state", state, "--address", "soc.example.net:4561")
		return strings.TrimSpace(token)
	}
	revoked := create(state)
	list, _, _ := program(t, "token", "list", "--state", state)
	if _, errs, code := program(t, "token", "revoke", "--state", state, strings.Fields(strings.Split(list, "\n")[1])[0]); code != 0 {
		t.Fatal(errs)
	}
	good, foreign := create(state), create(other)
	broken := t.TempDir()
	if err := os.WriteFile(filepath.Join(broken, "argus-endpoint_1_amd64.deb"), []byte("!<arch>\nnothing"), 0o600); err != nil {
		t.Fatal(err)
	}
	debs := t.TempDir()
	writeDeb(t, filepath.Join(debs, "argus-endpoint_1_amd64.deb"))
	for args, want := range map[string]struct {
		code int
		text string
	}{
		"":                   {cli.ExitUsage, "--token"},
		"--token argus1.xyz": {cli.ExitUsage, "token"},
		"--token " + foreign: {cli.ExitFailure, "did not make token"},
		"--token " + revoked: {cli.ExitFailure, "is revoked"},
		"--token " + good:    {cli.ExitFailure, "--from"},
		"--format deb,pkg,msi --from " + debs + " --token " + good: {cli.ExitFailure, "no pkg or msi of argus-endpoint is in " + debs},
		"--format snap --token x":                                  {cli.ExitUsage, "none of deb, rpm, msi, pkg"},
		"--from " + broken + " --token " + good:                    {cli.ExitFailure, "argus-endpoint_1_amd64.deb: this is no deb package"},
	} {
		line := append([]string{"package", "--state", state, "--out", dir, "--from", dir}, strings.Fields(args)...)
		if out, errs, code := program(t, line...); code != want.code || out != "" || !strings.Contains(errs, want.text) {
			t.Errorf("%.30s: exit %d, %s%s", args, code, out, errs)
		}
	}
	if files, err := os.ReadDir(dir); err != nil || len(files) > 0 {
		t.Errorf("%v %v", files, err)
	}
}
