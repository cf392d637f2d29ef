//go:build linux

package scale

import (
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"
)

// agents returns how many there are to be: AGENTS, or so many as a change is tested with.
func agents(t *testing.T) int {
	t.Helper()
	text := os.Getenv("AGENTS")
	if text == "" {
		return 2000
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 100 {
		t.Fatalf("AGENTS=%q is no number of at least 100", text)
	}
	return n
}

// TestJoin is a thousand agents that enrol at once.
func TestJoin(t *testing.T) {
	s := newSite(t, "/dev/shm").one()
	c := newCrowd(t, s.dir, s.run("token", "create", "--uses", "1000"), 1000, 0)
	took := c.up(time.Minute)
	n := c.now()
	_, peak := s.memory()
	t.Logf("scale: %-30s %8.1f s          bar 10; %d attempts failed, collector %.1f s CPU, peak %.0f MB", "1,000 agents enrol at once",
		took.Seconds(), n.Failed, s.seconds(), float64(peak)/1e6)
	if n.Failed > 0 {
		t.Errorf("%d attempts failed, such as: %s", n.Failed, n.Example)
	}
}

// TestCrowd is a fleet at one receiver: connected and idle, bursting, coming back all at once, one of them revoked.
func TestCrowd(t *testing.T) {
	n := agents(t)
	s := newSite(t, "/dev/shm").one()
	empty, _ := s.memory()
	c := newCrowd(t, s.dir, s.run("token", "create"), n, time.Duration(n)*10*time.Millisecond)
	took := c.up(10 * time.Minute)
	failed := c.now().Failed
	full, peak := s.memory()
	t.Logf("scale: %-30s %8.1f kB         bar 65; %d agents enrolled in %.0f s (%d attempts failed), resident %.0f MB, peak %.0f MB", "resident a connected agent",
		float64(full-empty)/float64(n)/1e3, n, took.Seconds(), failed, float64(full)/1e6, float64(peak)/1e6)

	const burst = 200
	before := s.seconds()
	c.make(burst)
	took = c.until("all is in the journal", 10*time.Minute, func(got news) bool { return got.Answered >= uint64(n*burst) })
	durable := took + c.until("all is durable", 10*time.Minute, func(n news) bool { return n.Pending == 0 })
	_, peak = s.memory()
	t.Logf("scale: %-30s %8.0f records/s  %d records of all at once journalled in %.1f s and known to be durable in %.1f s, collector %.1f s CPU, peak %.0f MB; the agents share the machine",
		"burst", float64(n*burst)/took.Seconds(), n*burst, took.Seconds(), durable.Seconds(), s.seconds()-before, float64(peak)/1e6)

	s.programs[0].kill()
	c.make(1)
	c.until("all have noticed", 2*time.Minute, func(n news) bool { return n.Up == 0 })
	failed = c.now().Failed
	s.restart(s.programs[0])
	took = c.up(10 * time.Minute)
	_, peak = s.memory()
	t.Logf("scale: %-30s %8.1f s          after kill -9: all %d up again, %d attempts failed, collector %.1f s CPU, peak %.0f MB", "reconnect storm",
		took.Seconds(), n, c.now().Failed-failed, s.seconds(), float64(peak)/1e6)

	s.run("hosts", "revoke", c.now().First)
	took = c.until("the revoked agent is refused", 30*time.Second, func(n news) bool {
		fmt.Fprintln(c.workers[0], 1, 200)
		return n.FirstRejected
	})
	t.Logf("scale: %-30s %8.1f s          bar 5", "revoked to refused", took.Seconds())
	if took > 5*time.Second {
		t.Errorf("a revocation took %v", took)
	}
}

// throughput lets 20 agents send what they can, and tells what becomes of it. Everything is on a disk.
func throughput(t *testing.T, s *site, name, token string) {
	const agents, each = 20, 50_000
	c := newCrowd(t, s.dir, token, agents, 0)
	c.up(time.Minute)
	before := s.seconds()
	c.make(each)
	took := c.until("all is in the journal", 5*time.Minute, func(n news) bool { return n.Answered >= agents*each })
	durable := took + c.until("all is durable", 5*time.Minute, func(n news) bool { return n.Pending == 0 })
	_, peak := s.memory()
	t.Logf("scale: %-30s %8.0f records/s  journalled; known to be durable after %.1f s; %.2f s CPU a million records, all processes' peaks %.0f MB; 20 agents share the machine", name,
		agents*each/took.Seconds(), durable.Seconds(), (s.seconds()-before)/(agents*each/1e6), float64(peak)/1e6)
}

// TestOneNode is P11's set-up under real uplinks, which make and compress the records meanwhile.
func TestOneNode(t *testing.T) {
	s := newSite(t, "").one()
	throughput(t, s, "one node, sync always", s.run("token", "create"))
}

// TestThreeNodes is a cluster on one machine: every record is synced to two or three journals on the same disk.
func TestThreeNodes(t *testing.T) {
	s := newSite(t, "").three()
	throughput(t, s, "three nodes, R=3, sync always", s.run(append([]string{"token", "create", "--address", s.address}, s.nats...)...))
}
