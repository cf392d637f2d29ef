package spool

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
)

const childEnv = "ARGUS_SPOOL_TEST_CHILD"

// TestMain is also the child of TestKill: it appends, leases and commits in a folder for ever and says each identity it has appended.
func TestMain(m *testing.M) {
	if dir := os.Getenv(childEnv); dir != "" {
		child(dir)
		return
	}
	os.Exit(m.Run())
}

func child(dir string) {
	s, err := Open(dir, Options{SegmentBytes: 8 << 10})
	if err != nil {
		fmt.Println("error", err)
		return
	}
	go func() { // to be killed inside sync, floor and unlink as well
		for {
			s.Sync()
			if b, ok := s.Lease(4<<10, 1000); ok {
				os.Stdout.WriteString(fmt.Sprintf("sent %d %d %d %x\n", b.Epoch, b.First, b.Last, b.Records))
				s.Commit(b.Epoch, b.Last)
			}
		}
	}()
	id, _ := strconv.ParseUint(os.Getenv(childEnv+"_ID"), 10, 64)
	for ; ; id++ {
		if err := s.Append(records(id, 1), 1, number); err != nil {
			fmt.Println("error", err)
			return
		}
		os.Stdout.WriteString(fmt.Sprintf("made %d\n", id))
	}
}

// TestKill is fault 1 and 3 for the spool: kill -9 at any moment loses nothing that Append took, and doubles nothing.
func TestKill(t *testing.T) {
	kills := 20
	if testing.Short() {
		kills = 5
	}
	dir := filepath.Join(t.TempDir(), "spool")
	c := newCollector()
	next := uint64(1)
	unsaid := map[uint64]bool{}
	for i := range kills {
		next = killOnce(t, dir, c, next, 300+i*211)
		unsaid[next] = true // an append may have been taken that the child did not come to say
		next++
	}
	s := mustOpen(t, dir, Options{})
	if !s.Stats().Unclean {
		t.Error("the kill left no mark")
	}
	c.drain(t, s)
	if d := s.Stats().Dropped; d != 0 {
		t.Errorf("%d dropped", d)
	}
	for id := uint64(1); id < next; id++ {
		if n := c.times[id]; n != 1 && !(n == 0 && unsaid[id]) {
			t.Fatalf("record %d arrived %d times", id, n)
		}
	}
	t.Logf("%d kills, %d records", kills, next-1)
}

// killOnce runs a child, kills it after some lines and returns the next identity.
func killOnce(t *testing.T, dir string, c *collector, next uint64, lines int) uint64 {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+dir, fmt.Sprintf("%s_ID=%d", childEnv, next))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	in := bufio.NewReaderSize(out, 1<<20)
	for n := 0; ; n++ {
		if n == lines {
			cmd.Process.Kill()
		}
		line, err := in.ReadString('\n')
		if err != nil {
			if err != io.EOF {
				t.Fatal(err)
			}
			break
		}
		var b Batch
		var id uint64
		if _, err := fmt.Sscanf(line, "made %d", &id); err == nil {
			next = id + 1
		} else if _, err := fmt.Sscanf(line, "sent %d %d %d %x", &b.Epoch, &b.First, &b.Last, &b.Records); err != nil {
			t.Fatalf("child: %s", line)
		} else if _, err := c.take(b); err != nil {
			t.Fatal(err)
		}
	}
	cmd.Wait()
	return next
}
