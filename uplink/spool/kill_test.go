package spool

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
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
	o := Options{SegmentBytes: 8 << 10}
	if point := os.Getenv(childEnv + "_POINT"); point != "" {
		d, err := openDir(dir)
		if err != nil {
			fmt.Println("error", err)
			return
		}
		count, _ := strconv.Atoi(os.Getenv(childEnv + "_COUNT"))
		f := &deadly{osFS: d, point: point}
		f.left.Store(int32(count))
		o.fs = f
	}
	s, err := Open(dir, o)
	if err != nil {
		fmt.Println("error", err)
		return
	}
	turns := make(chan bool)
	go func() { // to be killed inside sync, floor and unlink as well
		for {
			select {
			case turns <- true:
			default:
			}
			s.Sync()
			if b, ok := s.Lease(4<<10, 1000); ok {
				os.Stdout.WriteString(fmt.Sprintf("sent %d %d %d %x\n", b.Epoch, b.First, b.Last, b.Records))
				s.Commit(b.Epoch, b.Last)
			}
		}
	}()
	id, _ := strconv.ParseUint(os.Getenv(childEnv+"_ID"), 10, 64)
	for ; ; id++ {
		if id%300 == 0 { // not faster than the disk: nothing may be dropped
			<-turns
		}
		if err := s.Append(records(id, 1), 1, number); err != nil {
			fmt.Println("error", err)
			return
		}
		os.Stdout.WriteString(fmt.Sprintf("made %d\n", id))
	}
}

// TestKill is fault 1 for the spool: kill -9 at any moment loses nothing that Append took, and doubles nothing.
func TestKill(t *testing.T) {
	kills := 20
	if testing.Short() {
		kills = 5
	}
	k := newKilled(t)
	for i := range kills {
		k.once(t, 300+i*211)
	}
	k.judge(t)
	t.Logf("%d kills, %d records", kills, k.next-1)
}

// points are where a deadly folder ends the process, each with a moment of it at which the queue is not empty.
var points = []string{
	"before create segment", "after create segment", "inside write header", "inside write frame", "before sync segment", "after sync segment",
	"before create floor", "inside write floor", "before sync floor", "before rename floor", "after rename floor", "before sync folder", "after sync folder",
	"before unlink segment", "after unlink segment",
}

// TestKillAtFailpoints is fault 3: kill -9 inside the roll of a segment, the rename of the floor and the unlink, at the n-th time that the process comes there.
func TestKillAtFailpoints(t *testing.T) {
	for _, point := range points {
		t.Run(point, func(t *testing.T) {
			k := newKilled(t)
			for _, count := range []int{1, 3, 10} {
				k.once(t, -1, childEnv+"_POINT="+point, fmt.Sprintf("%s_COUNT=%d", childEnv, count))
			}
			k.judge(t)
		})
	}
}

// deadly is a folder that kills its process at the n-th time a point is reached.
type deadly struct {
	*osFS
	point string
	left  atomic.Int32
}

func (d *deadly) at(point string) {
	if d.due(point) {
		die()
	}
}

func (d *deadly) due(point string) bool { return d.point == point && d.left.Add(-1) == 0 }

func die() {
	self, _ := os.FindProcess(os.Getpid())
	self.Kill()
	select {}
}

func kindOf(name string) string {
	if strings.HasPrefix(name, floorName) {
		return "floor"
	}
	return "segment"
}

func (d *deadly) open(name string, flag int) (file, error) {
	if flag&os.O_CREATE == 0 {
		f, err := d.osFS.open(name, flag)
		return &deadlyFile{f, d, name}, err
	}
	d.at("before create " + kindOf(name))
	f, err := d.osFS.open(name, flag)
	d.at("after create " + kindOf(name))
	return &deadlyFile{f, d, name}, err
}

func (d *deadly) remove(name string) error {
	d.at("before unlink " + kindOf(name))
	err := d.osFS.remove(name)
	d.at("after unlink " + kindOf(name))
	return err
}

func (d *deadly) rename(from, to string) error {
	d.at("before rename " + kindOf(to))
	err := d.osFS.rename(from, to)
	d.at("after rename " + kindOf(to))
	return err
}

func (d *deadly) syncDir() error {
	d.at("before sync folder")
	err := d.osFS.syncDir()
	d.at("after sync folder")
	return err
}

type deadlyFile struct {
	file
	d    *deadly
	name string
}

func (f *deadlyFile) WriteAt(b []byte, off int64) (int, error) {
	point := "inside write frame"
	if kindOf(f.name) == "floor" {
		point = "inside write floor"
	} else if off == 0 {
		point = "inside write header"
	}
	if f.d.due(point) {
		f.file.WriteAt(b[:len(b)/2], off)
		die()
	}
	return f.file.WriteAt(b, off)
}

func (f *deadlyFile) sync() error {
	f.d.at("before sync " + kindOf(f.name))
	err := f.file.sync()
	f.d.at("after sync " + kindOf(f.name))
	return err
}

// killed is a spool whose process is killed time and again, and what its collector has.
type killed struct {
	dir    string
	c      *collector
	next   uint64
	unsaid map[uint64]bool
}

func newKilled(t *testing.T) *killed {
	return &killed{filepath.Join(t.TempDir(), "spool"), newCollector(), 1, map[uint64]bool{}}
}

func (k *killed) once(t *testing.T, lines int, env ...string) {
	t.Helper()
	k.next = killOnce(t, k.dir, k.c, k.next, lines, env...)
	k.unsaid[k.next] = true // an append may have been taken that the child did not come to say
	k.next++
}

func (k *killed) judge(t *testing.T) {
	t.Helper()
	s := mustOpen(t, k.dir, Options{})
	if !s.Stats().Unclean {
		t.Error("the kill left no mark")
	}
	k.c.drain(t, s)
	if d := s.Stats().Dropped; d != 0 {
		t.Errorf("%d dropped", d)
	}
	for id := uint64(1); id < k.next; id++ {
		if n := k.c.times[id]; n != 1 && !(n == 0 && k.unsaid[id]) {
			t.Fatalf("record %d arrived %d times", id, n)
		}
	}
}

// killOnce runs a child, kills it after some lines, unless it is to die by itself (-1), and returns the next identity.
func killOnce(t *testing.T, dir string, c *collector, next uint64, lines int, env ...string) uint64 {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(append(os.Environ(), childEnv+"="+dir, fmt.Sprintf("%s_ID=%d", childEnv, next)), env...)
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
