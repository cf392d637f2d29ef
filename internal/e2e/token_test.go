//go:build linux

package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/argus-endpoint/argus-endpoint/internal/await"
)

// TestTokenDroppedLater: a host that knows no collector meters into its spool and says so once; a token file for a collector that is not there, then
// one for the one that is, are each noticed while the agent runs, and what was metered before comes too.
func TestTokenDroppedLater(t *testing.T) {
	l := newLab(t)
	s := &site{lab: l, col: l.host("col"), a: l.host("a"), colState: filepath.Join(l.dir, "col")}
	l.link(s.a, s.col, "lan0", 1)
	s.resolveBy(s.a, "# neither a search domain nor a name server\n")
	s.startCollector()
	s.agentA = s.startAgent(s.a, monitorA, "", "--mar-status-interval", "1")
	state := func() (uplink string, spooled, durable uint64) {
		st, _ := s.status(s.a)
		return st.Uplink.State, st.Spool.Next, st.Spool.Durable
	}
	await.Event(t, 20*time.Second, "it meters into the spool", func() bool {
		uplink, spooled, durable := state()
		return uplink == "no collector" && spooled > 3 && durable == 0
	})
	if shown := s.run(s.a, "argus-endpoint", "status", "--state", s.agentState(s.a)); !strings.Contains(shown, "no collector") {
		t.Errorf("status says\n%s", shown)
	}
	drop := func(token string) {
		if err := os.WriteFile(filepath.Join(s.agentState(s.a), "token"), []byte(token+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	drop(s.token("10.1.0.77:4561"))
	await.Event(t, 20*time.Second, "it tries the collector that is not there", func() bool {
		uplink, _, _ := state()
		return uplink == "waiting" || uplink == "connecting"
	})
	drop(s.token("10.1.0.2:4561"))
	began := time.Now()
	await.Event(t, 30*time.Second, "it enrols with the other token and delivers all", func() bool {
		uplink, _, durable := state()
		return uplink == "up" && durable > 3
	})
	t.Logf("measured: up %v after the second token came", time.Since(began).Round(100*time.Millisecond))
	if n := strings.Count(s.agentA.log.String(), "not delivering: no collector"); n != 1 {
		t.Errorf("it said %d times that there is no collector", n)
	}
}
