package pack

import (
	"bytes"
	"compress/gzip"
	"debug/macho"
	"encoding/binary"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// sample is a package with everything that one may have.
func sample() Manifest {
	return Manifest{
		Identifier: "org.example.thing", Version: "1.2.3", Title: "Thing 1.2.3", Time: time.Unix(1700000000, 0),
		Files: []File{
			{Path: "/usr/local/bin/thing", Mode: 0o755, Data: bytes.Repeat([]byte("program\n"), 9000)},
			{Path: "/Library/LaunchDaemons/org.example.thing.plist", Mode: 0o644, Data: []byte("<plist/>")},
			{Path: "/Library/Application Support/thing", Mode: fs.ModeDir | 0o700, Group: "admin"},
			{Path: "/Library/Application Support/thing/empty", Mode: 0o600, User: "daemon", Group: "daemon"},
			{Path: "/usr/local/bin/other", Mode: fs.ModeSymlink | 0o755, Link: "thing"},
		},
		Scripts: map[string][]byte{"preinstall": []byte("#!/bin/sh\nexit 0\n"), "postinstall": []byte("#!/bin/sh\necho done\n")},
	}
}

func build(t testing.TB, m Manifest) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := PKG(&out, m); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// tool runs a program of another package; in CI it must be there.
func tool(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skipf("%s is not installed", name)
	}
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, args, err, out)
	}
	return string(out)
}

func TestPKGReadsBack(t *testing.T) {
	m := sample()
	pkg := build(t, m)
	got, err := ReadPKG(bytes.NewReader(pkg), int64(len(pkg)))
	if err != nil {
		t.Fatal(err)
	}
	if got.Identifier != m.Identifier || got.Version != m.Version || got.Title != m.Title || !got.Time.Equal(m.Time) ||
		!reflect.DeepEqual(got.Scripts, m.Scripts) {
		t.Errorf("read back as %s %s %q of %s, scripts %q", got.Identifier, got.Version, got.Title, got.Time, got.Scripts)
	}
	var list []string
	for _, f := range got.Files {
		list = append(list, fmt.Sprintf("%s %s %s:%s %d %s", f.Path, f.Mode, f.User, f.Group, len(f.Data), f.Link))
	}
	want := []string{
		"/ drwxr-xr-x root:wheel 0 ",
		"/Library drwxr-xr-x root:wheel 0 ",
		"/Library/Application Support drwxr-xr-x root:wheel 0 ",
		"/Library/Application Support/thing drwx------ root:admin 0 ",
		"/Library/Application Support/thing/empty -rw------- daemon:daemon 0 ",
		"/Library/LaunchDaemons drwxr-xr-x root:wheel 0 ",
		"/Library/LaunchDaemons/org.example.thing.plist -rw-r--r-- root:wheel 8 ",
		"/usr drwxr-xr-x root:wheel 0 ",
		"/usr/local drwxr-xr-x root:wheel 0 ",
		"/usr/local/bin drwxr-xr-x root:wheel 0 ",
		"/usr/local/bin/other Lrwxr-xr-x root:wheel 0 thing",
		"/usr/local/bin/thing -rwxr-xr-x root:wheel 72000 ",
	}
	if !slices.Equal(list, want) {
		t.Errorf("files\n%s\nwant\n%s", strings.Join(list, "\n"), strings.Join(want, "\n"))
	}
	if again := build(t, got); !bytes.Equal(again, pkg) {
		t.Error("the package read back makes another one")
	}
}

// TestPKGIsReproducible makes the same package of files in another order.
func TestPKGIsReproducible(t *testing.T) {
	a, b := sample(), sample()
	slices.Reverse(b.Files)
	b.Time = b.Time.UTC().Add(999 * time.Millisecond)
	if !bytes.Equal(build(t, a), build(t, b)) {
		t.Error("two packages of one content differ")
	}
	b.Time = b.Time.Add(time.Second)
	if bytes.Equal(build(t, a), build(t, b)) {
		t.Error("the time is not in the package")
	}
}

// TestPKGUnpacks is what libarchive and 7-Zip make of a package.
func TestPKGUnpacks(t *testing.T) {
	m, dir := sample(), t.TempDir()
	pkg := filepath.Join(dir, "thing.pkg")
	if err := os.WriteFile(pkg, build(t, m), 0o600); err != nil {
		t.Fatal(err)
	}
	if out := tool(t, dir, "7z", "t", pkg); !strings.Contains(out, "Everything is Ok") {
		t.Errorf("7z: %s", out)
	}
	got := strings.Fields(tool(t, dir, "bsdtar", "-tf", pkg))
	want := []string{distribution, component, component + "/" + bom, component + "/" + packageInfo, component + "/" + payload, component + "/" + scripts}
	if !slices.Equal(got, want) {
		t.Errorf("members %q, want %q", got, want)
	}
	tool(t, dir, "bsdtar", "-xf", pkg)
	list := tool(t, dir, "bsdtar", "--numeric-owner", "-tvf", filepath.Join(dir, component, payload))
	for _, want := range []string{
		"drwxr-xr-x  2 0      0           0 Nov 14  2023 .\n",
		"-rwxr-xr-x  1 0      0       72000 Nov 14  2023 ./usr/local/bin/thing\n",
		"lrwxr-xr-x  1 0      0           5 Nov 14  2023 ./usr/local/bin/other -> thing\n",
		"drwx------  2 0      80          0 Nov 14  2023 ./Library/Application Support/thing\n",
		"-rw-------  1 1      1           0 Nov 14  2023 ./Library/Application Support/thing/empty\n",
	} {
		if !strings.Contains(list, want) {
			t.Errorf("no %q in the payload:\n%s", want, list)
		}
	}
	if n := strings.Count(list, "\n"); n != 12 {
		t.Errorf("%d paths in the payload:\n%s", n, list)
	}
	root := filepath.Join(dir, "root")
	if err := os.Mkdir(root, 0o700); err != nil {
		t.Fatal(err)
	}
	tool(t, root, "bsdtar", "-xf", filepath.Join(dir, component, payload))
	if b, err := os.ReadFile(root + "/usr/local/bin/thing"); err != nil || !bytes.Equal(b, m.Files[0].Data) {
		t.Errorf("the program: %d octets, %v", len(b), err)
	}
	tool(t, root, "bsdtar", "-xf", filepath.Join(dir, component, scripts))
	if out := tool(t, root, "sh", "-c", "./postinstall"); out != "done\n" {
		t.Errorf("postinstall says %q", out)
	}
}

// TestPKGRefusesToGoBack runs the script of the distribution as the Installer would.
func TestPKGRefusesToGoBack(t *testing.T) {
	dir := t.TempDir()
	m := sample()
	m.Version = "1.2.3-rc2"
	members, _, err := readXAR(bytes.NewReader(build(t, m)), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir+"/"+distribution, members[0].data, 0o600); err != nil {
		t.Fatal(err)
	}
	script := tool(t, dir, "python3", "-c",
		"import xml.etree.ElementTree as e; r=e.parse('Distribution').getroot(); print(r.find('script').text + 'return ' + r.find('volume-check').get('script'))")
	for installed, want := range map[string]string{"null": "true undefined", "{version: '1.2.2'}": "true undefined", "{version: '1.2.3-rc1'}": "true undefined",
		"{version: '1.2.3'}": "true undefined", "{version: '1.10.0'}": "false Fatal", "{version: '1.3.0-rc1'}": "false Fatal"} {
		js := fmt.Sprintf(`var my = {result: {}, target: {receiptForIdentifier: id => id == 'org.example.thing' ? %s : undefined}};
			var system = {compareVersions: (a, b) => { if (/[^0-9.]/.test(a + b)) throw 'no numbers'; return a.localeCompare(b, 'en', {numeric: true}) }}; var answer = (function() { %s })();`,
			installed, script)
		if got := strings.TrimSpace(tool(t, dir, "node", "-e", js+" console.log(answer, my.result.type)")); got != want {
			t.Errorf("%s installed: %s, want %s", installed, got, want)
		}
	}
}

func TestPKGRefusesManifests(t *testing.T) {
	for name, change := range map[string]func(*Manifest){
		"relative path":         func(m *Manifest) { m.Files[0].Path = "usr/bin/x" },
		"path that goes up":     func(m *Manifest) { m.Files[0].Path = "/usr/../x" },
		"path twice":            func(m *Manifest) { m.Files[0].Path = m.Files[1].Path },
		"file below a file":     func(m *Manifest) { m.Files[0].Path = m.Files[1].Path + "/x" },
		"device":                func(m *Manifest) { m.Files[0].Mode |= fs.ModeDevice },
		"link without target":   func(m *Manifest) { m.Files[4].Link = "" },
		"folder with data":      func(m *Manifest) { m.Files[2].Data = []byte("x") },
		"user of some machines": func(m *Manifest) { m.Files[0].User = "argus" },
		"quote in the version":  func(m *Manifest) { m.Version = "1'" },
		"no identifier":         func(m *Manifest) { m.Identifier = "" },
		"markup in the title":   func(m *Manifest) { m.Title = "<b>" },
		"no time":               func(m *Manifest) { m.Time = time.Time{} },
		"script out of folder":  func(m *Manifest) { m.Scripts["a/../b"] = nil },
		"script in a folder":    func(m *Manifest) { m.Scripts["a/b"] = nil },
		"set-user-ID":           func(m *Manifest) { m.Files[0].Mode |= fs.ModeSetuid },
		"name with a newline":   func(m *Manifest) { m.Files[0].Path = "/a\n/etc" },
		"name of no UTF-8":      func(m *Manifest) { m.Files[0].Path = "/a\xff" },
		"name too long":         func(m *Manifest) { m.Files[0].Path = "/" + strings.Repeat("n", maxName+1) },
		"path too long":         func(m *Manifest) { m.Files[0].Path = strings.Repeat("/n", maxPath/2+1) },
		"too large files":       func(m *Manifest) { m.Files[0].Data = make([]byte, maxFiles+1) },
		"too many files": func(m *Manifest) {
			for i := range maxEntries {
				m.Files = append(m.Files, File{Path: fmt.Sprint("/", i), Mode: 0o644})
			}
		},
	} {
		m := sample()
		change(&m)
		if err := PKG(io.Discard, m); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// TestReadPKGRefusesDamage changes octets all over a package, and puts parts of different packages together.
func TestReadPKGRefusesDamage(t *testing.T) {
	pkg := build(t, sample())
	for i := 0; i < len(pkg); i += 13 {
		bad := bytes.Clone(pkg)
		bad[i] ^= 0x55
		if _, err := ReadPKG(bytes.NewReader(bad), int64(len(bad))); err == nil {
			t.Errorf("octet %d of %d may be another one", i, len(pkg))
		}
	}
	for n := 0; n < len(pkg); n += 11 {
		if _, err := ReadPKG(bytes.NewReader(pkg[:n]), int64(n)); err == nil {
			t.Errorf("%d of %d octets are enough", n, len(pkg))
		}
	}
	other := sample()
	other.Files[0].Mode = 0o777
	for _, name := range []string{bom, payload} {
		mixed := mix(t, pkg, build(t, other), component+"/"+name)
		if _, err := ReadPKG(bytes.NewReader(mixed), int64(len(mixed))); err == nil || !strings.Contains(err.Error(), "bill of materials") {
			t.Errorf("another %s: %v", name, err)
		}
	}
}

// mix takes one member from another package.
func mix(t *testing.T, pkg, other []byte, name string) []byte {
	t.Helper()
	a, at, err := readXAR(bytes.NewReader(pkg), int64(len(pkg)))
	if err != nil {
		t.Fatal(err)
	}
	b, _, err := readXAR(bytes.NewReader(other), int64(len(other)))
	if err != nil {
		t.Fatal(err)
	}
	for i := range a {
		if a[i].path == name {
			a[i] = b[i]
		}
	}
	var out bytes.Buffer
	if err := writeXAR(&out, a, at); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// TestGunzipIsBounded has 2 kB that would become 2 MB.
func TestGunzipIsBounded(t *testing.T) {
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	if _, err := w.Write(make([]byte, 2<<20)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if b, err := gunzip(z.Bytes(), 2<<20); err != nil || len(b) != 2<<20 {
		t.Errorf("%d octets, %v", len(b), err)
	}
	if _, err := gunzip(z.Bytes(), 2<<20-1); err == nil {
		t.Error("decompressed without a bound")
	}
}

func TestCksum(t *testing.T) {
	dir := t.TempDir()
	for _, n := range []int{0, 1, 6, 255, 256, 70000} {
		data := bytes.Repeat([]byte("0123456789abcdef\x80\xff"), n/18+1)[:n]
		if err := os.WriteFile(dir+"/f", data, 0o600); err != nil {
			t.Fatal(err)
		}
		if want := fmt.Sprintf("%d %d f\n", cksum(data), n); tool(t, dir, "cksum", "f") != want {
			t.Errorf("%d octets: cksum disagrees with %s", n, want)
		}
	}
}

func TestUniversal(t *testing.T) {
	mach := func(cpu uint32, n int) []byte {
		b := make([]byte, n)
		for i, v := range []uint32{machMagic, cpu, 3, uint32(macho.TypeExec)} {
			binary.LittleEndian.PutUint32(b[4*i:], v)
		}
		return b
	}
	amd64, arm64 := mach(0x01000007, 20000), mach(0x0100000c, 50)
	fat, err := Universal(amd64, arm64)
	if err != nil {
		t.Fatal(err)
	}
	f, err := macho.NewFatFile(bytes.NewReader(fat))
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range [][]byte{amd64, arm64} {
		a := f.Arches[i]
		if a.Offset%(1<<a.Align) != 0 || a.Align != fatAlign || !bytes.Equal(fat[a.Offset:][:a.Size], want) || uint32(a.Cpu) != binary.LittleEndian.Uint32(want[4:]) {
			t.Errorf("program %d: %+v", i, a.FatArchHeader)
		}
	}
	for name, programs := range map[string][][]byte{"none": nil, "one processor twice": {amd64, amd64}, "an ELF": {[]byte("\x7fELF............................")}} {
		if _, err := Universal(programs...); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
