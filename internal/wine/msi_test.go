//go:build linux

package wine

import (
	"maps"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"

	"github.com/argus-endpoint/argus-endpoint/internal/await"
	"github.com/argus-endpoint/argus-endpoint/internal/netns"
)

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
	m.restart() // the first attempt after an upgrade comes within a minute: not all of a fleet at once
	m.delivers(want, monitor, versions[1])
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
	m.delivers(want, monitor, versions[1])
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

// restart stops and starts the service: Wine says that it has stopped before its process has ended, and starts no other until then.
func (m *managed) restart() {
	m.Helper()
	m.stop()
	await.Event(m, 20*time.Second, "the service is started", func() bool { return m.Try("sc", "start", "argus-endpoint").Code == 0 })
}

// delivers checks that all flows arrive, from the host that it was, which has not enrolled again.
func (m *managed) delivers(want map[string]sums, monitor uuid.UUID, version string) {
	m.Helper()
	m.site.await(want)
	h := m.one()
	if n := m.enrolments(); h.Monitor != monitor || h.Version != version || n != 1 || h.Lost != 0 {
		m.Errorf("the host was %s, of version %s: %+v, %d enrolments", monitor, version, h, n)
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
