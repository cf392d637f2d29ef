package packages

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestSameElsewhere makes the packages a second time: in another folder, at another time, with another mask, time zone and language, and the
// sensor for this machine without anything that the first build has left in Go's cache. Every file is the same.
func TestSameElsewhere(t *testing.T) {
	there := filepath.Join(t.TempDir(), "elsewhere")
	output(t, "sh", "-c", `cd "$1" && mkdir -p "$2" && git ls-files -z --cached --others --exclude-standard | cpio -pdm0 --quiet "$2"`, "sh", root, there)
	began := time.Now()
	cmd := exec.CommandContext(t.Context(), "sh", "-c", "umask 027 && make -s packages VERSION="+version+" DIST=other")
	cmd.Dir = there
	cmd.Env = append(os.Environ(), "TZ=Pacific/Chatham", "LC_ALL=C.UTF-8", "CI=")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("all packages again: %v", time.Since(began).Round(time.Second))
	first, second := sums(t, filepath.Dir(file(t, "SHA256SUMS"))), sums(t, filepath.Join(there, "other"))
	for name, sum := range first {
		if second[name] != sum {
			t.Errorf("%s is another one: %s, %s", name, sum, second[name])
		}
	}
	if len(first) != len(second) || len(first) < 27 {
		t.Errorf("%d and %d files", len(first), len(second))
	}
	began = time.Now()
	cmd = exec.CommandContext(t.Context(), "make", "-s", "endpoint", "OUT="+filepath.Join(there, "cold"), "VERSION="+version)
	cmd.Dir = there
	cmd.Env = append(os.Environ(), "GOCACHE="+filepath.Join(there, "cache"))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("the sensor from nothing: %v", time.Since(began).Round(time.Second))
	if sha256.Sum256(read(t, filepath.Join(there, "cold"))) != sha256.Sum256(read(t, program("argus-endpoint"))) {
		t.Error("the program is another one when it is built from nothing")
	}
}

func sums(t *testing.T, dir string) map[string]string {
	t.Helper()
	list := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		list[d.Name()] = fmt.Sprintf("%x", sha256.Sum256(read(t, path)))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// TestBaked: the installers of argus-collector package are packages still, with the token in them for root alone.
func TestBaked(t *testing.T) {
	state, out := t.TempDir(), t.TempDir()
	collector := program("argus-collector")
	token := strings.TrimSpace(output(t, collector, "token", "create", "--state", state, "--address", "soc.example.net:4561"))
	printed := output(t, collector, "package", "--state", state, "--token", token, "--from", dist, "--out", out)
	names := strings.Fields(printed)
	if len(names) != 3+3+2+1 {
		t.Fatalf("%d installers: %s", len(names), printed)
	}
	for _, name := range names {
		info, err := os.Stat(name)
		if err != nil || info.Mode() != 0o600 {
			t.Errorf("%s: %v %v: a secret is in it", name, info.Mode(), err)
		}
		if !regexp.MustCompile(`-[0-9a-f]{8}\.(deb|rpm|msi|pkg)$`).MatchString(name) {
			t.Errorf("%s does not say which token it has", name)
		}
		var got string
		switch filepath.Ext(name) {
		case ".deb":
			got = pipe(t, ".", []string{"dpkg-deb", "--fsys-tarfile", name}, []string{"tar", "-xO", "./usr/share/argus-endpoint/token"})
			if list := output(t, "dpkg-deb", "-c", name); !regexp.MustCompile(`(?m)^-rw------- root/root .* \./usr/share/argus-endpoint/token$`).MatchString(list) {
				t.Errorf("%s: %s", name, list)
			}
		case ".rpm":
			got = output(t, "bsdtar", "-xOf", name, "*argus-endpoint/token")
			if out := output(t, "rpm", "-K", "--nosignature", name); !strings.Contains(out, "digests OK") {
				t.Error(out)
			}
		case ".msi":
			for line := range strings.Lines(output(t, "msiinfo", "export", name, "Property")) {
				if after, ok := strings.CutPrefix(line, "BAKEDTOKEN\t"); ok {
					got = after
				}
			}
		case ".pkg":
			dir := t.TempDir()
			output(t, "bsdtar", "-xf", name, "-C", dir)
			scripts, err := filepath.Glob(filepath.Join(dir, "*.pkg", "Scripts"))
			if err != nil || len(scripts) != 1 {
				t.Fatal(scripts, err)
			}
			got = output(t, "bsdtar", "-xOf", scripts[0], "./token")
		}
		if strings.TrimSpace(got) != token {
			t.Errorf("%s has the token %.20q", name, got)
		}
	}
}

// TestSigned: programs and installers for Windows take a signature, and osslsigncode finds it good.
func TestSigned(t *testing.T) {
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	output(t, "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=Argus Endpoint test", "-addext", "extendedKeyUsage=codeSigning", "-days", "30", "-keyout", key, "-out", cert)
	cmd := exec.CommandContext(t.Context(), "go", "run", "./cmd/argus-pack", "build", "--version", version, "--only", "msi", "--arch", "amd64", "--cert", cert, "--key", key, "--out", filepath.Join(dir, "dist"))
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	msi := filepath.Join(dir, "dist", "argus-endpoint-"+version+"-x64.msi")
	output(t, "msiextract", "-C", dir, msi)
	var programs []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Name() == "argus-endpoint.exe" {
			programs = append(programs, path)
		}
		return err
	})
	if err != nil || len(programs) != 1 {
		t.Fatal(programs, err)
	}
	for _, name := range append(programs, msi) {
		if out := output(t, "osslsigncode", "verify", "-CAfile", cert, "-in", name); !strings.Contains(out, "Signature verification: ok") {
			t.Errorf("%s: %s", name, out)
		}
	}
	collector := program("argus-collector")
	token := strings.TrimSpace(output(t, collector, "token", "create", "--state", filepath.Join(dir, "state"), "--address", "soc.example.net:4561"))
	if out, err := exec.CommandContext(t.Context(), collector, "package", "--state", filepath.Join(dir, "state"), "--token", token, "--from", filepath.Dir(msi), "--format", "msi", "--out", dir).CombinedOutput(); err == nil || !strings.Contains(string(out), "signed") {
		t.Errorf("a token went into a signed MSI: %v %s", err, out)
	}
}
