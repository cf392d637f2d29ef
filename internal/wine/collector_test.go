//go:build linux

package wine

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"

	"github.com/argus-endpoint/argus-endpoint/internal/await"
)

// collectorAddress is where the agents under Wine reach the collector: both are in one network namespace.
const collectorAddress = "127.0.0.1:4561"

// site is a collector on this system.
type site struct {
	tb                  testing.TB
	program, state, log string
	running             *exec.Cmd
}

func newSite(tb testing.TB) *site {
	tb.Helper()
	dir := tb.TempDir()
	work := workFolder(tb)
	s := &site{tb: tb, program: filepath.Join(work, "argus-collector"), state: filepath.Join(dir, "state"), log: filepath.Join(dir, "log")}
	unlock := lockFolder(tb, work)
	run(tb, "go", "build", "-o", s.program, "../../cmd/argus-collector") // once: then it is up to date
	unlock()
	tb.Cleanup(s.stop)
	s.start()
	return s
}

func (s *site) start() {
	s.tb.Helper()
	log, err := os.Create(s.log)
	if err != nil {
		s.tb.Fatal(err)
	}
	defer log.Close()
	s.running = exec.Command(s.program, "run", "--state", s.state, "--listen", collectorAddress, "--advertise", collectorAddress, "--commit-interval", "500ms")
	s.running.Stdout, s.running.Stderr = log, log
	if err := s.running.Start(); err != nil {
		s.tb.Fatal(err)
	}
	await.Event(s.tb, 30*time.Second, "the collector is ready", func() bool {
		b, _ := os.ReadFile(s.log)
		return strings.Contains(string(b), "collector is ready")
	})
}

func (s *site) stop() {
	if s.running != nil {
		_ = s.running.Process.Signal(syscall.SIGTERM)
		_ = s.running.Wait()
		s.running = nil
	}
}

// ask runs a command of argus-collector on the site's state.
func (s *site) ask(args ...string) string {
	s.tb.Helper()
	cmd := exec.Command(s.program, args...)
	cmd.Env = append(os.Environ(), "ARGUS_STATE="+s.state)
	out, err := cmd.Output()
	if err != nil {
		s.tb.Fatalf("argus-collector %s: %v: %s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

func (s *site) token() string { return s.ask("token", "create", "--address", collectorAddress) }

// host is a line of argus-collector hosts.
type host struct {
	Monitor uuid.UUID `json:"monitor"`
	Name    string    `json:"name"`
	State   string    `json:"state"`
	Version string    `json:"version"`
	Records uint64    `json:"records"`
	Lost    uint64    `json:"lost"`
}

func (s *site) hosts() (all []host) {
	s.tb.Helper()
	return lines[host](s.tb, s.ask("hosts", "--json"))
}

// lines reads one JSON object a line.
func lines[T any](tb testing.TB, text string) (all []T) {
	tb.Helper()
	for line := range strings.Lines(text) {
		var one T
		if err := json.Unmarshal([]byte(line), &one); err != nil {
			tb.Fatalf("%v: %s", err, line)
		}
		all = append(all, one)
	}
	return all
}
