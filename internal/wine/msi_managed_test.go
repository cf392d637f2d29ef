//go:build linux

package wine

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/argus-endpoint/argus-endpoint/installer/pack"
	"github.com/argus-endpoint/argus-endpoint/internal/await"
)

// Of Windows Installer's exit codes this system sees eight bits: ERROR_INSTALL_FAILURE is 1603.
const installFailure = 1603 & 0xff

// Where the MSI puts things.
const (
	program     = `C:\Program Files\Argus Endpoint\argus-endpoint.exe`
	stateFolder = `C:\ProgramData\argus-endpoint`
	serviceKey  = `HKLM\SYSTEM\CurrentControlSet\Services\argus-endpoint`
	ownKey      = `HKLM\SOFTWARE\Argus Endpoint`
	listedKey   = `HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Uninstall`
)

// Two versions of the product, the first with a number that Windows Installer does not look at.
var versions = [2]string{"1.2.3.14", "1.2.4"}

// msis returns the packages of both versions, made before the test goes into its namespace.
func msis(t *testing.T) (paths [2]string) {
	t.Helper()
	dir := known(t, "WINE_TEST_MSIS")
	for i, version := range versions {
		paths[i] = filepath.Join(dir, version+".msi")
		if !exists(paths[i]) {
			exe, _ := Endpoint(t, version)
			write(t, paths[i], makeMSI(t, exe, version, "amd64"))
		}
	}
	return paths
}

// known returns a folder that the process in the namespace has in common with the one that started it.
func known(t *testing.T, variable string) (dir string) {
	t.Helper()
	if dir = os.Getenv(variable); dir == "" {
		dir = t.TempDir()
		t.Setenv(variable, dir)
	}
	return dir
}

func exists(file string) bool {
	_, err := os.Stat(file)
	return !errors.Is(err, fs.ErrNotExist)
}

func write(t *testing.T, file string, b []byte) {
	t.Helper()
	if err := os.WriteFile(file, b, 0o644); err != nil {
		t.Fatal(err)
	}
}

func makeMSI(t *testing.T, exe, version, arch string) []byte {
	t.Helper()
	m := pack.MSI{Version: version, Arch: arch, Program: exe, Licence: "testdata/text", Notices: "testdata/text", Time: time.Unix(1700000000, 0)}
	msi, err := m.Build(t.TempDir(), func(name string, args ...string) error {
		if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w: %s", name, err, out)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return msi
}

// managed is one Windows that is administered by MSI, its network and its collector.
type managed struct {
	*testing.T
	*Prefix
	cable *cable
	site  *site
	began time.Time
}

func newManaged(t *testing.T) *managed {
	m := &managed{T: t, began: time.Now(), cable: newCable(t), Prefix: New(t), site: newSite(t)}
	m.npcap()
	m.Prefix.Run("winecfg", "-v", "win10")
	m.step("Windows, Npcap, a cable and a collector")
	return m
}

// step logs how long it took since the last.
func (m *managed) step(format string, args ...any) {
	m.Helper()
	m.Logf("measured: %5.1f s  %s", time.Since(m.began).Seconds(), fmt.Sprintf(format, args...))
	m.began = time.Now()
}

// msiexec installs or removes, silently, and says how that ended.
func (m *managed) msiexec(verb, msi string, properties ...string) int {
	m.Helper()
	r := m.Try(slices.Concat([]string{"msiexec", verb, Windows(msi), "/qn"}, properties)...)
	if r.Code != 0 {
		m.Logf("msiexec %s %s: %d: %s%s", verb, filepath.Base(msi), r.Code, r.Stdout, r.Stderr)
	}
	return r.Code
}

func (m *managed) must(verb, msi string, properties ...string) {
	m.Helper()
	if code := m.msiexec(verb, msi, properties...); code != 0 {
		m.Fatalf("msiexec %s: exit code %d (of 8 bits)", verb, code)
	}
}

// says fails the test unless a program of Windows prints what it should.
func (m *managed) says(want string, args ...string) {
	m.Helper()
	if out := m.Try(args...).Stdout; !strings.Contains(out, want) {
		m.Errorf("%s: no %q in: %s", strings.Join(args, " "), want, out)
	}
}

func (m *managed) awaitService(state string) {
	m.Helper()
	await.Event(m, 20*time.Second, "the service is "+state, func() bool {
		return strings.Contains(m.Try("sc", "query", "argus-endpoint").Stdout, state)
	})
}

// serves checks that the version is installed and its service runs.
func (m *managed) serves(version string) {
	m.Helper()
	m.says("argus-endpoint "+version+",", program, "version")
	m.awaitService("RUNNING")
	m.says(version, "reg", "query", ownKey)
}

// one returns the one host that the collector knows.
func (m *managed) one() host {
	m.Helper()
	all := m.site.hosts()
	if len(all) != 1 {
		m.Fatalf("one Windows is %d hosts: %+v", len(all), all)
	}
	return all[0]
}

// enrolments is how many agents enrolled with the tokens.
func (m *managed) enrolments() (n int) {
	m.Helper()
	for _, token := range lines[struct{ Used int }](m, m.site.ask("token", "list", "--json")) {
		n += token.Used
	}
	return n
}

// configure has flows reported at once: a file of the administrator's, which is there before the product.
func (m *managed) configure() {
	m.Helper()
	if err := os.MkdirAll(m.Path(stateFolder), 0o755); err != nil {
		m.Fatal(err)
	}
	write(m.T, m.Path(stateFolder+`\argus-endpoint.conf`), []byte("ARGUS_FLOW_STATUS_INTERVAL=1\r\nARGUS_BATCH_INTERVAL=1\r\nARGUS_INTERFACE=va\r\n"))
}

// snapshot is every file of drive C and every line of the machine's registry.
func (m *managed) snapshot() map[string]bool {
	m.Helper()
	all := map[string]bool{}
	root := m.Path(`C:\`)
	err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		all[strings.TrimPrefix(path, root)] = true
		return err
	})
	if err != nil {
		m.Fatal(err)
	}
	dump := filepath.Join(m.TempDir(), "registry")
	m.Prefix.Run("regedit", "/E", Windows(dump), "HKEY_LOCAL_MACHINE")
	b, err := os.ReadFile(dump)
	if err != nil {
		m.Fatal(err)
	}
	key := ""
	for line := range strings.Lines(strings.ReplaceAll(string(b), "\x00", "")) {
		if line = strings.TrimSpace(line); strings.HasPrefix(line, "[") {
			key = line
		}
		all[key+" "+line] = true
	}
	return all
}

// ownOfSystem are the folder and the keys, empty then, that the first use of Windows Installer leaves on any Windows, and a count of services.
var ownOfSystem = regexp.MustCompile(`^/windows/Installer$|\\Installer(\\(Features|Products|UpgradeCodes|UserData(\\S-1-5-18(\\(Components|Products))?)?))?\]( \[.*|)$|\\Control\\ServiceCurrent\] @=`)

// left is what is there now and was not before.
func (m *managed) left(before map[string]bool) (all []string) {
	m.Helper()
	for line := range m.snapshot() {
		if !before[line] && !ownOfSystem.MatchString(strings.TrimSpace(line)) {
			all = append(all, line)
		}
	}
	return slices.Sorted(slices.Values(all))
}
