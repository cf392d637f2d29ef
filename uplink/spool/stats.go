package spool

import "time"

// Stats is what a Spool holds and has done. Counters that are not said to last begin anew with Open.
type Stats struct {
	Epoch   uint64
	Next    uint64 // the next record's sequence
	Durable uint64 // every sequence up to this one is durable at the collector or counted as dropped

	// Since Open, in records: Inherited + Appended = Committed + Discarded + Pending, always.
	Inherited uint64 // pending at Open; what was found missing then is here and in Discarded
	Appended  uint64
	Committed uint64 // became durable
	Discarded uint64 // dropped or quarantined
	Pending   uint64 // wait to become durable: counted in the segments, not by the events above

	Bytes       int64 // on disk
	Files       int
	MemoryBytes int
	Degraded    string // why the folder cannot be written and the queue goes on in memory; empty when all is well
	Unclean     bool   // the spool was not closed before this Open

	Dropped     uint64    // records given up: bounds, damage, lost memory; lasts
	Quarantined uint64    // records
	DroppedFrom time.Time // when the last run of adjacent discarded records was appended, to the segment; lasts
	DroppedTo   time.Time

	Bad     int   // segments found damaged, kept as *.bad
	Newer   int   // files of a newer version, kept as *.newer until their room is needed
	Foreign int   // segments of another host, kept as *.foreign
	Torn    int64 // octets cut off the end of the newest segment

	Syncs, SyncErrors, ReadErrors, WriteErrors uint64
}

// Stats returns the counters.
func (s *Spool) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.stats
	st.Epoch, st.Next = s.epoch, s.next
	st.Durable = s.next - 1 - s.gap
	for i, g := range s.segs {
		if i == 0 {
			st.Durable = max(g.done, g.first-g.unreportedGap()) - 1
		}
		st.Pending += s.pending(g)
		st.MemoryBytes += len(g.mem)
	}
	st.Newer = len(s.newer)
	st.Bytes, st.Files = s.usage()
	if s.degraded != nil {
		st.Degraded = s.degraded.Error()
	}
	return st
}

// pending returns how many records of g are neither durable nor quarantined.
func (s *Spool) pending(g *segment) uint64 {
	from := min(max(g.done, g.first), g.next)
	return g.next - from - s.quarantined(from, g.next)
}

// quarantined returns how many of the sequences [first, next) are set aside. Numbers are not given twice, whatever their epoch.
func (s *Spool) quarantined(first, next uint64) (n uint64) {
	for _, r := range s.skips {
		n += max(min(next, r.next), first) - min(max(first, r.first), next)
	}
	return n
}

// drop counts records given up; see discard.
func (s *Spool) drop(records, first, next uint64, from, to time.Time) {
	s.stats.Dropped += records
	s.discard(records, first, next, from, to)
}

// discard counts records that will not be delivered, of the sequences [first, next), appended between two times.
func (s *Spool) discard(records, first, next uint64, from, to time.Time) {
	if records == 0 {
		return
	}
	s.stats.Discarded += records
	st := &s.stats
	if first > s.lossEnd { // not next to what was lost before
		st.DroppedFrom, st.DroppedTo = from, to
	}
	if from.Before(st.DroppedFrom) {
		st.DroppedFrom = from
	}
	if to.After(st.DroppedTo) {
		st.DroppedTo = to
	}
	s.lossEnd = max(s.lossEnd, next)
}
