package store

import "time"

// behind is the first batch that came behind a gap which no agent has reported.
type behind struct {
	first    uint64
	received time.Time
}

// sentAgain is how much later than the first batch behind a gap one must have arrived to show that nobody has what is missing. The journal
// takes a batch of the same identity but once in two minutes: who sends all again earlier may be told that what is missing is there, when
// it was there and got lost, or was left out behind a gap itself.
const sentAgain = 3 * time.Minute

// follows tells whether the watermark may pass to b. The agent reports what it has to drop. When anything else is missing, the
// journal may have lost what it had taken, and the agent still has it: it sends all again that is not durable, in order, after
// a new connection or ten minutes. If that begins behind the same gap after sentAgain, nobody has what is missing.
func (s *Store) follows(key epochKey, mark *Mark, b *Batch) bool {
	from := b.First - min(b.Dropped, b.First)
	fresh := mark.Records == 0 && mark.Lost == 0 && b.Origin != Import // an epoch may begin anywhere, a file not
	w, waiting := s.waiting[key]
	if fresh || from <= mark.Sequence+1 || b.Origin == Radium || // which nobody sends again
		waiting && from <= w.first && !b.Received.Before(w.received.Add(sentAgain)) {
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
