package spool

import (
	"errors"
	"io/fs"
	"os"
	"slices"
	"time"
)

// makeRoom leaves s.active with room for n more octets, in a new segment if need be and within all bounds.
func (s *Spool) makeRoom(n int64) error {
	if g := s.active; g != nil {
		if g.empty() || g.size+n <= s.o.SegmentBytes {
			return nil
		}
		s.seal()
	}
	want := max(s.o.SegmentBytes, headerSize+n)
	bytes, files := s.usage()
	short := max(bytes+want-s.o.MaxBytes, 0)
	if free, err := s.fs.free(); err == nil && free < s.o.MinFree+uint64(want) {
		short = max(short, int64(min(s.o.MinFree+uint64(want)-free, 1<<62)))
	}
	for short > 0 || files >= s.o.MaxFiles {
		freed := s.dropOldest(false)
		if freed == 0 {
			break
		}
		short -= freed
		files--
	}
	return s.create()
}

// usage returns what the queue takes on disk.
func (s *Spool) usage() (bytes int64, files int) {
	for _, g := range s.segs {
		if !g.inMem {
			bytes += g.size
			files++
		}
	}
	for _, f := range s.newer {
		bytes += f.Size()
	}
	return bytes, files + len(s.newer)
}

// create makes a new active segment that begins with the next sequence.
func (s *Spool) create() error {
	g := &segment{epoch: s.epoch, owner: s.owner, first: s.next, next: s.next, gap: s.gap, from: time.Now(), size: headerSize, fresh: true}
	f, err := s.newFile(g)
	if err != nil {
		return err
	}
	g.f = f
	s.gap = 0
	s.segs = append(s.segs, g)
	s.active = g
	return nil
}

// newFile makes the file of g with its header.
func (s *Spool) newFile(g *segment) (file, error) {
	flag := os.O_RDWR | os.O_CREATE | os.O_EXCL
	f, err := s.fs.open(g.name(), flag)
	if errors.Is(err, fs.ErrExist) { // nothing of ours: numbers are not used twice
		if err = s.fs.rename(g.name(), g.name()+badSuffix); err == nil {
			s.stats.Bad++
			f, err = s.fs.open(g.name(), flag)
		}
	}
	if err != nil {
		return nil, err
	}
	if _, err := f.WriteAt(g.header(), 0); err != nil {
		f.Close()
		s.fs.remove(g.name())
		return nil, err
	}
	s.names, s.floorOld = true, true
	return f, nil
}

// seal ends appending to the active segment.
func (s *Spool) seal() {
	g := s.active
	s.active = nil
	if g == nil {
		return
	}
	if g.empty() {
		s.gap += g.gap
		s.unlist(g)
		s.erase(g)
		return
	}
	s.release(g)
}

// release closes the file of a segment that nobody needs open.
func (s *Spool) release(g *segment) {
	if g.f == nil || g == s.active || g.syncing || s.cursor.seg == g || g.dirty() && !g.gone {
		return
	}
	g.f.Close()
	g.f = nil
}

// unlist takes g out of the queue.
func (s *Spool) unlist(g *segment) {
	if s.cursor.seg == g {
		s.cursor.seg = nil
	}
	if s.active == g {
		s.active = nil
	}
	s.segs = slices.DeleteFunc(s.segs, func(x *segment) bool { return x == g })
	g.gone = true
	s.release(g)
}

// erase removes the file of a segment that was unlisted.
func (s *Spool) erase(g *segment) {
	if !g.inMem {
		s.fs.remove(g.name())
		s.names = true
	}
}

// dropOldest gives up the oldest file: those of a newer version first, for what a downgrade left is older than all that was
// appended since; then the oldest segment on disk; the active one, if it is alone, only with even.
// A newer segment that stays, or else the numbering's doubt at the next Open, makes a floor unnecessary:
// on a full disk none could be written.
// It returns the octets that this frees, 0 when there is none.
func (s *Spool) dropOldest(even bool) int64 {
	if len(s.newer) > 0 {
		f := s.newer[0]
		s.newer = s.newer[1:]
		s.fs.remove(f.Name())
		s.names = true
		return max(f.Size(), 1)
	}
	for _, g := range s.segs {
		if g.inMem || g == s.active && (!even || g.empty()) {
			continue
		}
		s.giveUp(g)
		s.erase(g)
		return g.size
	}
	return 0
}

// giveUp unlists g and makes what it still held a gap before what follows.
func (s *Spool) giveUp(g *segment) {
	i := slices.Index(s.segs, g)
	lost := g.owing()
	if i+1 < len(s.segs) {
		s.segs[i+1].gap += lost
	} else {
		s.gap += lost
	}
	s.drop(s.pending(g), g.first, g.next, g.from, g.to)
	s.unlist(g)
}

// degrade turns to memory. Numbers given from here on are not on disk: they need an epoch of their own.
func (s *Spool) degrade(why error) {
	s.stats.WriteErrors++
	s.degraded = why
	s.seal()
	s.epoch = randomEpoch()
	s.floorOld = true
	signal(s.kick)
}

// writeMemory puts a frame at the end of the queue in memory and returns its segment.
func (s *Spool) writeMemory(frame []byte) *segment {
	g := s.active
	if g == nil || len(g.mem)+len(frame) > memSegment && !g.empty() {
		g = &segment{epoch: s.epoch, owner: s.owner, first: s.next, next: s.next, gap: s.gap, from: time.Now(), inMem: true, fresh: true}
		s.gap = 0
		s.segs = append(s.segs, g)
		s.active = g
	}
	held := len(frame)
	for _, m := range s.segs {
		held += len(m.mem)
	}
	for held > s.o.MemoryBytes {
		i := slices.IndexFunc(s.segs, func(m *segment) bool { return m.inMem && m != g })
		if i < 0 {
			break
		}
		held -= len(s.segs[i].mem)
		s.giveUp(s.segs[i])
	}
	g.mem = append(g.mem, frame...)
	return g
}
