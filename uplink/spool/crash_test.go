package spool

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"
)

// life is a spool with its collector through any number of power cuts.
type life struct {
	r    *rand.Rand
	d    *memFS
	s    *Spool
	o    Options
	c    *collector
	id   uint64          // the next record's identity
	open map[uint64]bool // identities appended and not known to be on disk
	lost map[uint64]bool // may be missing
	cut  int

	refused uint64
}

func newLife(seed uint64, o Options) *life {
	l := &life{r: rand.New(rand.NewPCG(seed, 1)), d: newMemFS(), o: o, c: newCollector(), id: 1, open: map[uint64]bool{}, lost: map[uint64]bool{}}
	l.start()
	return l
}

func (l *life) start() {
	l.o.fs = l.d
	s, err := Open("", l.o)
	if err != nil {
		panic(err)
	}
	l.s = s
}

// step does one thing that can happen to a spool.
func (l *life) step() error {
	switch n := l.r.IntN(20); {
	case n < 9:
		count := 1 + l.r.IntN(40)
		for i := range count {
			l.open[l.id+uint64(i)] = true
		}
		err := l.s.Append(records(l.id, count), count, number)
		l.id += uint64(count)
		return err
	case n < 12:
		err := l.s.Sync()
		clear(l.open)
		return err
	case n < 17:
		b, ok := l.s.Lease(2<<10, 100)
		if !ok {
			return nil
		}
		if l.r.IntN(20) == 0 { // refused for ever
			for at := 0; at < len(b.Records); at += recordSize {
				l.lost[binary.BigEndian.Uint64(b.Records[at+8:])] = true
			}
			l.refused += b.Last - b.First + 1
			return l.s.Quarantine(b, nil)
		}
		durable, err := l.c.take(b)
		if err != nil || l.r.IntN(3) == 0 { // the answer may be lost, or tell of less
			return err
		}
		return l.s.Commit(b.Epoch, durable-min(durable, uint64(l.r.IntN(50))))
	case n < 18:
		l.s.Rewind()
	case n < 19:
		return l.restart()
	default:
		l.powerCut()
	}
	return nil
}

// restart closes the spool and opens it again, at times after a power cut, which has nothing to take then.
func (l *life) restart() error {
	if err := l.s.Close(); err != nil {
		return err
	}
	clear(l.open)
	before := l.s.Stats()
	if l.r.IntN(2) == 0 {
		l.d = l.d.crash(l.r)
	}
	l.start()
	if st := l.s.Stats(); st.Epoch != before.Epoch || st.Next != before.Next || st.Inherited != before.Pending || st.Discarded != 0 || st.Unclean {
		return fmt.Errorf("closed as %+v, opened as %+v", before, st)
	}
	return nil
}

func (l *life) powerCut() {
	for id := range l.open {
		l.lost[id] = true
	}
	clear(l.open)
	l.d = l.d.crash(l.r)
	l.start()
	l.cut++
}

// run lives for some steps and then sees to it that all is delivered.
func (l *life) run(steps int) error {
	for range steps {
		if err := errors.Join(l.step(), sums(l.s)); err != nil {
			return err
		}
	}
	if err := l.s.Sync(); err != nil {
		return err
	}
	l.s.Rewind()
	for {
		b, ok := l.s.Lease(2<<10, 100)
		if !ok {
			break
		}
		if _, err := l.c.take(b); err != nil {
			return err
		}
	}
	for id := uint64(1); id < l.id; id++ {
		if n := l.c.times[id]; n == 0 && !l.lost[id] {
			return fmt.Errorf("record %d was synced and never came", id)
		}
	}
	return nil
}

// TestPowerCuts: whatever of the unsynced writes and names the disk keeps, what was synced arrives, nothing arrives twice, and
// no number is given to two records of one epoch.
func TestPowerCuts(t *testing.T) {
	lives := 150
	if testing.Short() {
		lives = 50
	}
	if n, err := strconv.Atoi(os.Getenv("LIVES")); err == nil {
		lives = n
	}
	cuts, begin := 0, time.Now()
	for seed := range lives {
		l := newLife(uint64(seed), Options{SegmentBytes: 2 << 10, Host: "h"})
		if err := l.run(300); err != nil {
			t.Fatalf("seed %d after %d power cuts: %v", seed, l.cut, err)
		}
		cuts += l.cut
	}
	took := time.Since(begin).Seconds()
	t.Logf("powercut: spool in memory: %d lives, %d states after a crash opened and compared, %.0f a second, 0 lost, 0 doubled", lives, cuts, float64(cuts)/took)
}

// TestPowerCutsFindASpoolThatDoesNotSync shows that the test above can fail.
func TestPowerCutsFindASpoolThatDoesNotSync(t *testing.T) {
	for seed := range 50 {
		l := newLife(uint64(seed), Options{SegmentBytes: 2 << 10, skipSync: true})
		if err := l.run(300); err != nil {
			t.Logf("seed %d: %v", seed, err)
			return
		}
	}
	t.Fatal("a spool that never syncs passed")
}

// TestDamage is fault 9: a spool with bit flips, cuts, noise, removed files and lying lengths opens, loses one segment at most for
// each damage, counts it, and never gives a number twice.
func TestDamage(t *testing.T) {
	for seed := range 150 {
		r := rand.New(rand.NewPCG(uint64(seed), 2))
		d := newMemFS()
		o := Options{fs: d, SegmentBytes: 4 << 10}
		s := mustOpen(t, "", o)
		c := newCollector()
		const blocks, per = 100, 10 // about 9 segments
		next := fill(t, s, 1, blocks, per)
		s.Sync()
		for range r.IntN(30) { // some of it is with the collector, which has not said so
			if b, ok := s.Lease(1<<10, 40); ok {
				if _, err := c.take(b); err != nil {
					t.Fatal(err)
				}
			}
		}
		if seed%2 == 0 {
			s.Close()
		}
		first := s.Stats()
		what := damage(d, r)
		s = mustOpen(t, "", o)
		opened := s.Stats() // a new epoch says that an unknown number is missing
		if opened.Epoch == first.Epoch && opened.Inherited != first.Pending {
			t.Fatalf("seed %d, %s: %d records were pending and %d inherited", seed, what, first.Pending, opened.Inherited)
		}
		end := fill(t, s, next, 20, per)
		if err := s.Sync(); err != nil {
			t.Fatal(err)
		}
		for {
			b, ok := s.Lease(1<<16, 200)
			if !ok {
				break
			}
			if _, err := c.take(b); err != nil {
				t.Fatalf("seed %d, %s: %v", seed, what, err)
			}
		}
		missing := 0
		for id := uint64(1); id < end; id++ {
			if c.times[id] == 0 {
				missing++
				if id >= next {
					t.Fatalf("seed %d, %s: record %d, made after the damage, is lost", seed, what, id)
				}
			}
		}
		if most := (4 << 10) / recordSize; missing > most {
			t.Fatalf("seed %d, %s: %d records lost, want at most a segment (%d)", seed, what, missing, most)
		}
		if st := s.Stats(); missing > 0 && st.Bad == 0 && st.Torn == 0 && st.Dropped == 0 && opened.Epoch == first.Epoch {
			t.Fatalf("seed %d, %s: %d records lost and nothing counted: %+v", seed, what, missing, st)
		}
	}
}

// damage harms one file and says how.
func damage(d *memFS, r *rand.Rand) string {
	var names []string
	for name := range d.names {
		names = append(names, name)
	}
	slices.Sort(names)
	name := names[r.IntN(len(names))]
	f := d.names[name]
	if len(f.data) == 0 {
		return name + " is empty anyway"
	}
	at := r.IntN(len(f.data))
	switch r.IntN(6) {
	case 0:
		f.data[at] ^= 1 << r.IntN(8)
		return fmt.Sprintf("%s: bit flipped at %d", name, at)
	case 1:
		f.data = f.data[:at]
		return fmt.Sprintf("%s: cut at %d", name, at)
	case 2:
		for i := at; i < min(at+600, len(f.data)); i++ {
			f.data[i] = byte(r.Uint32())
		}
		return fmt.Sprintf("%s: noise at %d", name, at)
	case 3:
		delete(d.names, name)
		return name + ": removed"
	case 4:
		if len(f.data) > headerSize+4 {
			binary.LittleEndian.PutUint32(f.data[headerSize:], 0xffffffff)
		}
		return name + ": huge length"
	default:
		f.data = append(f.data, make([]byte, 1+r.IntN(3000))...)
		return name + ": zeros at the end"
	}
}
