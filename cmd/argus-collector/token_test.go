package main

import (
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
