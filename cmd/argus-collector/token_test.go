package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/argus-endpoint/argus-endpoint/internal/cli"
	"github.com/nats-io/nats-server/v2/server"
)

// TestTokenOfAClusterNeedsAnAddress: the machine on which the command runs is no collector.
func TestTokenOfAClusterNeedsAnAddress(t *testing.T) {
	s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: -1, NoSigs: true, JetStream: true, StoreDir: t.TempDir(), SyncAlways: true, MaxPayload: 2 << 20})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	defer s.WaitForShutdown()
	defer s.Shutdown()
	if !s.ReadyForConnections(10 * time.Second) {
		t.Fatal("the server does not start")
	}
	out, errs, code := program(t, "token", "create", "--nats", s.ClientURL())
	if code != cli.ExitFailure || out != "" || !strings.Contains(errs, "no receiver answers") || !strings.Contains(errs, "--address") {
		t.Errorf("exit %d, %q\n%s", code, out, errs)
	}
	out, errs, code = program(t, "token", "create", "--nats", s.ClientURL(), "--address", "soc.example.net:443")
	if code != 0 || out == "" || !strings.Contains(errs, "this cluster") {
		t.Errorf("exit %d, %q\n%s", code, out, errs)
	}
}

// TestTokenExpires: in days, as a roll-out is planned, and hours.
func TestTokenExpires(t *testing.T) {
	state := t.TempDir()
	for text, want := range map[string]time.Duration{"30d": 30 * 24 * time.Hour, "36h": 36 * time.Hour, "90m": 90 * time.Minute} {
		_, errs, code := program(t, "token", "create", "--state", state, "--address", "soc.example.net:4561", "--expires", text)
		_, rest, _ := strings.Cut(errs, "good until ")
		rest, _, _ = strings.Cut(rest, ";")
		until, err := time.ParseInLocation(time.DateTime, rest, time.Local)
		if left := time.Until(until); code != 0 || err != nil || left > want || left < want-time.Minute {
			t.Errorf("%s: exit %d, good for %v: %s", text, code, left, errs)
		}
	}
	for _, text := range []string{"0", "0d", "-1h", "-1d", "30", "70000d", "soon", ""} {
		if out, errs, code := program(t, "token", "create", "--state", state, "--address", "soc.example.net:4561", "--expires", text); code != cli.ExitUsage || out != "" {
			t.Errorf("%q: exit %d, %s%s", text, code, out, errs)
		}
	}
}

// TestTokenBeforeTheCollectorAnswers: a token that is made right after the service's start carries what its configuration says, not this
// machine's name.
func TestTokenBeforeTheCollectorAnswers(t *testing.T) {
	file, state := filepath.Join(t.TempDir(), "argus-collector.conf"), t.TempDir()
	if err := os.WriteFile(file, []byte("ARGUS_STATE="+state+"\nARGUS_ADVERTISE=soc.example.net:443\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("ARGUS_CONFIG", file)
	if _, errs, code := program(t, "token", "create"); code != 0 || !strings.Contains(errs, " for soc.example.net:443,") {
		t.Errorf("exit %d: %s", code, errs)
	}
	if _, errs, code := program(t, "token", "create", "--state", t.TempDir()); code != 0 || strings.Contains(errs, "soc.example.net") {
		t.Errorf("another collector's state: exit %d: %s", code, errs)
	}
}
