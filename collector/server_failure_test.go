package collector

import (
	"bufio"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"testing"
	"time"

	"github.com/argus-endpoint/argus-endpoint/uplink/wire"
	"github.com/gofrs/uuid/v5"
)

// TestFailingStoreRecovers takes the place of the store away, and gives it back.
func TestFailingStoreRecovers(t *testing.T) {
	c := testConfig(t)
	if err := os.MkdirAll(c.State, 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(c.StoreLocation(), nil, 0o640); err != nil {
		t.Fatal(err)
	}
	s, _ := start(t, c)
	a := newAgent(t, token(t, s))
	a.post(a.batch(10))
	if err := Flush(t.Context(), &c.Place); err == nil {
		t.Error("a flush that cannot be is reported as done")
	}
	if got := a.post(a.batch(10)); got != 0 {
		t.Errorf("watermark %d while nothing is stored", got)
	}
	if err := os.Remove(c.StoreLocation()); err != nil {
		t.Fatal(err)
	}
	for Flush(t.Context(), &c.Place) != nil {
		runtime.Gosched() // until the writer has opened the store anew
	}
	wantOneToN(t, c.State, a.id, 20)
}

func TestNothingIsLeftRunning(t *testing.T) {
	before := runtime.NumGoroutine()
	s, stop := start(t, testConfig(t))
	a := newAgent(t, token(t, s))
	a.post(a.batch(10))
	follow, err := Follow(t.Context(), &s.config.Place, uuid.Nil)
	if err != nil {
		t.Fatal(err)
	}
	stop()
	follow.Close()
	a.http.CloseIdleConnections()
	deadline := time.Now().Add(20 * time.Second)
	for runtime.NumGoroutine() > before {
		if time.Now().After(deadline) {
			stacks := make([]byte, 1<<20)
			t.Fatalf("%d goroutines, %d before:\n%s", runtime.NumGoroutine(), before, stacks[:runtime.Stack(stacks, true)])
		}
		runtime.Gosched()
	}
}

// TestKilledCollectorStoresOnce kills the collector's process under load, several times.
func TestKilledCollectorStoresOnce(t *testing.T) {
	if state := os.Getenv("COLLECTOR_TEST_STATE"); state != "" {
		child(t, state)
		return
	}
	c := testConfig(t)
	var a *agent
	var unanswered *batch // the batch whose answer was lost is sent again, as a spool does
	for round := range 6 {
		cmd, addr, tok := spawn(t, c.State, c.Listen, 100*time.Millisecond)
		c.Listen = addr
		if a == nil {
			a = newAgent(t, tok)
		}
		a.dial()
		kill := time.AfterFunc(time.Duration(100+round*60)*time.Millisecond, func() { cmd.Process.Kill() })
		for {
			if unanswered == nil {
				b := a.batch(20)
				unanswered = &b
			}
			resp, answer, err := a.try(t.Context(), http.MethodPost, wire.PathFlows, unanswered.body, unanswered.header)
			if err != nil {
				break // killed
			}
			if resp.StatusCode != http.StatusNoContent {
				t.Fatalf("%v: %s %s", *unanswered, resp.Status, answer)
			}
			unanswered = nil
		}
		kill.Stop()
		_ = cmd.Wait() // killed, as intended
	}
	s, stop := start(t, c)
	a.dial()
	a.post(*unanswered)
	flushAll(t, s)
	stop()
	wantOneToN(t, c.State, a.id, a.next-1)
	t.Logf("%d records through 6 kills", a.next-1)
}

// spawn runs a collector in a process of its own.
func spawn(t testing.TB, state, listen string, commit time.Duration) (cmd *exec.Cmd, addr, token string) {
	t.Helper()
	cmd = exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestKilledCollectorStoresOnce$")
	cmd.Env = append(os.Environ(), "GOGC=50", "COLLECTOR_TEST_STATE="+state, "COLLECTOR_TEST_LISTEN="+listen, "COLLECTOR_TEST_COMMIT="+commit.String())
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if n, _ := fmt.Sscanf(lines.Text(), "ready %s %s", &addr, &token); n == 2 {
			return cmd, addr, token
		}
	}
	t.Fatal("the child did not start")
	return nil, "", ""
}

func child(t *testing.T, state string) {
	commit, err := time.ParseDuration(os.Getenv("COLLECTOR_TEST_COMMIT"))
	if err != nil {
		t.Fatal(err)
	}
	c := DefaultConfig()
	c.State, c.Listen, c.Rate, c.CommitInterval = state, os.Getenv("COLLECTOR_TEST_LISTEN"), 0, commit
	s, _ := start(t, c)
	fmt.Println("ready", s.Addr(), token(t, s))
	<-t.Context().Done()
	select {} // until killed
}
