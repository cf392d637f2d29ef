//go:build linux || darwin

package agent

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/flow"
)

// newOutput returns a file's writer that is not running, and what it says.
func newOutput(t *testing.T, path string) (o *output, notes *[]string) {
	t.Helper()
	notes = new([]string)
	o = &output{path: path, queue: make(chan []byte, outputBacklog), note: func(why string, _ uint64, _ error) { *notes = append(*notes, why) }}
	o.begin = func() []byte { return o.enc.AppendManagement(nil, &argus.Management{Cause: flow.CauseStart}) }
	t.Cleanup(func() {
		if o.file != nil {
			o.file.Close()
		}
	})
	return o, notes
}

func events(n int) (block []byte) {
	var enc argus.Encoder
	for i := range n {
		block = enc.AppendEvent(block, &argus.Event{Cause: flow.CauseStatus, Start: int64(i), Data: []byte("prog=test\nx")})
	}
	return block
}

// starts returns how many START records a file has, and how many events.
func starts(t *testing.T, path string) (starts, events int) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for r, err := range argus.Records(b) {
		switch {
		case err != nil:
			t.Fatalf("%s: %v", path, err)
		case r.Kind == argus.KindManagement:
			starts++
		case r.Kind == argus.KindEvent:
			events++
		}
	}
	return starts, events
}

func (o *output) must(t *testing.T, block []byte) {
	t.Helper()
	if err := o.write(block); err != nil {
		t.Fatal(err)
	}
}

func TestOutputGoesOnWhereItWas(t *testing.T) {
	path := filepath.Join(t.TempDir(), "argus.out")
	for run := range 2 {
		o, _ := newOutput(t, path)
		o.must(t, events(3))
		o.must(t, events(4))
		if s, e := starts(t, path); s != run+1 || e != 7*(run+1) {
			t.Errorf("run %d: %d START records and %d events", run, s, e)
		}
		o.file.Close()
	}
	o, _ := newOutput(t, path)
	o.must(t, events(1))
	if err := os.Truncate(path, 0); err != nil { // logrotate's copytruncate
		t.Fatal(err)
	}
	o.must(t, events(2))
	if s, e := starts(t, path); s != 1 || e != 2 {
		t.Errorf("cut: %d START records and %d events", s, e)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	o.must(t, events(5))
	if s, e := starts(t, path); s != 1 || e != 5 {
		t.Errorf("deleted: %d START records and %d events", s, e)
	}
}

// A power cut leaves a part of the last record. The next run takes it away, and all that it writes can be read; what is damaged before
// its end stays as it is.
func TestOutputAfterAPowerCut(t *testing.T) {
	path := filepath.Join(t.TempDir(), "argus.out")
	for _, lost := range []int64{1, 10, int64(len(events(1))) - 3} {
		o, _ := newOutput(t, path)
		o.must(t, events(3))
		o.file.Close()
		if err := os.Truncate(path, o.size-lost); err != nil {
			t.Fatal(err)
		}
		o, _ = newOutput(t, path)
		o.must(t, events(2))
		o.file.Close()
		if s, e := starts(t, path); s != 2 || e != 4 {
			t.Errorf("without %d octets: %d START records and %d events", lost, s, e)
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	o, _ := newOutput(t, path)
	o.must(t, events(3))
	if err := errors.Join(os.Truncate(path, o.size+1<<12), o.file.Close()); err != nil { // nothing but zeros
		t.Fatal(err)
	}
	size := o.size
	o, _ = newOutput(t, path)
	if err := o.write(events(1)); !errors.Is(err, argus.ErrFormat) {
		t.Errorf("a damaged file: %v", err)
	}
	if i, err := os.Stat(path); err != nil || i.Size() != size+1<<12 {
		t.Errorf("%v %v", i, err)
	}
}

// What is not ours is not touched, and a pipe without a reader stops nobody.
func TestOutputRefuses(t *testing.T) {
	dir := t.TempDir()
	pipe, foreign, tiny := filepath.Join(dir, "pipe"), filepath.Join(dir, "passwd"), filepath.Join(dir, "tiny")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{foreign: "root:x:0:0:root:/root:/bin/bash\n", tiny: "x"} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for path, want := range map[string]string{
		pipe: "not a regular file", foreign: "something else than Argus records", tiny: "something else", dir: "not a regular file", dir + "/no/file": "no such file",
	} {
		o, _ := newOutput(t, path)
		if err := o.write(events(1)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", path, err, want)
		}
		if err := o.write(events(1)); err != errPaused {
			t.Errorf("%s again: %v", path, err)
		}
	}
	if b, err := os.ReadFile(foreign); err != nil || !bytes.HasPrefix(b, []byte("root:x")) || len(b) != 32 {
		t.Errorf("%q %v", b, err)
	}
}

// A disk without room leaves whole records, and when there is room again it goes on.
func TestOutputOnAFullDisk(t *testing.T) {
	path := filepath.Join(t.TempDir(), "argus.out")
	o, _ := newOutput(t, path)
	o.must(t, events(10))
	whole, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	var old syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &old); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: uint64(whole.Size()) + 50, Max: old.Max}); err != nil {
		t.Fatal(err)
	}
	err = o.write(events(10))
	if err2 := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &old); err2 != nil {
		t.Fatal(err2)
	}
	if err == nil {
		t.Fatal("no error")
	}
	if s, e := starts(t, path); s != 1 || e != 10 {
		t.Errorf("%d START records and %d events", s, e)
	}
	if err := o.write(events(1)); err != errPaused {
		t.Errorf("at once again: %v", err)
	}
	o.retry = time.Time{}
	o.must(t, events(1))
	if s, e := starts(t, path); s != 2 || e != 11 {
		t.Errorf("later %d START records and %d events", s, e)
	}
}

// Who publishes waits for no disk; what is lost is said once.
func TestOutputDoesNotWait(t *testing.T) {
	o, notes := newOutput(t, filepath.Join(t.TempDir(), "argus.out"))
	s := outputs{list: []*output{o}}
	for range outputBacklog + 10 {
		s.publish(events(1))
	}
	if o.lost.Load() != 10 || len(*notes) != 1 {
		t.Errorf("%d lost, said %q", o.lost.Load(), *notes)
	}
	s.wg.Go(o.run)
	s.close()
	if _, e := starts(t, o.path); e != outputBacklog {
		t.Errorf("%d events", e)
	}
}
