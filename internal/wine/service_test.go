//go:build linux

package wine

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/argus-endpoint/argus-endpoint/internal/await"
	"github.com/argus-endpoint/argus-endpoint/internal/netns"
)

const (
	installedProgram = `C:\Program Files\Argus Endpoint\argus-endpoint.exe`
	installedState   = `C:\ProgramData\argus-endpoint`
)

// service is argus-endpoint on a Windows that has a network and a collector.
type service struct {
	*Prefix
	t    *testing.T
	site *site
}

func newService(t *testing.T) *service {
	t.Helper()
	for _, line := range []string{"link add w0 type veth peer name w1", "link set w0 up", "link set w1 up", "addr add 10.9.0.1/24 dev w0"} {
		netns.IP(t, "%s", line)
	}
	s := &service{New(t), t, newSite(t)}
	s.Npcap()
	t.Cleanup(func() {
		if b, err := os.ReadFile(s.Path(installedState + `\argus-endpoint.log`)); t.Failed() && err == nil {
			t.Logf("the log of the service: %s", b)
		}
	})
	if err := os.Mkdir(s.Path(installedState), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(s.Path(installedState+`\argus-endpoint.conf`), []byte("ARGUS_BATCH_INTERVAL=1s\r\nARGUS_MAR_STATUS_INTERVAL=1s\r\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	return s
}

// state returns what the service manager says: "RUNNING", "STOPPED", or "" where there is no service.
func (s *service) state() string {
	s.t.Helper()
	words := strings.Fields(s.Try("sc", "query", "argus-endpoint").Stdout)
	if i := slices.Index(words, "STATE"); i >= 0 && i+3 < len(words) {
		return words[i+3]
	}
	return ""
}

func (s *service) must(state string) {
	s.t.Helper()
	if now := s.state(); now != state {
		s.t.Fatalf("the service is %q, want %q", now, state)
	}
}

// says runs the program, which must end well and say each of these.
func (s *service) says(exe, args string, want ...string) string {
	s.t.Helper()
	out := s.Run(append([]string{exe}, strings.Fields(args)...)...)
	for _, w := range want {
		if !strings.Contains(out, w) {
			s.t.Errorf("%s says nothing of %q: %s", args, w, out)
		}
	}
	return out
}

// restart stops the service, in less than five seconds, and starts it again.
func (s *service) restart() {
	s.t.Helper()
	s.Run("net", "stop", "argus-endpoint")
	if took := await.Event(s.t, 5*time.Second, "the service has stopped", func() bool { return s.state() == "STOPPED" }); took > 5*time.Second {
		s.t.Errorf("stopped after %v", took)
	}
	s.Run("net", "start", "argus-endpoint")
	await.Event(s.t, 10*time.Second, "the service runs again", func() bool { return s.state() == "RUNNING" })
}

// reports waits until the one host that the collector knows delivers, and has delivered more records than before.
func (s *service) reports(before host) (h host) {
	s.t.Helper()
	await.Event(s.t, 30*time.Second, "the host in argus-collector hosts", func() bool {
		all := s.site.hosts()
		if len(all) > 1 {
			s.t.Fatalf("one host has become %d: %+v", len(all), all)
		}
		if len(all) == 1 {
			h = all[0]
		}
		return h.State != "stopped" && h.Records > before.Records
	})
	if before.Monitor != h.Monitor && before.Records > 0 {
		s.t.Errorf("the host was %s and is %s", before.Monitor, h.Monitor)
	}
	return h
}

// things are all files and registry values that have our name in them, or that hold it.
func (s *service) things() map[string]bool {
	s.t.Helper()
	all := map[string]bool{}
	err := filepath.WalkDir(filepath.Join(s.dir, "drive_c"), func(path string, _ fs.DirEntry, err error) error {
		if strings.Contains(strings.ToLower(path), "argus") {
			all[path] = true
		}
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
	export := filepath.Join(s.t.TempDir(), "all.reg")
	for _, root := range []string{"HKLM", "HKCU"} {
		s.Run("regedit", "/e", Windows(export), map[string]string{"HKLM": "HKEY_LOCAL_MACHINE", "HKCU": "HKEY_CURRENT_USER"}[root])
		b, err := os.ReadFile(export)
		if err != nil {
			s.t.Fatal(err)
		}
		for line := range strings.Lines(strings.ReplaceAll(string(b), "\x00", "")) { // of UTF-16
			if strings.Contains(strings.ToLower(line), "argus") {
				all[root+" "+strings.TrimSpace(line)] = true
			}
		}
	}
	return all
}

// The life of the bare program as a service: installed with a token, found, stopped, started, killed and removed.
func TestService(t *testing.T) {
	_, first := Endpoint(t, "1.0.0")
	if !netns.Inside(t) {
		return
	}
	s := newService(t)
	before := s.things()

	s.says(first, "install --token "+s.site.token(), `copied the program, version 1.0.0, to `+installedProgram, "wrote the enrolment token",
		"installed the service", "started it", "\nenrolled: ")
	s.must("RUNNING")
	s.says(first, "install", "nothing to do: version 1.0.0 is installed, and runs")
	await.Event(t, 20*time.Second, "it delivers", func() bool { return strings.Contains(s.Try(installedProgram, "status").Stdout, "up "+collectorAddress) })
	s.says(installedProgram, "status", "runs; "+installedProgram+" 1.0.0", "npcap")
	h := s.reports(host{})
	if command := s.Run("reg", "query", `HKLM\System\CurrentControlSet\Services\argus-endpoint`, "/v", "ImagePath"); !strings.Contains(command, `"`+installedProgram+`" run`) {
		t.Errorf("the path of the service has spaces and no quotes: %s", command)
	}

	s.restart()
	if out := s.says(installedProgram, "status"); strings.Contains(out, "did not end in order") {
		t.Errorf("it was stopped in order: %s", out)
	}

	s.kill("argus-endpoint.exe")
	await.Event(t, 10*time.Second, "started by hand: Wine's service manager has no recovery options, and sees only at a start that a process has gone",
		func() bool { return s.Try("net", "start", "argus-endpoint").Code == 0 })
	await.Event(t, 10*time.Second, "the service runs again", func() bool { return s.state() == "RUNNING" })
	s.says(installedProgram, "status", "1.0.0")
	await.Event(t, 20*time.Second, "the collector knows of the crash", func() bool { return strings.Contains(s.site.ask("events"), "unclean-restart") })

	s.says(first, "uninstall", "stopped the service and removed it", "removed "+installedProgram)
	s.must("")
	if _, err := os.Stat(s.Path(installedState + `\spool`)); err != nil {
		t.Errorf("the state is kept: %v", err)
	}
	s.says(first, "install", "\nenrolled: ") // without a token
	s.reports(h)
	s.says(installedProgram, "uninstall --purge", "stopped the service", "removed "+installedState) // by the program that is removed
	s.must("")
	s.says(first, "uninstall --purge", "nothing to do")
	s.Run("wineboot") // the system's start removes what could not be, because it was running
	after := s.things()
	maps.DeleteFunc(after, func(thing string, _ bool) bool { return before[thing] })
	for thing := range after {
		t.Errorf("left behind: %s", thing)
	}
}

// An administrator drops the token when the service has long been running.
func TestTokenComesLater(t *testing.T) {
	_, exe := Endpoint(t, "1.0.0")
	if !netns.Inside(t) {
		return
	}
	s := newService(t)
	s.says(exe, "install", "not enrolled", "Flows are kept in the spool")
	s.must("RUNNING")
	if err := os.WriteFile(s.Path(installedState+`\token`), []byte(s.site.token()+"\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.reports(host{})
	b, err := os.ReadFile(s.Path(installedState + `\argus-endpoint.log`))
	if log := string(b); err != nil || !strings.Contains(log, `"agent starts"`) || !strings.Contains(log, `no collector`) {
		t.Errorf("the log of the service: %v: %s", err, log)
	}
}

// An upgrade keeps who the host is, and a downgrade is refused.
func TestServiceUpgrade(t *testing.T) {
	_, first := Endpoint(t, "1.0.0")
	_, second := Endpoint(t, "1.1.0")
	if !netns.Inside(t) {
		return
	}
	s := newService(t)
	s.says(first, "install --token "+s.site.token(), "started it")
	h := s.reports(host{})
	s.says(second, "install", "replaced version 1.0.0 by 1.1.0", "started it")
	s.restart() // after an upgrade a fleet spreads its first connections over a minute
	s.reports(h)
	if r := s.Try(first, "install"); r.Code != 1 || !strings.Contains(r.Stderr, "version 1.1.0 is installed") || !strings.Contains(r.Stderr, "--downgrade") {
		t.Errorf("an older version over a newer one: %d, %s%s", r.Code, r.Stdout, r.Stderr)
	}
	s.says(installedProgram, "version", "1.1.0")

	s.says(first, "install --downgrade", "replaced version 1.1.0 by 1.0.0", "started it")
	s.says(installedProgram, "version", "1.0.0")
	s.must("RUNNING")

	mark := s.Path(installedState + `\unfinished-installation`) // of one that was killed after its changes, before the service started anew
	if err := os.WriteFile(mark, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s.says(first, "install", "started it")
	s.says(first, "install", "nothing to do")
}
