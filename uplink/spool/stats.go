package spool

import "time"

// Stats is what a Spool holds and has done. Counters that are not said to last begin anew with Open.
type Stats struct {
	Epoch   uint64
	Next    uint64 // the next record's sequence
	Durable uint64 // every sequence up to this one is durable at the collector or counted as dropped
	Pending uint64 // records in the queue that are not durable

	Bytes       int64 // on disk
	Files       int
	MemoryBytes int
	Degraded    string // why the folder cannot be written and the queue goes on in memory; empty when all is well
	Unclean     bool   // the spool was not closed before this Open

	Appended    uint64    // records
	Dropped     uint64    // records given up: bounds, damage, lost memory; lasts
	DroppedFrom time.Time // the time of the appends among which the dropped ones were; lasts
	DroppedTo   time.Time
	Quarantined uint64 // records

	Bad     int   // segments found damaged, kept as *.bad
	Newer   int   // segments of a newer version, kept as *.newer
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
		st.Pending += g.next - min(max(g.done, g.first), g.next)
		st.MemoryBytes += len(g.mem)
	}
	st.Bytes, st.Files = s.usage()
	if s.degraded != nil {
		st.Degraded = s.degraded.Error()
	}
	return st
}
