//go:build linux

package wine

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"

	"github.com/argus-endpoint/argus-endpoint/installer/pack"
	"github.com/argus-endpoint/argus-endpoint/internal/netns"
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
	until(m, "the service is "+state, 20*time.Second, func() bool {
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

// TestMSI is the life of an installation: one line with the token, upgraded while the collector is away, repaired, removed,
// installed again, and purged.
func TestMSI(t *testing.T) {
	msi := msis(t)
	if !netns.Inside(t) {
		return
	}
	m := newManaged(t)
	want := map[string]sums{}
	m.refusesOldWindows(msi[0])
	before := m.snapshot()

	m.configure()
	m.must("/i", msi[0], "TOKEN="+m.site.token())
	m.step("msiexec /i TOKEN=...")
	m.serves(versions[0])
	m.installed()
	maps.Copy(want, m.cable.conversations(1))
	m.site.await(want)
	monitor := m.one().Monitor
	m.step("%d flows at the collector, from %s (%s)", len(want), m.one().Name, monitor)

	m.site.stop()
	maps.Copy(want, m.cable.conversations(2))
	m.must("/i", msi[1])
	m.step("msiexec /i of a higher version, while the collector is away")
	m.serves(versions[1])
	m.site.start()
	m.stop()
	m.Prefix.Run("sc", "start", "argus-endpoint") // the first attempt after an upgrade comes within a minute: not all of a fleet at once
	m.delivers(want, monitor)
	m.step("%d flows at the collector, none missing: spool, identity and token were kept", len(want))

	if code := m.msiexec("/i", msi[0]); code != installFailure {
		m.Errorf("a lower version: exit code %d, want %d", code, installFailure)
	}
	m.serves(versions[1])
	m.step("a lower version is refused")
	m.repair(msi[1])

	m.must("/x", msi[1])
	m.removed(before, true)
	m.must("/i", msi[1])
	maps.Copy(want, m.cable.conversations(3))
	m.delivers(want, monitor)
	m.step("msiexec /i again, without a token: the same host")
	m.must("/x", msi[1], "PURGE=1")
	m.removed(before, false)
}

// refusesOldWindows: what Go programs do not run on.
func (m *managed) refusesOldWindows(msi string) {
	m.Helper()
	for _, old := range []string{"win7", "win81"} {
		m.Prefix.Run("winecfg", "-v", old)
		if code := m.msiexec("/i", msi); code != installFailure || exists(m.Path(program)) {
			m.Errorf("on %s: exit code %d, want %d, and the program is there: %v", old, code, installFailure, exists(m.Path(program)))
		}
	}
	m.Prefix.Run("winecfg", "-v", "win10")
	m.step("Windows 7 and 8.1 are refused")
}

// installed checks what only the program itself, and only the tables of the MSI, can have set up.
func (m *managed) installed() {
	m.Helper()
	m.says(`"`+program+`" run`, "reg", "query", serviceKey, "/v", "ImagePath")
	m.says("LocalSystem", "reg", "query", serviceKey)
	m.says("EventCreate.exe", "reg", "query", `HKLM\SYSTEM\CurrentControlSet\Services\EventLog\Application\argus-endpoint`)
	for _, word := range []string{"Argus Endpoint", "1.2.3", "MsiExec.exe /X{"} {
		m.says(word, "reg", "query", listedKey, "/s")
	}
	for _, verb := range []string{"install", "uninstall"} {
		if r := m.Try(program, verb); r.Code == 0 || !strings.Contains(r.Stderr, "msiexec") {
			m.Errorf("%s by hand, of what the MSI owns: exit code %d, %s", verb, r.Code, r.Stderr)
		}
	}
}

func (m *managed) stop() {
	m.Helper()
	m.Prefix.Run("sc", "stop", "argus-endpoint")
	m.awaitService("STOPPED")
}

// delivers checks that all flows arrive, from the host that it was, which has not enrolled again.
func (m *managed) delivers(want map[string]sums, monitor uuid.UUID) {
	m.Helper()
	m.site.await(want)
	h := m.one()
	if n := m.enrolments(); h.Monitor != monitor || n != 1 || h.Lost != 0 {
		m.Errorf("the host was %s: %+v, %d enrolments", monitor, h, n)
	}
}

// repair brings the program back, as msiexec /f does, which Wine 8 does not know.
func (m *managed) repair(msi string) {
	m.Helper()
	token, err := os.ReadFile(m.Path(stateFolder + `\token`))
	if err != nil {
		m.Fatal(err)
	}
	m.stop() // Wine's installer does not wait for a service to end, and what would is about to be deleted
	if err := os.Remove(m.Path(program)); err != nil {
		m.Fatal(err)
	}
	m.must("/i", msi, "REINSTALL=ALL", "TOKEN=argus1.of-who-may-repair-and-nothing-else")
	m.serves(versions[1])
	if after, err := os.ReadFile(m.Path(stateFolder + `\token`)); err != nil || string(after) != string(token) {
		m.Errorf("the token became %q: %v", after, err)
	}
	m.step("a deleted program is repaired, and the token of who repairs is not taken")
}

// removed checks that nothing is there but the state, or nothing at all.
func (m *managed) removed(before map[string]bool, kept bool) {
	m.Helper()
	m.step("msiexec /x")
	states := 0
	for _, line := range m.left(before) {
		switch {
		case strings.HasPrefix(line, `/ProgramData/argus-endpoint`):
			states++
		default:
			m.Errorf("left behind: %s", line)
		}
	}
	if (states > 0) != kept {
		m.Errorf("%d files of state are left, want some: %v", states, kept)
	}
	m.step("compared with the files and the registry before: %d files of state are left, and nothing else", states)
}
