package receive

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"testing"
)

// idleAgents is the environment variable that makes the test binary a crowd of agents: their number, and the address.
const idleAgents = "ARGUS_TEST_IDLE_AGENTS"

func TestMain(m *testing.M) {
	if crowd := os.Getenv(idleAgents); crowd != "" {
		os.Args = []string{os.Args[0], "-test.run=^TestIdleCrowd$"}
	}
	os.Exit(m.Run())
}

// TestIdleCrowd is the other process of TestIdleConnectionIsSmall: each of its agents sends a full batch and stays.
func TestIdleCrowd(t *testing.T) {
	number, addr, ok := strings.Cut(os.Getenv(idleAgents), " ")
	if !ok {
		t.Skip("it is the other process of TestIdleConnectionIsSmall")
	}
	n, err := strconv.Atoi(number)
	if err != nil {
		t.Fatal(err)
	}
	l := &live{addr: addr}
	var agents []*peerAgent
	for range n {
		a := l.agent(t, "")
		a.body, a.records = compress(t, stream(t, a.id, 1, 200)), 200
		a.mustPost("at the beginning")
		agents = append(agents, a)
	}
	fmt.Println("ready")
	io.Copy(io.Discard, os.Stdin)
	runtime.KeepAlive(agents)
}

// TestIdleConnectionIsSmall: a connected agent that has nothing to send costs the receiver little memory.
func TestIdleConnectionIsSmall(t *testing.T) {
	const agents, most = 500, 65_000 // octets of each (2026-11-22: 43,000)
	l := newLive(t, nil)
	l.agent(t, "").mustPost("to have what every receiver has")
	before := memory()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%d %s", idleAgents, agents, l.addr))
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	reader := bufio.NewReader(out)
	if line, err := reader.ReadString('\n'); line != "ready\n" {
		rest, _ := io.ReadAll(reader)
		t.Fatalf("the agents say %q %s, %v", line, rest, err)
	}
	if n := l.Stats().Connections; n < agents {
		t.Errorf("%d connections", n)
	}
	each := (memory() - before) / agents
	t.Logf("%d octets an idle connection", each)
	if each > most {
		t.Errorf("%d octets an idle connection, at most %d wanted", each, most)
	}
	in.Close()
	io.Copy(io.Discard, reader)
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}

// memory returns the octets of heap and stacks in use after a collection.
func memory() int64 {
	runtime.GC()
	runtime.GC() // what finalizers and pools held
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}
