package packages

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	cdx "github.com/CycloneDX/cyclonedx-go"

	"github.com/argus-endpoint/argus-endpoint/installer/pack"
)

// TestSums: SHA256SUMS names every other file, and sha256sum agrees with it.
func TestSums(t *testing.T) {
	sums := filepath.Dir(file(t, "SHA256SUMS"))
	out := output(t, "sh", "-c", `cd "$1" && sha256sum -c SHA256SUMS`, "sh", sums)
	entries, err := os.ReadDir(sums)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(out, ": OK\n"); n != len(entries)-1 || n < 26 {
		t.Errorf("%d sums of %d files", n, len(entries))
	}
}

// TestArchives: each has the program and the papers that must travel with it.
func TestArchives(t *testing.T) {
	for product, targets := range map[string][]string{
		"argus-endpoint":  {"linux-amd64", "linux-arm64", "linux-armhf", "darwin-amd64", "darwin-arm64", "windows-amd64", "windows-arm64"},
		"argus-collector": {"linux-amd64", "linux-arm64"},
	} {
		for _, target := range targets {
			dir := product + "-" + version + "-" + target
			var names []string
			program := dir + "/" + product
			if strings.HasPrefix(target, "windows") {
				program += ".exe"
				z, err := zip.OpenReader(file(t, dir+".zip"))
				if err != nil {
					t.Fatal(err)
				}
				defer z.Close()
				for _, f := range z.File {
					names = append(names, f.Name)
				}
			} else {
				names = strings.Fields(output(t, "tar", "-tzf", file(t, dir+".tar.gz")))
			}
			want := []string{dir + "/CHANGELOG.md", dir + "/LICENSE", dir + "/THIRD-PARTY-LICENSES", program, dir + "/" + product + ".1"}
			if product == "argus-collector" { // which makes itself no service
				want = append(want, dir+"/argus-collector.conf", dir+"/argus-collector.service")
			}
			slices.Sort(names)
			slices.Sort(want)
			if !slices.Equal(names, want) {
				t.Errorf("%s: %q, want %q", dir, names, want)
			}
		}
		work := t.TempDir()
		dir := product + "-" + version + "-linux-amd64"
		output(t, "tar", "-xzf", file(t, dir+".tar.gz"), "-C", work)
		if out := output(t, filepath.Join(work, dir, product), "version"); !strings.HasPrefix(out, product+" "+version+",") {
			t.Errorf("the program says %q", out)
		}
	}
}

// TestSBOM: every module that a program says it is made of is in the bill, with a licence, and every program with its sum.
func TestSBOM(t *testing.T) {
	var bom cdx.BOM
	if err := cdx.NewBOMDecoder(bytes.NewReader(read(t, file(t, "argus-endpoint-"+version+"-sbom.cdx.json"))), cdx.BOMFileFormatJSON).Decode(&bom); err != nil {
		t.Fatal(err)
	}
	known := map[string]cdx.Component{}
	for _, c := range *bom.Components {
		known[c.Name+" "+c.Version] = c
		if c.Licenses == nil || len(*c.Licenses) == 0 {
			t.Errorf("%s has no licence", c.Name)
		}
	}
	modules := 0
	for _, name := range []string{"argus-endpoint", "argus-collector"} {
		sum := sha256.Sum256(read(t, program(name)))
		if c := known["linux-amd64/"+name+" "+version]; c.Hashes == nil || (*c.Hashes)[0].Value != hex.EncodeToString(sum[:]) {
			t.Errorf("%s is not the program of the bill: %+v", name, c)
		}
		for line := range strings.Lines(output(t, "go", "version", "-m", program(name))) {
			if f := strings.Fields(line); len(f) >= 3 && f[0] == "dep" {
				modules++
				if _, ok := known[f[1]+" "+f[2]]; !ok {
					t.Errorf("%s %s is in %s, and not in the bill", f[1], f[2], name)
				}
			}
		}
	}
	if modules < 20 {
		t.Errorf("only %d modules were looked for", modules)
	}
}

// TestNotices: who ships a module ships its licence: each module of the program is named with a text.
func TestNotices(t *testing.T) {
	p := linuxPackage{product: "argus-collector", kind: "rpm", arch: "amd64"}
	p.unpack(t)
	d := linuxPackage{product: "argus-collector", kind: "deb", arch: "amd64"}
	d.unpack(t)
	notices := string(read(t, filepath.Join(p.dir, "usr/share/licenses/argus-collector/THIRD-PARTY-LICENSES")))
	copyright := string(read(t, filepath.Join(d.dir, "usr/share/doc/argus-collector/copyright")))
	for line := range strings.Lines(output(t, "go", "version", "-m", program("argus-collector"))) {
		if f := strings.Fields(line); len(f) >= 3 && f[0] == "dep" {
			if !strings.Contains(notices, "\n"+f[1]+" "+f[2]+" (") || !strings.Contains(copyright, "\nFiles: "+f[1]+"/*\n") {
				t.Errorf("%s is linked, and its licence does not travel", f[1])
			}
		}
	}
	if !strings.Contains(notices, "\nstd 1.") || !strings.Contains(copyright, "The Go Authors") {
		t.Error("nothing is said of Go itself")
	}
}

// TestMSI: the version that Windows Installer compares, and the files. What it does when it is installed, internal/wine tests.
func TestMSI(t *testing.T) {
	for _, arch := range []string{"x64", "arm64"} {
		path := file(t, "argus-endpoint-"+version+"-"+arch+".msi")
		if got := output(t, "msiinfo", "export", path, "Property"); !strings.Contains(got, "ProductVersion\t"+version) {
			t.Errorf("%s: %s", arch, got)
		}
		got := output(t, "msiextract", "-l", path)
		for _, want := range []string{"argus-endpoint.exe", "LICENSE.txt", "THIRD-PARTY-LICENSES.txt"} {
			if !strings.Contains(got, want) {
				t.Errorf("%s has no %s: %s", arch, want, got)
			}
		}
	}
}

// TestPKG: the files of a Mac, and that its parts agree. No Mac has installed it.
func TestPKG(t *testing.T) {
	b := read(t, file(t, "argus-endpoint-"+version+".pkg"))
	m, err := pack.ReadPKG(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	for path, mode := range map[string]os.FileMode{
		"/usr/local/bin/argus-endpoint":                            0o755,
		"/Library/LaunchDaemons/org.argus-endpoint.agent.plist":    0o644,
		"/usr/local/share/man/man1/argus-endpoint.1":               0o644,
		"/usr/local/share/zsh/site-functions/_argus-endpoint":      0o644,
		"/usr/local/share/doc/argus-endpoint/LICENSE":              0o644,
		"/usr/local/share/doc/argus-endpoint/THIRD-PARTY-LICENSES": 0o644,
	} {
		i := slices.IndexFunc(m.Files, func(f pack.File) bool { return f.Path == path })
		if i < 0 || m.Files[i].Mode != mode || len(m.Files[i].Data) == 0 {
			t.Errorf("%s is not there, or not of mode %o", path, mode)
			continue
		}
		if strings.HasSuffix(path, ".plist") {
			wellFormed(t, m.Files[i].Data)
		}
	}
	if m.Version != version || m.Scripts["postinstall"] == nil {
		t.Errorf("version %s, %d scripts", m.Version, len(m.Scripts))
	}
}

func wellFormed(t *testing.T, text []byte) {
	t.Helper()
	d := xml.NewDecoder(bytes.NewReader(text))
	for {
		if _, err := d.Token(); err == io.EOF {
			return
		} else if err != nil {
			t.Fatal(err)
		}
	}
}
