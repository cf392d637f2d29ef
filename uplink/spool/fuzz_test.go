package spool

import (
	"encoding/binary"
	"testing"
)

// FuzzOpen opens a spool whose segment and floor hold anything: it opens, what it gives is within the files, and it goes on working.
func FuzzOpen(f *testing.F) {
	d := newMemFS()
	s := mustOpen(f, "", Options{fs: d})
	fill(f, s, 1, 3, 4)
	s.Sync()
	good, fl := d.names[segmentName(1)].data, d.names[floorName].data
	f.Add(good, fl)
	f.Add(good[:len(good)-5], fl)
	f.Add(good[:headerSize], []byte{})
	f.Add([]byte{}, []byte(floorMagic))
	f.Fuzz(func(t *testing.T, segment, floor []byte) {
		d := newMemFS()
		names := []string{segmentName(1), floorName}
		if len(segment) >= 32 { // under its own name too, and one that follows
			names[0] = segmentName(binary.LittleEndian.Uint64(segment[24:]))
		}
		for i, data := range [][]byte{segment, floor} {
			d.names[names[i]] = &memFile{data: data, disk: data}
		}
		s, err := Open("", Options{fs: d})
		if err != nil {
			t.Fatal(err)
		}
		st := s.Stats()
		if st.Bytes > int64(len(segment)+len(floor)) || st.Pending > uint64(len(segment)) {
			t.Fatalf("%d octets of segment became %+v", len(segment), st)
		}
		total := 0
		for {
			b, ok := s.Lease(1<<20, 1<<20)
			if !ok {
				break
			}
			total += len(b.Records)
			if b.First > b.Last || b.Dropped >= b.First {
				t.Fatalf("batch %+v", b)
			}
		}
		if total > len(segment) {
			t.Fatalf("%d octets leased of %d", total, len(segment))
		}
		if err := s.Append(records(1, 2), 2, number); err != nil {
			t.Fatal(err)
		}
		if err := s.Sync(); err != nil {
			t.Fatal(err)
		}
		b, ok := s.Lease(1<<20, 1<<20)
		if !ok || b.Last != st.Next+1 {
			t.Fatalf("what was appended then is not there: %v %+v, %+v", ok, b, st)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	})
}
