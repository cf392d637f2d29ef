package spool

import (
	"errors"
	"io/fs"
	"os"
	"slices"
)

// Batch is a run of records without a gap inside, of one epoch.
type Batch struct {
	Epoch       uint64
	First, Last uint64 // sequences of the first and the last record
	Dropped     uint64 // sequences directly before First that never come
	Records     []byte // the blocks as appended, one after the other; valid until the next Lease
}

// cursor is how far leasing has come.
type cursor struct {
	sent uint64   // sequences below are leased
	top  uint64   // the highest sent since Open
	seg  *segment // being read, nil: found by sent
	off  int64    // the next frame in seg
	seq  uint64   // its first sequence
	buf  []byte
	head [frameHeader]byte
}

// Lease lends the next records that are safely on disk and were not leased since Open or Rewind: whole blocks, as many as
// stay within maxBytes octets and maxRecords records, and one at least. It reports false when there are none now.
func (s *Spool) Lease(maxBytes, maxRecords int) (b Batch, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := &s.cursor
	c.buf = c.buf[:0]
	for i := 0; i < len(s.segs) && !s.closed; {
		g := s.segs[i]
		if g.empty() || g.spent() || g.next <= c.sent {
			i++
			continue
		}
		if b.First != 0 && g.epoch != b.Epoch || s.read(g, &b, maxBytes, maxRecords) {
			break
		}
		if i < len(s.segs) && s.segs[i] == g { // still there
			i++
		}
	}
	b.Records = c.buf
	c.top = max(c.top, c.sent)
	return b, b.First != 0
}

// read adds frames of g to b. It reports whether the batch must end here.
func (s *Spool) read(g *segment, b *Batch, maxBytes, maxRecords int) (end bool) {
	c := &s.cursor
	if c.seg != g && !s.beginReading(g) {
		return true
	}
	limit := g.safe
	if s.degraded != nil || s.o.skipSync {
		limit = g.size // no sync will come: what is sent cannot wait for it
	}
	for c.off < limit {
		f, err := s.peek(g)
		if err != nil {
			s.damaged(g)
			return b.First != 0
		}
		switch {
		case f.next() <= g.done || f.next() <= c.sent || s.skipped(g.epoch, f):
		case b.First != 0 && (f.first != b.Last+1 || len(c.buf)+f.body > maxBytes || b.Last-b.First+1+f.count > uint64(maxRecords)):
			return true
		default:
			if !s.take(g, f) {
				s.damaged(g)
				return b.First != 0
			}
			if b.First == 0 {
				*b = Batch{Epoch: g.epoch, First: f.first, Dropped: s.missing(g, f.first)}
			}
			b.Last, c.sent = f.next()-1, f.next()
		}
		c.off += f.size()
		c.seq = f.next()
	}
	return c.off < g.size || g == s.active
}

// beginReading moves the cursor to the start of g. It reports false when that must wait.
func (s *Spool) beginReading(g *segment) bool {
	c := &s.cursor
	old := c.seg
	c.seg, c.off, c.seq = g, g.start(), g.first
	if old != nil {
		s.release(old)
	}
	if g.inMem || g.f != nil {
		return true
	}
	f, err := s.fs.open(g.name(), os.O_RDONLY)
	if err == nil {
		g.f = f
		return true
	}
	s.stats.ReadErrors++
	c.seg = nil
	if errors.Is(err, fs.ErrNotExist) {
		s.giveUp(g)
	}
	return false // for want of a descriptor, say: later
}

// missing returns how many sequences directly before seq, which is in g, never come: gaps between segments and what is in quarantine.
func (s *Spool) missing(g *segment, seq uint64) (n uint64) {
	for i := slices.Index(s.segs, g); i >= 0; i-- {
		g := s.segs[i]
		seq = min(seq, g.next)
		for j := len(s.skips) - 1; j >= 0 && s.skips[j].next >= seq; j-- {
			if from := max(s.skips[j].first, g.first, g.done); from < seq {
				n += seq - from
				seq = from
			}
		}
		if seq > g.first || g.done >= seq {
			break
		}
		n += g.unreportedGap()
	}
	return n
}

// peek reads the header of the frame at the cursor.
func (s *Spool) peek(g *segment) (frameInfo, error) {
	c := &s.cursor
	if g.inMem {
		return parseFrame(g.mem[c.off:], c.seq, g.size-c.off)
	}
	if _, err := g.f.ReadAt(c.head[:], c.off); err != nil {
		s.stats.ReadErrors++
		return frameInfo{}, err
	}
	return parseFrame(c.head[:], c.seq, g.size-c.off)
}

// take appends the body of the frame at the cursor to the buffer.
func (s *Spool) take(g *segment, f frameInfo) bool {
	c := &s.cursor
	if g.inMem {
		c.buf = append(c.buf, g.mem[c.off+frameHeader:c.off+f.size()]...)
		return true
	}
	n := len(c.buf)
	c.buf = slices.Grow(c.buf, f.body)[:n+f.body]
	_, err := g.f.ReadAt(c.buf[n:], c.off+frameHeader)
	if err == nil && f.check(c.head[:], c.buf[n:]) {
		return true
	}
	c.buf = c.buf[:n]
	s.stats.ReadErrors++
	return false
}

// damaged gives up what g holds from the cursor on.
func (s *Spool) damaged(g *segment) {
	c := &s.cursor
	s.stats.Bad++
	if s.active == g {
		s.active = nil
	}
	if c.seq == g.first {
		s.setAside(g)
		return
	}
	end, held := g.next, s.pending(g)
	g.next, g.size, g.safe = c.seq, c.off, min(g.safe, c.off)
	s.drop(held-s.pending(g), c.seq, end, g.from, g.to)
	if i := slices.Index(s.segs, g); i+1 < len(s.segs) {
		s.segs[i+1].gap += end - c.seq
	} else {
		s.gap += end - c.seq
	}
}

// setAside gives up the whole of g but keeps its file, unless there are enough such files.
func (s *Spool) setAside(g *segment) {
	s.giveUp(g)
	if !g.inMem && (s.stats.Bad > maxBad || s.fs.rename(g.name(), g.name()+badSuffix) != nil) {
		s.fs.remove(g.name())
	}
	s.names = true
}

// Rewind makes everything that is not durable ready to be leased again, after a reconnection or a post that failed.
func (s *Spool) Rewind() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rewind()
}

// rewind is Rewind for who holds mu.
func (s *Spool) rewind() {
	if g := s.cursor.seg; g != nil {
		s.cursor.seg = nil
		s.release(g)
	}
	s.cursor.sent = 0
	signal(s.ready)
}

// Ready returns about how much waits to be leased: records, and octets on disk. It counts what the next sync will bring.
func (s *Spool) Ready() (records uint64, octets int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := &s.cursor
	for _, g := range s.segs {
		from := max(g.first, g.done, c.sent)
		if from >= g.next {
			continue
		}
		records += g.next - from
		if c.seg == g {
			octets += g.size - c.off
		} else {
			octets += g.size - g.start()
		}
	}
	return records, octets
}

// Unacknowledged returns the epoch of the oldest record that was leased since Open or Rewind and is not durable.
func (s *Spool) Unacknowledged() (epoch uint64, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, g := range s.segs {
		if g.first >= s.cursor.sent {
			break
		}
		if max(g.done, g.first) < min(g.next, s.cursor.sent) {
			return g.epoch, true
		}
	}
	return 0, false
}

// Commit frees every segment whose records of epoch are all durable up to and including that sequence. What was never leased
// since Open is kept, whatever the collector says; the newest segment goes only once it has grown.
func (s *Spool) Commit(epoch, durable uint64) error {
	s.mu.Lock()
	done := min(durable, max(s.cursor.top, 1)-1) + 1
	for _, g := range s.segs {
		if g.epoch == epoch && done > g.first {
			before := s.pending(g)
			g.done = max(g.done, min(done, g.next))
			s.stats.Committed += before - s.pending(g)
		}
	}
	s.skips = slices.DeleteFunc(s.skips, func(r span) bool {
		return r.epoch == epoch && r.next <= done || len(s.segs) == 0 || r.next <= s.segs[0].first
	})
	free := !s.closed && s.freeable() > 0
	s.mu.Unlock()
	if !free {
		return nil
	}
	s.maint.Lock()
	defer s.maint.Unlock()
	// The floor comes first and keeps the numbering. Without it the files stay, and the next Commit tries again.
	if err := s.writeFloor(); err != nil {
		return err
	}
	s.removeSpent()
	return nil
}

// removeSpent unlinks what the floor on disk no longer needs. The caller holds maint.
func (s *Spool) removeSpent() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, g := range slices.Clone(s.segs[:s.freeable()]) {
		s.unlist(g)
		s.erase(g)
	}
}

// freeable returns how many segments may go. One that is durable before an older one, of another epoch, stays: what is missing
// between two segments is what was lost.
func (s *Spool) freeable() int {
	for i, g := range s.segs {
		if !g.spent() || g.empty() || g == s.active && g.size < freeActive {
			return i
		}
	}
	return len(s.segs)
}
