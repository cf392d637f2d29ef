package spool

import "os"

// Resume compares the spool with what the collector says of an epoch. If the collector has records that the spool had not made
// when it was opened, and that it has not sent since, the folder went back in time (a snapshot, a copy): the numbers
// given since are someone else's. Resume then gives what was appended since Open and is still here a new epoch, makes it ready to be
// leased again, and reports true: a collector that has more than was sent has thrown all of that away as known.
func (s *Spool) Resume(epoch, durable uint64) (rolledBack bool) {
	s.maint.Lock()
	defer s.maint.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if epoch != s.epoch || durable < s.base || durable < s.cursor.top {
		return false
	}
	s.rewind()
	s.cursor.top = s.base // nothing was sent in the new epoch
	old := s.epoch
	s.epoch = randomEpoch()
	s.floorOld = true
	for _, g := range s.segs {
		if g.fresh && g.epoch == old {
			s.relabel(g)
		}
	}
	for i := range s.skips {
		if s.skips[i].epoch == old && s.skips[i].first >= s.base {
			s.skips[i].epoch = s.epoch
		}
	}
	signal(s.kick)
	return true
}

// relabel gives a segment the spool's epoch.
func (s *Spool) relabel(g *segment) {
	g.epoch = s.epoch
	if g.inMem {
		return
	}
	if s.cursor.seg == g {
		s.cursor.seg = nil
	}
	if g.f == nil {
		f, err := s.fs.open(g.name(), os.O_RDWR)
		if err != nil {
			s.stats.WriteErrors++
			return
		}
		g.f = f
	}
	if _, err := g.f.WriteAt(g.header(), 0); err != nil {
		s.stats.WriteErrors++
	}
	g.safe = 0 // not to be leased before the new header is on disk
}
