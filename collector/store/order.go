package store

import "time"

// behind is the first batch that came behind a gap which no agent has reported.
type behind struct {
	first    uint64
	received time.Time
}

// follows tells whether the watermark may pass to b. The agent reports what it has to drop. When anything else is missing, the
// journal may have lost what it had taken, and the agent still has it: it sends all again that is not durable, in order, after
// a new connection or ten minutes. If that begins behind the same gap, nobody has what is missing.
func (s *Store) follows(key epochKey, mark *Mark, b *Batch) bool {
	from := b.First - min(b.Dropped, b.First)
	fresh := mark.Records == 0 && mark.Lost == 0 // an epoch may begin anywhere
	w, waiting := s.waiting[key]
	if fresh || from <= mark.Sequence+1 || waiting && from <= w.first && b.Received.After(w.received) {
		delete(s.waiting, key)
		return true
	}
	if !waiting {
		s.waiting[key] = behind{b.First, b.Received}
	}
	return false
}

// skip raises mark over what is missing before b, and notes it.
func (s *Store) skip(key epochKey, mark *Mark, b *Batch, e Evidence) {
	if b.First <= mark.Sequence+1 {
		return
	}
	// Before the first batch ever there is no gap, except for what the agent reports.
	gap := Gap{Monitor: b.Monitor, Epoch: b.Epoch, First: mark.Sequence + 1, Last: b.First - 1, Noticed: b.Received}
	if mark.Records == 0 && mark.Lost == 0 {
		gap.First = b.First - min(b.Dropped, b.First-1)
	}
	if gap.First <= gap.Last {
		gap.Reported = min(b.Dropped, gap.Last-gap.First+1)
		mark.Lost += gap.Last - gap.First + 1
		e.Gap = &gap
		s.account(&e)
	}
	mark.Sequence = b.First - 1
}
