//go:build linux

package e2e

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/argus-endpoint/argus-endpoint/agent"
	"github.com/argus-endpoint/argus-endpoint/internal/await"
)

// unitLimit is the memory that TestScanInASmallUnit gives to an agent, octets.
const unitLimit = 32 << 20

// TestScanInASmallUnit scans past an agent whose control group may use 32 MiB: it takes its bounds from that, and lives.
func TestScanInASmallUnit(t *testing.T) {
	l := newLab(t)
	group := memoryGroup(t, unitLimit)
	a, b := l.host("a"), l.host("b")
	l.link(a, b, "lan0", 3)
	state := filepath.Join(l.dir, "a")
	// ip netns exec would hide the control groups: it mounts a /sys of its own.
	agentA := l.startCommand(exec.Command("sh", "-c", `echo $$ >"$0" && exec "$@"`, filepath.Join(group, "cgroup.procs"),
		"nsenter", "--net=/run/netns/"+a, filepath.Join(l.bin, "argus-endpoint"), "run", "--state", state, "--interface", "lan0", "--log-level", "error"))
	var s agent.Status
	status := func() bool {
		out, err := l.command(a, "argus-endpoint", "status", "--state", state, "--json").Output()
		return err == nil && json.Unmarshal(out, &s) == nil
	}
	await.Event(t, 5*time.Second, "lan0 is metered", func() bool {
		return status() && len(s.Interfaces) > 0 && s.Interfaces[0].Metered
	})
	const few = 300_000
	l.scan(b, "lan0", few)
	await.Event(t, 10*time.Second, "the agent has seen the scan", func() bool {
		return status() && s.Totals.Flows+s.Totals.RingDropped >= few
	})
	if s.FlowLimit != unitLimit/4*3>>10 || s.MemoryLimit != unitLimit/4*3 {
		t.Errorf("in a unit of %d octets the limits are %d flows and %d octets", unitLimit, s.FlowLimit, s.MemoryLimit)
	}
	if s.Totals.Evicted == 0 || s.Totals.FlowsOpen > s.FlowLimit {
		t.Errorf("%d flows evicted, %d of %d open", s.Totals.Evicted, s.Totals.FlowsOpen, s.FlowLimit)
	}
	t.Logf("measured: limit %d flows, %d evicted, %d frames dropped by the kernel, peak %.1f MB resident", s.FlowLimit,
		s.Totals.Evicted, s.Totals.RingDropped, float64(resident(t, agentA.Process.Pid))/1e6)
	agentA.stop(t) // which it could not if the kernel had killed it
}

// memoryGroup makes a control group that may use so much memory, in either version of control groups.
func memoryGroup(t *testing.T, limit int) string {
	t.Helper()
	for parent, file := range map[string]string{"/sys/fs/cgroup/memory": "memory.limit_in_bytes", "/sys/fs/cgroup": "memory.max"} {
		controllers, _ := os.ReadFile(filepath.Join(parent, "cgroup.controllers"))
		if file == "memory.max" && !strings.Contains(string(controllers), "memory") {
			continue
		}
		group := filepath.Join(parent, "argus-e2e-"+strconv.Itoa(os.Getpid()))
		if os.Mkdir(group, 0o755) != nil {
			continue
		}
		t.Cleanup(func() { os.Remove(group) })
		if f, err := os.OpenFile(filepath.Join(group, file), os.O_WRONLY, 0); err == nil {
			defer f.Close()
			if _, err := f.WriteString(strconv.Itoa(limit)); err == nil {
				return group
			}
		}
	}
	t.Skip("this machine lets nobody make a memory control group")
	return ""
}
