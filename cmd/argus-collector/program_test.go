package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/argus-endpoint/argus-endpoint/internal/cli"
	"github.com/argus-endpoint/argus-endpoint/uplink/wire"
)

// TestMain lets the test binary be the program.
func TestMain(m *testing.M) {
	if os.Getenv("ARGUS_COLLECTOR_TEST_MAIN") != "" {
		main()
	}
	os.Exit(m.Run())
}

// program runs the program and returns what it wrote and its exit code.
func program(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], args...)
	cmd.Env = append(os.Environ(), "ARGUS_COLLECTOR_TEST_MAIN=1")
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// TestHostsOfNobody says what to do first.
func TestHostsOfNobody(t *testing.T) {
	state := t.TempDir()
	if _, errs, code := program(t, "hosts", "--state", state); code != cli.ExitFailure || !strings.Contains(errs, "--state") {
		t.Errorf("no collector: exit %d, %q", code, errs)
	}
	program(t, "token", "create", "--state", state)
	if out, errs, code := program(t, "hosts", "--state", state); code != 0 || strings.Count(out, "\n") != 1 || !strings.Contains(errs, "token create") {
		t.Errorf("exit %d, %q, %q", code, out, errs)
	}
}

func TestTokenIsAllThatStdoutHas(t *testing.T) {
	state := filepath.Join(t.TempDir(), "state")
	out, errs, code := program(t, "token", "create", "--state", state, "--address", "soc.example.net:4561,[2001:db8::1]:443", "--uses", "3", "--label", "berlin")
	tok, err := wire.ParseToken(out)
	if code != 0 || err != nil || len(tok.Collectors) != 2 || strings.Count(out, "\n") != 1 || !strings.Contains(errs, "no collector has run on "+state) {
		t.Fatalf("exit %d, stdout %q, stderr %q, %v", code, out, errs, err)
	}
	out, _, code = program(t, "token", "list", "--json", "--state", state)
	var info struct {
		ID, Label string
		Uses      int
	}
	if err := json.Unmarshal([]byte(out), &info); code != 0 || err != nil || info.Label != "berlin" || info.Uses != 3 {
		t.Fatalf("exit %d, %q, %v", code, out, err)
	}
	if _, _, code = program(t, "token", "revoke", "--state", state, info.ID[:8]); code != 0 {
		t.Errorf("revoke: exit %d", code)
	}
	if out, _, _ = program(t, "token", "list", "--state", state); !strings.Contains(out, "revoked") || strings.Contains(out, tok.Secret.String()) {
		t.Errorf("list after revoke:\n%s", out)
	}
	if _, errs, _ = program(t, "token", "create", "--state", state); strings.Contains(errs, "no collector") || errs == "" {
		t.Errorf("the second token: %q", errs)
	}
}

func TestMistakesEndWithTwoAndAdvice(t *testing.T) {
	state := t.TempDir()
	for _, c := range []struct{ args, want string }{
		{"", "Usage"},
		{"frobnicate", "frobnicate"},
		{"run --listen nowhere --state " + state, "host:port"},
		{"run --commit-interval 1h --state " + state, "commit interval"},
		{"run --journal-size lots --state " + state, "512M"},
		{"run --advertise host --state " + state, "host:port"},
		{"run now --state " + state, "no argument"},
		{"run --config " + filepath.Join(state, "missing.conf"), "missing.conf"},
		{"receive --state " + state, "--nats"},
		{"write --nats nats://me:secret@n1:4222", "--nats-creds"},
		{"write --nats http://n1", "nats://host"},
		{"receive --nats nats://n1 --proxy-protocol 10.0.0.1", "10.0.0.0/24"},
		{"receive --nats nats://n1 --nats-creds " + state + "/none", "none"},
		{"run --keep soon", "90d"},
		{"token create --expires -1h --state " + state, "such as 90d"},
		{"token create --expires 0s --state " + state, "above 0"},
		{"token revoke --state " + state, "token list"},
		{"hosts approve someone --state " + state, "UUID"},
		{"hosts frobnicate --state " + state, "frobnicate"},
		{"flows --json --csv --state " + state, "--json and --csv"},
		{"flows --since yesterday-ish --state " + state, "15m, 2h or 3d"},
		{"flows --follow --since 1h --state " + state, "from now on"},
		{"flows --host someone --state " + state, "argus-collector hosts"},
		{"flows -s nonsense --state " + state, "nonsense"},
		{"flows --state " + state + " host", "host"},
		{"flows -N -1 --state " + state, "-N"},
	} {
		out, errs, code := program(t, strings.Fields(c.args)...)
		if code != cli.ExitUsage || !strings.Contains(errs, c.want) || out != "" {
			t.Errorf("%s: exit %d, stdout %q, stderr %q; want 2 and %q", c.args, code, out, errs, c.want)
		}
	}
}

func TestCommandsWithoutStateFailWithAdvice(t *testing.T) {
	state := filepath.Join(t.TempDir(), "none")
	for _, args := range []string{"hosts", "token list", "flows", "flows --follow"} {
		_, errs, code := program(t, append(strings.Fields(args), "--state", state)...)
		if code != cli.ExitFailure || !strings.Contains(errs, state) {
			t.Errorf("%s: exit %d, %q", args, code, errs)
		}
	}
	if _, err := os.Stat(state); err == nil {
		t.Error("a command that only looks made the folder")
	}
}

func TestConfigFileIsReadAndChecked(t *testing.T) {
	file := filepath.Join(t.TempDir(), "collector.conf")
	if err := os.WriteFile(file, []byte("# ours\nARGUS_LISTEN=127.0.0.1:0\nARGUS_RATE=many\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, errs, code := program(t, "run", "--config", file)
	if code != cli.ExitUsage || !strings.Contains(errs, "collector.conf:3") {
		t.Errorf("exit %d, %q; want 2 and the place of the mistake", code, errs)
	}
}

func TestHelpTeaches(t *testing.T) {
	for _, args := range []string{"--help", "run --help", "receive --help", "write --help", "token --help", "token create --help", "hosts --help", "flows --help"} {
		out, errs, code := program(t, strings.Fields(args)...)
		if code != 0 || errs != "" || !strings.Contains(out, "Usage:") || !strings.Contains(out, "argus-collector") {
			t.Errorf("%s: exit %d, %q, %q", args, code, out, errs)
		}
	}
	if out, _, code := program(t, "version"); code != 0 || !strings.HasPrefix(out, "argus-collector ") {
		t.Errorf("version: %d %q", code, out)
	}
	if out, _, code := program(t, "completion", "bash"); code != 0 || !strings.Contains(out, "flows") {
		t.Errorf("completion: %d %q", code, out)
	}
}

func TestTimes(t *testing.T) {
	zone := time.FixedZone("test", 3600)
	now := time.Date(2026, 11, 21, 20, 15, 30, 0, zone)
	for in, want := range map[string]time.Time{
		"":                     {},
		"15m":                  now.Add(-15 * time.Minute),
		"3d":                   now.Add(-72 * time.Hour),
		"0.5d":                 now.Add(-12 * time.Hour),
		"2026-11-20":           time.Date(2026, 11, 20, 0, 0, 0, 0, zone),
		"2026-11-20 08:09":     time.Date(2026, 11, 20, 8, 9, 0, 0, zone),
		"2026-11-20 08:09:10":  time.Date(2026, 11, 20, 8, 9, 10, 0, zone),
		"2026-11-20T08:09:10Z": time.Date(2026, 11, 20, 8, 9, 10, 0, time.UTC),
		"08:09":                time.Date(2026, 11, 21, 8, 9, 0, 0, zone),
		"08:09:10":             time.Date(2026, 11, 21, 8, 9, 10, 0, zone),
	} {
		if got, err := parseTime(in, now); err != nil || !got.Equal(want) {
			t.Errorf("%q: %v, %v; want %v", in, got, err, want)
		}
	}
	for _, in := range []string{"-1h", "-3d", "tomorrow", "25:00", "1e300d", "2026-13-01"} {
		if got, err := parseTime(in, now); err == nil {
			t.Errorf("%q is %v, want an error", in, got)
		}
	}
}

func TestSizes(t *testing.T) {
	var s size
	for in, want := range map[string]size{"0": 0, "512": 512, "64k": 64 << 10, "512M": 512 << 20, "4G": 4 << 30, "2T": 2 << 40} {
		if err := s.Set(in); err != nil || s != want {
			t.Errorf("%q: %d, %v", in, s, err)
		}
	}
	for _, in := range []string{"", "M", "-1", "1P", "1KM", "99999999999", "9000000T"} {
		if err := s.Set(in); err == nil {
			t.Errorf("%q accepted as %d", in, s)
		}
	}
}

// TestAuthorityIsReplacedByCommands: what an operator types through a rotation, and with an authority of the company's.
func TestAuthorityIsReplacedByCommands(t *testing.T) {
	state := filepath.Join(t.TempDir(), "state")
	run := func(want int, args ...string) (out, errs string) {
		t.Helper()
		out, errs, code := program(t, append(args, "--state", state)...)
		if code != want {
			t.Fatalf("%v: exit %d, want %d: %s", args, code, want, errs)
		}
		return out, errs
	}
	if _, errs := run(cli.ExitFailure, "ca", "show"); !strings.Contains(errs, state) {
		t.Errorf("without a state folder: %s", errs)
	}
	run(0, "token", "create")
	before, _ := run(0, "ca", "show")
	if _, errs := run(cli.ExitFailure, "ca", "retire"); !strings.Contains(errs, "rotate first") {
		t.Errorf("retire without a rotation: %s", errs)
	}
	both, _ := run(0, "ca", "rotate")
	old := strings.Fields(strings.Split(before, "\n")[1])[0]
	if strings.Count(both, "\n") != 3 || !strings.Contains(both, "issues") || !strings.Contains(both, old+"  trusted") {
		t.Errorf("after rotate:\n%s", both)
	}
	if _, errs := run(cli.ExitFailure, "ca", "rotate"); !strings.Contains(errs, "ca retire") {
		t.Errorf("a second rotation: %s", errs)
	}
	if after, _ := run(0, "ca", "retire"); strings.Contains(after, old) || strings.Count(after, "\n") != 2 {
		t.Errorf("after retire:\n%s", after)
	}
	if _, errs := run(cli.ExitUsage, "ca", "import"); !strings.Contains(errs, "--cert and --key") {
		t.Errorf("import of nothing: %s", errs)
	}
	junk := filepath.Join(t.TempDir(), "junk.pem")
	if err := os.WriteFile(junk, []byte("junk"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, errs := run(cli.ExitFailure, "ca", "import", "--cert", junk, "--key", junk); !strings.Contains(errs, "no PEM certificate") {
		t.Errorf("import of junk: %s", errs)
	}
	mistaken := filepath.Join(t.TempDir(), "mistaken")
	program(t, "ca", "import", "--state", mistaken)
	program(t, "ca", "import", "--state", mistaken, "--cert", junk+"x", "--key", junk)
	if _, err := os.Stat(mistaken); err == nil {
		t.Error("an import of nothing makes an authority")
	}
	if _, errs, _ := program(t, "ca", "import", "--state", mistaken, "--cert", junk, "--key", junk); !strings.Contains(errs, "no collector has run on "+mistaken) {
		t.Errorf("import where no collector has run: %s", errs)
	}
}
