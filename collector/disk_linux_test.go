package collector

import (
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestFullDisk: nothing is taken while the disk is full, the agent is told, and when there is room again the collector
// goes on by itself, with all that it had taken.
func TestFullDisk(t *testing.T) {
	disk := t.TempDir()
	if err := unix.Mount("tmpfs", disk, "tmpfs", 0, "size=32m"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skipf("mounting needs root: %v", err)
	}
	t.Cleanup(func() { unix.Unmount(disk, unix.MNT_DETACH) })
	c := testConfig(t)
	c.State = filepath.Join(disk, "state")
	s, stop := start(t, c)
	defer stop()
	a := newAgent(t, token(t, s))
	a.post(a.batch(100))

	other := filepath.Join(disk, "other")
	os.WriteFile(other, make([]byte, 32<<20), 0o600) // fails when the disk is full
	b := a.batch(100)
	begin := time.Now()
	resp, answer := a.do(http.MethodPost, "/v1/flows", b.body, b.header)
	for resp.StatusCode == http.StatusNoContent && b.last < 100_000 { // the last page of a file has room for a while
		b, begin = a.batch(100), time.Now()
		resp, answer = a.do(http.MethodPost, "/v1/flows", b.body, b.header)
	}
	if took := time.Since(begin); resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") == "" || took > 9*time.Second {
		t.Fatalf("on a full disk: %s %s after %v; an agent waits no longer than 10 s for an answer", resp.Status, answer, took)
	}
	if err := os.Remove(other); err != nil {
		t.Fatal(err)
	}

	again := time.NewTicker(100 * time.Millisecond)
	defer again.Stop()
	for deadline := time.After(15 * time.Second); resp.StatusCode != http.StatusNoContent; {
		select {
		case <-again.C:
			resp, answer = a.do(http.MethodPost, "/v1/flows", b.body, b.header)
		case <-deadline:
			t.Fatalf("15 s after there is room again: %s %s", resp.Status, answer)
		}
	}
	a.post(a.batch(50))
	flushAll(t, s)
	wantOneToN(t, c.State, a.id, b.last+50)
}
