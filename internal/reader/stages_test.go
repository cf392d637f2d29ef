package reader

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/argus/cluster"
	"github.com/argus-endpoint/argus-endpoint/flow"
)

// at makes the encoded record of a UDP flow of so many octets.
func at(e *argus.Encoder, b []byte, when time.Time, octets uint64) []byte {
	r := flow.Record{ID: octets, Cause: flow.CauseStart, Start: when.UnixNano()}
	r.Family, r.Proto, r.Src[0], r.Dst[0], r.SrcPort, r.DstPort = flow.FamilyIPv4, flow.ProtoUDP, 10, 11, 5, 53
	r.Side[0] = flow.Side{Packets: 1, Bytes: octets, First: when.UnixNano(), Last: when.UnixNano()}
	return e.AppendFlow(b, &r)
}

// collect is an output that keeps how many octets each record has.
type collect struct{ octets []uint64 }

func (c *collect) record(r *argus.Record) error {
	c.octets = append(c.octets, r.Flow.Side[0].Bytes)
	return nil
}
func (c *collect) flush() error { return nil }
func (c *collect) close() error { return nil }

// through puts records through the sink that a command line makes, and returns what comes out before and after the end.
func through(t *testing.T, live bool, records []byte, args ...string) (before, after []uint64) {
	t.Helper()
	o, err := parse(args...)
	if err != nil {
		t.Fatal(err)
	}
	s, err := newSink(o)
	if err != nil {
		t.Fatal(err)
	}
	out := &collect{}
	s.put = out
	if live {
		s.Live("")
	}
	if err := s.Records(records); err != nil && !s.failed(err) {
		t.Fatal(err)
	}
	before = out.octets[:len(out.octets):len(out.octets)]
	if err := s.close(true); err != nil {
		t.Fatal(err)
	}
	return before, out.octets[len(before):]
}

// TestSortKeepsTheFirst: of many records the first ones come out in order, though few are held, and copies at that.
func TestSortKeepsTheFirst(t *testing.T) {
	e, when := argus.Encoder{Monitor: uuid.UUID{15: 1}}, time.Now()
	var b []byte
	for i := range uint64(5000) {
		b = at(&e, b, when, i*7919%5000+1)
	}
	_, got := through(t, false, b, "--sort", "-bytes", "-N", "o4")
	if len(got) != 4 || got[0] != 5000 || got[3] != 4997 {
		t.Errorf("%d", got)
	}
	_, got = through(t, false, b, "--sort", "+bytes", "-N", "o3-4")
	if len(got) != 2 || got[0] != 3 || got[1] != 4 {
		t.Errorf("the third and the fourth: %d", got)
	}
	s := sorter{order: cluster.Order{}, keep: 2}
	for r := range argus.Records(b) {
		if err := s.add(held(r)); err != nil {
			t.Fatal(err)
		}
		if len(s.held) > 2*2+1024 {
			t.Fatalf("%d records are held for 2", len(s.held))
		}
	}
}

// TestSortIsBounded: more than can be held is an error that says what to do.
func TestSortIsBounded(t *testing.T) {
	s := sorter{held: make([]*argus.Record, maxHeld)}
	if err := s.add(nil); err == nil || !strings.Contains(err.Error(), "-N o20") {
		t.Errorf("%v", err)
	}
}

// TestLiveBins: a bin comes out when it is done, not at the end of the world.
func TestLiveBins(t *testing.T) {
	e, when := argus.Encoder{Monitor: uuid.UUID{15: 1}}, time.Now().Add(-time.Hour).Truncate(10*time.Second)
	var b []byte
	for i := range 42 {
		b = at(&e, b, when.Add(time.Duration(i)*time.Second), 1)
	}
	before, after := through(t, true, b, "--bins", "10s", "-m", "proto", "-B", "5")
	if len(before) != 3 || len(after) != 2 || before[0] != 10 || after[0] != 10 {
		t.Errorf("live: %d came out by themselves, %d at the end", before, after)
	}
	before, after = through(t, false, b, "--bins", "10s", "-m", "proto")
	if len(before) != 0 || len(after) != 5 {
		t.Errorf("from a file: %d, %d", before, after)
	}
}

// TestBinsOfWrongClocks: one record out of the future neither ends the bins of the others nor keeps them from ending.
func TestBinsOfWrongClocks(t *testing.T) {
	e, now := argus.Encoder{Monitor: uuid.UUID{15: 1}}, time.Date(2026, 11, 21, 20, 0, 0, 0, time.UTC)
	o, err := parse("--bins", "10s", "-m", "proto", "-B", "0")
	if err != nil {
		t.Fatal(err)
	}
	stages, out := newStages(o), &collect{}
	stages.now = func() time.Time { return now }
	for i := range 42 {
		b := at(&e, nil, now, 1)
		if i == 5 {
			b = at(&e, b, now.AddDate(1, 0, 0), 1000)
		}
		for r := range argus.Records(b) {
			if err := stages.through(r, true, out.record); err != nil {
				t.Fatal(err)
			}
		}
		now = now.Add(time.Second)
	}
	if want := []uint64{10, 10, 10, 10}; !slices.Equal(out.octets, want) {
		t.Errorf("%d came out by themselves, want %d", out.octets, want)
	}
	if err := stages.finish(out.record); err != nil || !slices.Equal(out.octets[4:], []uint64{2, 1000}) {
		t.Errorf("%d came out in all, %v", out.octets, err)
	}
}

// TestBinsAreSorted: --sort orders within each bin, as rabins -P does.
func TestBinsAreSorted(t *testing.T) {
	e, when := argus.Encoder{Monitor: uuid.UUID{15: 1}}, time.Date(2026, 11, 21, 20, 0, 0, 0, time.UTC)
	var b []byte
	for i, octets := range []uint64{3, 5, 4, 2, 9, 1} {
		b = at(&e, b, when.Add(time.Duration(i/3)*time.Minute), octets)
	}
	_, after := through(t, false, b, "--bins", "1m", "--sort", "-bytes")
	if want := []uint64{5, 4, 3, 9, 2, 1}; !slices.Equal(after, want) {
		t.Errorf("%d, want %d", after, want)
	}
}

// TestProgress: a read that takes long tells how far it is, and leaves no trace.
func TestProgress(t *testing.T) {
	name := filepath.Join(t.TempDir(), "stderr")
	file, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	stderr := os.Stderr
	os.Stderr = file
	p := &progress{began: time.Now().Add(-4 * time.Second)}
	p.step(4095)
	p.step(8192)
	p.step(12288) // too soon
	p.end()
	os.Stderr = stderr
	b, err := os.ReadFile(name)
	if err != nil || strings.Count(string(b), "records") != 1 || !strings.Contains(string(b), "8192 records, ") || !strings.HasSuffix(string(b), "\r\x1b[K") {
		t.Errorf("%q, %v", b, err)
	}
	var none *progress
	none.end()
}

// TestClip: a line is cut by what is seen of it.
func TestClip(t *testing.T) {
	for _, c := range []struct {
		line  string
		width int
		want  string
	}{
		{"abcdef", 3, "abc"}, {"abc", 3, "abc"}, {"äöü", 2, "äö"}, {"\x1b[31mab\x1b[0mcd", 3, "\x1b[31mab\x1b[0mc\x1b[0m"}, {"ab\x1b[", 9, "ab"}, {"", 5, ""},
	} {
		if got := clip(c.line, c.width); got != c.want {
			t.Errorf("%q in %d: %q, want %q", c.line, c.width, got, c.want)
		}
	}
	if strings.ContainsAny(printable("a\x1bb\x07"), "\x1b\x07") {
		t.Errorf("%q", printable("a\x1b[2Jb"))
	}
}
