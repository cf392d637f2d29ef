package spool

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestVersion1Opens is part of fault 24: the folder testdata/v1 was written by the first version of this format. It must open for ever.
func TestVersion1Opens(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "spool")
	if err := os.CopyFS(dir, os.DirFS("testdata/v1")); err != nil {
		t.Fatal(err)
	}
	os.Chmod(dir, 0o700)
	s := mustOpen(t, dir, Options{Host: "fixture"})
	if st := s.Stats(); st.Epoch != 0x1122334455667788 || st.Next != 301 || st.Pending != 180 || st.Bad+st.Newer+st.Foreign != 0 || !st.Unclean {
		t.Fatalf("%+v", st)
	}
	c := newCollector()
	fill(t, s, 301, 1, 5)
	c.drain(t, s)
	for id := uint64(121); id <= 305; id++ {
		if c.times[id] != 1 || c.kept[key{0x1122334455667788, id}] != id {
			t.Fatalf("record %d came %d times", id, c.times[id])
		}
	}
}

// newer turns what is in d into what a version 2 could have left: its header has another length and its floor another form.
func newer(d *memFS) {
	for name, f := range d.names {
		if strings.HasSuffix(name, suffix) {
			f.data[8] = version + 1
			f.data = slices.Insert(f.data, 10, []byte("sixteen octets..")...)
		}
	}
	d.names[floorName].data = []byte(floorKind + "2 \x00\x01binary now")
}

// TestNewerVersionIsSetAside is a downgrade, part of fault 24: what the newer version left is kept aside while there is room, and goes first.
func TestNewerVersionIsSetAside(t *testing.T) {
	d := newMemFS()
	o := Options{fs: d, SegmentBytes: 1 << 10, MaxBytes: 40 << 10}
	s := mustOpen(t, "", o)
	next := fill(t, s, 1, 60, 20)
	s.Close()
	old := s.Stats()
	newer(d)
	kept := func() (n int) {
		for _, f := range must(d.list(".")) {
			if strings.HasSuffix(f.Name(), newerSuffix) && f.Size() > 0 {
				n++
			}
		}
		return n
	}
	var st Stats
	for range 3 { // however often it starts
		s = mustOpen(t, "", o)
		st = s.Stats()
		if st.Newer != old.Files+1 || kept() != st.Newer || st.Bad != 0 || st.Pending != 0 || st.Epoch == old.Epoch || st.Discarded != 0 {
			t.Fatalf("%+v, %d files kept of %d segments and the floor", st, kept(), old.Files)
		}
		s.Close()
	}
	// Sequences are those that the names tell of: another epoch keeps them apart.
	s = mustOpen(t, "", o)
	fill(t, s, next, 80, 20)
	if st = s.Stats(); st.Bytes > 40<<10 || st.Dropped != 0 || st.Newer >= old.Files || kept() != st.Newer {
		t.Errorf("%d octets of at most %d, %d dropped, %d files of the newer version (%d there)", st.Bytes, 40<<10, st.Dropped, st.Newer, kept())
	}
	c := newCollector()
	c.drain(t, s)
	if n := len(c.times); n != 1600 {
		t.Errorf("%d records came, want those 1600 of this version", n)
	}
}
