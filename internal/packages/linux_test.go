package packages

import (
	"debug/elf"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// linuxPackage is a package for Linux that was unpacked into a folder.
type linuxPackage struct {
	product, kind, arch string
	path, dir           string
}

func (p linuxPackage) name() string {
	return fmt.Sprintf("%s_%s_%s.%s", p.product, version, p.arch, p.kind)
}

// all are the packages that are promised.
func all() (list []linuxPackage) {
	for product, kinds := range map[string]string{"argus-endpoint": "deb rpm apk", "argus-collector": "deb rpm"} {
		for kind := range strings.FieldsSeq(kinds) {
			for _, arch := range []string{"amd64", "arm64", "armhf"} {
				if product == "argus-endpoint" || arch != "armhf" {
					list = append(list, linuxPackage{product: product, kind: kind, arch: arch})
				}
			}
		}
	}
	return list
}

func (p *linuxPackage) unpack(t *testing.T) {
	p.path, p.dir = file(t, p.name()), t.TempDir()
	switch p.kind {
	case "deb":
		output(t, "dpkg-deb", "-x", p.path, p.dir)
	case "rpm": // rpm2cpio fails when it is done: it wants another count of octets than nfpm writes
		output(t, "bsdtar", "-xf", p.path, "-C", p.dir)
	case "apk": // three archives one behind the other; Alpine's apk is not here
		output(t, "tar", "-xzf", p.path, "-C", p.dir, "--ignore-zeros", "--warning=no-unknown-keyword")
	}
}

// files are the paths that a package installs and their modes, folders left out.
func (p *linuxPackage) files(t *testing.T) map[string]fs.FileMode {
	found := map[string]fs.FileMode{}
	err := filepath.WalkDir(p.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if name := strings.TrimPrefix(path, p.dir); !strings.HasPrefix(name, "/.") { // an apk's own
			found[name] = info.Mode()
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// promised are the files of a package, all root's and readable by everybody.
func (p *linuxPackage) promised() (want []string) {
	n := p.product
	want = []string{"/usr/bin/" + n, "/etc/" + n + "/" + n + ".conf", "/usr/share/man/man1/" + n + ".1.gz", "/usr/share/bash-completion/completions/" + n, "/usr/share/fish/vendor_completions.d/" + n + ".fish"}
	zsh := "/usr/share/zsh/site-functions/_"
	if p.kind == "deb" {
		zsh = "/usr/share/zsh/vendor-completions/_"
		doc := "/usr/share/doc/" + n + "/"
		want = append(want, doc+"copyright", doc+"changelog.gz", doc+"changelog.Debian.gz", "/usr/share/lintian/overrides/"+n)
	} else {
		want = append(want, "/usr/share/licenses/"+n+"/LICENSE", "/usr/share/licenses/"+n+"/THIRD-PARTY-LICENSES")
	}
	want = append(want, zsh+n)
	if p.kind == "apk" {
		return append(want, "/etc/init.d/"+n)
	}
	units := []string{n + ".service"}
	if n == "argus-endpoint" {
		units = append(units, "argus-endpoint-token.path", "argus-endpoint-token.service")
	}
	for _, u := range units {
		want = append(want, "/usr/lib/systemd/system/"+u)
	}
	return want
}

// TestLinuxPackages: each holds exactly what is promised, of the right architecture, and nothing that only somebody may read or everybody write.
func TestLinuxPackages(t *testing.T) {
	machines := map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64, "armhf": elf.EM_ARM}
	for _, p := range all() {
		t.Run(p.name(), func(t *testing.T) {
			p.unpack(t)
			got, want := p.files(t), p.promised()
			for _, name := range want {
				mode := fs.FileMode(0o644)
				if strings.HasPrefix(name, "/usr/bin/") || strings.HasPrefix(name, "/etc/init.d/") {
					mode = 0o755
				}
				if m, ok := got[name]; !ok || m != mode {
					t.Errorf("%s: mode %v, want %v", name, m, mode)
				}
				delete(got, name)
			}
			for name := range got {
				t.Errorf("%s is in it too", name)
			}
			f, err := elf.Open(filepath.Join(p.dir, "usr/bin", p.product))
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if libraries, _ := f.ImportedLibraries(); f.Machine != machines[p.arch] || len(libraries) > 0 {
				t.Errorf("the program is for %v and wants %q", f.Machine, libraries)
			}
			if text := read(t, filepath.Join(p.dir, "etc", p.product, p.product+".conf")); len(settings(text)) < 5 {
				t.Error("the configuration teaches nothing")
			}
		})
	}
}

// settings are the names that a configuration file teaches.
func settings(conf []byte) (names []string) {
	for _, m := range regexp.MustCompile(`(?m)^#?(ARGUS_[A-Z0-9_]+)=`).FindAllSubmatch(conf, -1) {
		names = append(names, string(m[1]))
	}
	return names
}

// TestConfigurationTeachesFlags: every line of a configuration file, with its mark of a comment taken away, is one that the program takes.
func TestConfigurationTeachesFlags(t *testing.T) {
	for product, args := range map[string][]string{"argus-endpoint": {"--help"}, "argus-collector": {"run", "--help"}} {
		help := output(t, program(product), args...)
		conf := read(t, filepath.Join(root, "cmd/argus-pack/files", product, product+".conf"))
		for _, name := range settings(conf) {
			flag := "--" + strings.ToLower(strings.ReplaceAll(strings.TrimPrefix(name, "ARGUS_"), "_", "-"))
			if !strings.Contains(help, flag+" ") {
				t.Errorf("%s: %s is no flag (%s)", product, name, flag)
			}
		}
		file := filepath.Join(t.TempDir(), "conf")
		for text, good := range map[string]bool{"": true, "#ARGUS_LOG_LEVEL=loud\n": false} {
			taught := regexp.MustCompile(`(?m)^#(ARGUS_)`).ReplaceAll(append(slices.Clone(conf), text...), []byte("$1"))
			if err := os.WriteFile(file, taught, 0o600); err != nil {
				t.Fatal(err)
			}
			line := []string{"run", "--config", file, "and no more"} // which no program takes, when it has read the file
			if product == "argus-endpoint" {
				line = []string{"doctor", "--config", file, "--state", t.TempDir()}
			}
			out, err := exec.CommandContext(t.Context(), program(product), line...).CombinedOutput()
			if bad := strings.Contains(string(out), file+":"); err == nil || bad == good {
				t.Errorf("%s: %v\n%s", product, err, out)
			}
		}
	}
}

// TestDebControl: what dpkg goes by.
func TestDebControl(t *testing.T) {
	for _, p := range all() {
		if p.kind != "deb" {
			continue
		}
		path := file(t, p.name())
		for field, want := range map[string]string{"Package": p.product, "Version": version + "-1", "Architecture": p.arch} {
			if got := strings.TrimSpace(output(t, "dpkg-deb", "-f", path, field)); got != want {
				t.Errorf("%s: %s is %s, want %s", p.name(), field, got, want)
			}
		}
		if got := strings.TrimSpace(output(t, "dpkg-deb", "-I", path, "conffiles")); got != "/etc/"+p.product+"/"+p.product+".conf" {
			t.Errorf("%s: conffiles %q", p.name(), got)
		}
		for line := range strings.SplitSeq(strings.TrimSpace(output(t, "dpkg-deb", "-c", path)), "\n") {
			if !strings.Contains(line, " root/root ") {
				t.Errorf("%s: %s", p.name(), line)
			}
		}
	}
}

// TestLintian: no error, and no override but the one that says its reason.
func TestLintian(t *testing.T) {
	args := []string{"--fail-on", "error", "--tag-display-limit", "0", "--allow-root"}
	for _, p := range all() {
		if p.kind == "deb" && p.arch != "armhf" {
			args = append(args, file(t, p.name()))
		}
	}
	t.Log(output(t, "lintian", args...))
	for _, product := range []string{"argus-endpoint", "argus-collector"} {
		lines := strings.Split(strings.TrimSpace(string(read(t, filepath.Join(root, "cmd/argus-pack/files", product, "lintian-overrides")))), "\n")
		if len(lines) != 2 || !strings.HasPrefix(lines[0], "# ") {
			t.Errorf("%s: one override with its reason, not %q", product, lines)
		}
	}
}

// TestRPM: what rpm goes by: digests, architecture, owners, the configuration that stays when it was changed.
func TestRPM(t *testing.T) {
	arches := map[string]string{"amd64": "x86_64", "arm64": "aarch64", "armhf": "armv7hl"}
	for _, p := range all() {
		if p.kind != "rpm" {
			continue
		}
		path := file(t, p.name())
		if out := output(t, "rpm", "-K", "--nosignature", path); !strings.Contains(out, "digests OK") {
			t.Error(out)
		}
		got := output(t, "rpm", "-qp", "--qf", "%{NAME} %{VERSION}-%{RELEASE} %{ARCH} %{LICENSE} %{BUILDHOST}\n[%{FILEUSERNAME}:%{FILEGROUPNAME} %{FILEFLAGS:fflags} %{FILENAMES}\n]", path)
		lines := strings.Split(strings.TrimSpace(got), "\n")
		if want := p.product + " " + version + "-1 " + arches[p.arch] + " Apache-2.0 localhost"; lines[0] != want {
			t.Errorf("%s, want %s", lines[0], want)
		}
		for _, line := range lines[1:] {
			if conf := strings.HasSuffix(line, ".conf"); !strings.HasPrefix(line, "root:root ") || conf != strings.HasPrefix(line, "root:root cn ") {
				t.Errorf("%s: %s", p.name(), line)
			}
		}
		if scripts := output(t, "rpm", "-qp", "--scripts", path); strings.Count(scripts, "scriptlet (using /bin/sh)") != 4 {
			t.Errorf("%s: %s", p.name(), scripts)
		}
	}
}

// TestAPK: what apk goes by, as far as its own archive tells.
func TestAPK(t *testing.T) {
	for arch, want := range map[string]string{"amd64": "x86_64", "arm64": "aarch64", "armhf": "armv7"} {
		p := linuxPackage{product: "argus-endpoint", kind: "apk", arch: arch}
		p.unpack(t)
		info := string(read(t, filepath.Join(p.dir, ".PKGINFO")))
		for _, line := range []string{"pkgname = argus-endpoint", "pkgver = " + version + "-r1", "arch = " + want, "depend = setpriv"} {
			if !slices.Contains(strings.Split(info, "\n"), line) {
				t.Errorf("%s: no %q in %s", p.name(), line, info)
			}
		}
		for _, script := range []string{".pre-install", ".post-install", ".post-upgrade", ".pre-deinstall"} {
			if _, err := os.Stat(filepath.Join(p.dir, script)); err != nil {
				t.Error(err)
			}
		}
	}
}

// TestScriptsAreShell: every script of every format is one that a plain shell reads, and none has the other product's name.
func TestScriptsAreShell(t *testing.T) {
	n := 0
	for _, p := range all() {
		if p.arch != "amd64" {
			continue
		}
		for name, text := range scripts(t, p) {
			n++
			path := filepath.Join(t.TempDir(), name)
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			output(t, "sh", "-n", path)
			if other := map[string]string{"argus-endpoint": "name=argus-collector", "argus-collector": "name=argus-endpoint"}[p.product]; strings.Contains(text, other) || !strings.Contains(text, "set -e") {
				t.Errorf("%s of %s:\n%s", name, p.name(), text)
			}
		}
	}
	if n != 4+4+4+4+4 { // deb and rpm of both, apk
		t.Errorf("%d scripts", n)
	}
}

func scripts(t *testing.T, p linuxPackage) map[string]string {
	list := map[string]string{}
	path := file(t, p.name())
	switch p.kind {
	case "deb":
		for _, s := range []string{"preinst", "postinst", "prerm", "postrm"} {
			list[s] = output(t, "dpkg-deb", "-I", path, s)
		}
	case "rpm":
		for _, s := range []string{"PREIN", "POSTIN", "PREUN", "POSTUN"} {
			list[s] = output(t, "rpm", "-qp", "--qf", "%{"+s+"}", path)
		}
	case "apk":
		p.unpack(t)
		for _, s := range []string{".pre-install", ".post-install", ".post-upgrade", ".pre-deinstall"} {
			list[s] = string(read(t, filepath.Join(p.dir, s)))
		}
	}
	return list
}

// TestCollectorUnit: as tight as that of the sensor, which installer judges.
func TestCollectorUnit(t *testing.T) {
	const bar = 2.0
	dir := t.TempDir()
	unit := filepath.Join(dir, "argus-collector.service")
	if err := os.WriteFile(unit, read(t, filepath.Join(root, "cmd/argus-pack/files/argus-collector/argus-collector.service")), 0o600); err != nil {
		t.Fatal(err)
	}
	out := output(t, "systemd-analyze", "security", "--offline=true", "--no-pager", unit)
	m := regexp.MustCompile(`Overall exposure level for argus-collector.service: ([0-9.]+)`).FindStringSubmatch(out)
	if m == nil {
		t.Fatal(out)
	}
	var score float64
	if _, err := fmt.Sscan(m[1], &score); err != nil || score > bar {
		t.Errorf("exposure %s, want at most %v\n%s", m[1], bar, out)
	}
	t.Log(m[0])
}
