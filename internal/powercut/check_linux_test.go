package powercut

import (
	"encoding/binary"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"

	"github.com/argus-endpoint/argus-endpoint/collector/store"
	"github.com/argus-endpoint/argus-endpoint/uplink/spool"
)

// verdict adds up what the pictures showed.
type verdict struct {
	cuts, opened  int
	acknowledged  int           // records that were said to be safe, of all pictures
	lost, doubled int           // of them
	longest       time.Duration // from the append of the oldest record that a picture did not hold to the cut
	sync          time.Duration // the longest that one took the judge
	examples      []string
}

func (v *verdict) note(format string, args ...any) {
	if len(v.examples) < 5 {
		v.examples = append(v.examples, fmt.Sprintf(format, args...))
	}
}

// mostLoss is what a power cut may take of the time before it: the second between two syncs, and the syncs of segment, folder and floor.
func (v *verdict) mostLoss() time.Duration { return 1200*time.Millisecond + 4*v.sync }

func (v *verdict) good() bool {
	return v.lost+v.doubled == 0 && v.opened == v.cuts && v.longest <= v.mostLoss()
}

func (v *verdict) String() string {
	return fmt.Sprintf("%4d cuts, %4d opened, %8d records acknowledged, %d lost, %d doubled; of others at most the last %.2f s (a sync took up to %.2f s)",
		v.cuts, v.opened, v.acknowledged, v.lost, v.doubled, v.longest.Seconds(), v.sync.Seconds())
}

// spool opens the spool in a picture that was taken after before was said, and begun at a time; after has all said at its end.
func (v *verdict) spool(t *testing.T, dir string, before, after claims, begun time.Time) {
	s, err := spool.Open(filepath.Join(dir, "spool"), spool.Options{SegmentBytes: 64 << 10, MaxBytes: 8 << 20, MinFree: 1 << 20, Host: "powercut"})
	if err != nil {
		v.note("the spool does not open: %v", err)
		return
	}
	defer s.Close()
	v.opened++
	have := map[uint64]bool{}
	v.drain(s, have, before.sent)
	for n := after.committed + 1; n <= before.sent; n++ {
		v.acknowledged++
		if !have[n] {
			v.lost++
			v.note("record %d was leased, and is not in the picture", n)
		}
	}
	for _, b := range after.made {
		if b.at > begun.UnixNano() || b.first+b.count <= after.committed {
			continue
		}
		for n := b.first; n < b.first+b.count; n++ {
			if !have[n] && n > after.committed {
				v.longest = max(v.longest, begun.Sub(time.Unix(0, b.at)))
			}
		}
	}
	v.continues(s, before)
}

// drain leases all there is.
func (v *verdict) drain(s *spool.Spool, have map[uint64]bool, sent uint64) {
	for b, ok := s.Lease(64<<10, 1000); ok; b, ok = s.Lease(64<<10, 1000) {
		for at := 0; at+32 <= len(b.Records); at += 32 {
			n := binary.BigEndian.Uint64(b.Records[at:])
			if id := binary.BigEndian.Uint64(b.Records[at+8:]); id != n || have[n] {
				v.doubled++
				v.note("sequence %d holds record %d (again: %t)", n, id, have[n])
			}
			have[n] = true
		}
	}
}

// continues appends to the spool of the picture: no number that a collector has seen may come again in the same epoch.
func (v *verdict) continues(s *spool.Spool, before claims) {
	first := uint64(0)
	err := s.Append(make([]byte, 5*32), 5, func(_ []byte, from uint64) { first = from })
	if err == nil {
		err = s.Sync()
	}
	if err != nil {
		v.lost++
		v.note("the spool does not go on: %v", err)
	}
	if fmt.Sprintf("%x", s.Epoch()) == before.epoch && first <= before.sent {
		v.doubled++
		v.note("sequence %d is given again; a collector has up to %d", first, before.sent)
	}
}

// row is what the check reads of the store's Parquet files.
type row struct {
	Epoch    string `parquet:"epoch"`
	Sequence int64  `parquet:"sequence"`
}

// store opens the store in a picture.
func (v *verdict) store(t *testing.T, dir string, before claims) {
	dir = filepath.Join(dir, "store")
	have, err := v.rows(t, dir)
	if err == nil {
		err = v.reopens(t, dir)
	}
	if err != nil {
		v.lost += int(before.durable)
		v.note("the store does not open: %v", err)
		return
	}
	v.opened++
	v.acknowledged += int(before.durable)
	for n := uint64(1); n <= before.durable; n++ {
		switch {
		case have[n] == 0:
			v.lost++
			v.note("record %d was durable, and is not in the picture", n)
		case have[n] > 1:
			v.doubled++
			v.note("record %d is there %d times", n, have[n])
		}
	}
}

// reopens opens the store of a picture as its writer does.
func (v *verdict) reopens(t *testing.T, dir string) error {
	b, err := store.OpenBucket(dir)
	if err != nil {
		return err
	}
	s, _, err := store.Open(t.Context(), b, 0, store.Config{})
	if err != nil {
		return err
	}
	return s.Close()
}

// rows counts the rows of each sequence.
func (v *verdict) rows(t *testing.T, dir string) (map[uint64]int, error) {
	b, err := store.OpenBucket(dir)
	if err != nil {
		return nil, err
	}
	view, err := store.OpenView(t.Context(), b)
	if err != nil {
		return nil, err
	}
	defer view.Close()
	have := map[uint64]int{}
	for _, f := range view.Files() {
		if !strings.HasPrefix(f.Name, "flows/") {
			continue
		}
		rows, err := parquet.ReadFile[row](filepath.Join(dir, f.Name))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.Name, err)
		}
		for i := range rows {
			have[uint64(rows[i].Sequence)]++
		}
	}
	return have, nil
}
