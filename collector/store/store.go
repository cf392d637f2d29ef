package store

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/uplink/wire"
	"github.com/gofrs/uuid/v5"
	"github.com/klauspost/compress/zstd"
)

// MaxPending is how many records wait for a commit at most: more are a reason to commit at once. It bounds the memory.
const MaxPending = 1 << 15

// maxHours is from how many hours on they are a reason too: each is a file, and a commit has an end. Agents' records are of a week at most.
const maxHours = 256

// Batch is a batch as the journal has it.
type Batch struct {
	Monitor     uuid.UUID
	Epoch       wire.Epoch
	First, Last uint64
	Dropped     uint64
	Received    time.Time
	Origin      string // Radium, Import; empty: an agent
	Body        []byte // zstd: an Argus stream
}

// How records came into the store that no agent has sent.
const (
	Radium = "radium" // from a sensor or a radium, as they were made
	Import = "import" // from a file, of any time
)

// Config is what a store needs besides its bucket. All of it may be left out.
type Config struct {
	ConnState func(*argus.Record) string // the column conn_state; nil leaves it empty
	// Account keeps a state for each monitor, which it gets back with the next evidence, and says what is missing. State and
	// rows become durable with the records. It is called in the order of the records and may not keep what it is lent.
	Account func(state []byte, e *Evidence) (next []byte, missing []Missing)
	// Keep is how long records stay; 0: for ever.
	Keep time.Duration
	// KeepBytes is what the shard's data files take at most, but for the latest hour; 0: as much as there is.
	KeepBytes int64
}

// Store is the writer of one shard of a bucket: the one that opened it last. Add and Commit are for one goroutine, the rest for any.
type Store struct {
	config   Config
	unzip    *zstd.Decoder
	manifest *manifest

	names   *names
	rows    []Row
	events  []EventRow
	gaps    []GapRow
	pending state // what the next commit adds
	waiting map[epochKey]behind
	hours   map[int64]bool // of rows
	hour    int64          // of the last of them
	stream  []byte

	unmerged map[string]bool // files that Compact leaves alone
}

// Open makes the caller the writer of a shard, which is empty when it was not there. Who was it before fails at its next commit.
// damaged counts objects of the manifest that could not be read. The caller closes b after the Store.
func Open(ctx context.Context, b Bucket, shard int, c Config) (s *Store, damaged int, err error) {
	s = &Store{config: c, names: newNames(), pending: newState(), waiting: map[epochKey]behind{}, hours: map[int64]bool{}, unmerged: map[string]bool{}}
	s.unzip, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxWindow(wire.MaxWindow), zstd.WithDecoderMaxMemory(wire.MaxDecompressed))
	if err == nil {
		s.manifest, damaged, err = openManifest(ctx, b, shard)
	}
	if err != nil {
		return nil, damaged, fmt.Errorf("open the store: %w", err)
	}
	return s, damaged, nil
}

// Close gives up what is not committed.
func (s *Store) Close() error {
	s.unzip.Close()
	s.manifest.settle() // files of a commit that has failed
	return nil
}

// Add takes the records of b that the store does not have. They are durable, and their watermark rises,
// with the next Commit. full asks for one now. An error is about b, of which the records before the damage are taken, or none
// when others must come before it: the store goes on.
func (s *Store) Add(b *Batch) (full bool, err error) {
	key := epochKey{b.Monitor, b.Epoch}
	mark := s.mark(key)
	if !mark.First.IsZero() && mark.Origin != b.Origin { // nobody takes the place of an agent's records
		return s.full(), fmt.Errorf("store: batch %s %s %d-%d of origin %q is of an epoch of origin %q", b.Monitor, b.Epoch, b.First, b.Last, b.Origin, mark.Origin)
	}
	if !s.follows(key, &mark, b) {
		return s.full(), fmt.Errorf("store: batch %s %s %d-%d leaves out what follows %d: waiting for the agent to send that, or this again",
			b.Monitor, b.Epoch, b.First, b.Last, mark.Sequence)
	}
	err = s.addRecords(key, &mark, b)
	if err != nil {
		err = fmt.Errorf("store: batch %s %s %d-%d: %w", b.Monitor, b.Epoch, b.First, b.Last, err)
	}
	return s.full(), err
}

func (s *Store) full() bool { return s.Pending() >= MaxPending || len(s.hours) >= maxHours }

// addRecords appends the rows of b above mark and raises it.
func (s *Store) addRecords(key epochKey, mark *Mark, b *Batch) (err error) {
	if s.stream, err = s.unzip.DecodeAll(b.Body, s.stream[:0]); err != nil {
		return err
	}
	evidence := Evidence{Monitor: b.Monitor, Epoch: b.Epoch, Received: b.Received, Previous: mark.Last, Sensor: b.Origin == Radium}
	if mark.First.IsZero() {
		mark.First, mark.Origin = b.Received, b.Origin
	}
	mark.Last = b.Received
	defer func() { s.pending.marks[key] = *mark }() // after an error too: rows were added
	base := Row{Monitor: s.names.text([]byte(b.Monitor.String())), Epoch: s.names.text([]byte(b.Epoch.String())), Received: b.Received.UnixMicro()}
	next, started := b.First, false
	for r, err := range argus.Records(s.stream) {
		switch {
		case err != nil:
			return err
		case !started: // the START record is not numbered
			started = true
			evidence.Sent = time.Unix(0, r.Management.Now)
			s.skip(key, mark, b, evidence)
			continue
		case next > mark.Sequence:
			base.Sequence = int64(next)
			if b.Origin == Import {
				base.Received = imported(r, b.Received)
			}
			s.add(&base, r)
			if r.Kind != argus.KindFlow && b.Origin != Import {
				evidence.Record = r
				s.account(&evidence)
			}
			mark.Sequence = next
			mark.Records++
		default:
			mark.Repeated++
		}
		next++
	}
	return nil
}

// imported returns when an imported record came to whoever made the file: nobody knows, and its end is the best guess.
func imported(r *argus.Record, now time.Time) int64 {
	_, last := r.Flow.Span()
	switch r.Kind {
	case argus.KindManagement:
		last = r.Management.Now
	case argus.KindEvent:
		last = r.Event.End
	}
	return min(micro(last), now.UnixMicro())
}

// add appends the row of one record; base has what the record does not say.
func (s *Store) add(base *Row, r *argus.Record) {
	if r.Kind == argus.KindFlow {
		s.rows = append(s.rows, *base)
		row := &s.rows[len(s.rows)-1]
		row.fill(r, s.names)
		if hour := row.hour(); hour != s.hour {
			s.hour, s.hours[hour] = hour, true
		}
		row.State = r.State()
		if s.config.ConnState != nil {
			row.ConnState = s.config.ConnState(r)
		}
		return
	}
	row := EventRow{Monitor: base.Monitor, Epoch: base.Epoch, Sequence: base.Sequence, Received: base.Received, Cause: uint8(r.Cause),
		Kind: "event", Interface: s.names.text(r.InterfaceName()), Raw: bytes.Clone(r.Raw),
		STime: micro(r.Event.Start), LTime: micro(r.Event.End), Text: strings.ToValidUTF8(string(r.Event.Data), "\uFFFD")}
	if r.Kind == argus.KindManagement {
		row.Kind, row.STime, row.LTime = "status", micro(r.Management.Start), micro(r.Management.Now)
	}
	s.events = append(s.events, row)
}

// mark returns how far an epoch has come, what is pending included.
func (s *Store) mark(key epochKey) Mark {
	if m, ok := s.pending.marks[key]; ok {
		return m
	}
	s.manifest.mu.RLock()
	defer s.manifest.mu.RUnlock()
	if m, ok := s.manifest.committed.marks[key]; ok {
		return m
	}
	return Mark{Monitor: key.Monitor, Epoch: key.Epoch}
}

// Commit makes durable what was added. After an error nothing of it counts, and the store takes nothing more: the caller opens
// it again and adds all again from the journal. ErrFenced: another writer has the shard.
func (s *Store) Commit(ctx context.Context) error {
	if len(s.pending.marks) == 0 {
		return nil
	}
	files, err := s.write(ctx)
	if err == nil {
		e := s.pending.entry()
		e.Files = files
		err = s.manifest.commit(ctx, e)
	}
	if err != nil {
		s.manifest.fail(err)
		return fmt.Errorf("store commit: %w", err)
	}
	s.rows, s.events, s.gaps, s.pending, s.names = s.rows[:0], s.events[:0], s.gaps[:0], newState(), newNames()
	s.hour = 0
	clear(s.hours)
	return nil
}

// Pending returns how many records wait for Commit. It is for the goroutine that adds.
func (s *Store) Pending() int { return len(s.rows) + len(s.events) }

// files returns the data files that count now. The caller does not change the list.
func (s *Store) files() []File {
	s.manifest.mu.RLock()
	defer s.manifest.mu.RUnlock()
	return slices.Clip(s.manifest.committed.files)
}

// Watermark returns the sequence up to which every record of an epoch is in the store or known to be lost.
func (s *Store) Watermark(monitor uuid.UUID, epoch wire.Epoch) uint64 {
	s.manifest.mu.RLock()
	defer s.manifest.mu.RUnlock()
	return s.manifest.committed.marks[epochKey{monitor, epoch}].Sequence
}

// Marks returns all watermarks, by monitor and then by the time of the first batch.
func (s *Store) Marks() []Mark {
	s.manifest.mu.RLock()
	defer s.manifest.mu.RUnlock()
	return s.manifest.committed.sortedMarks()
}

// hourOf returns the partition of a record: the hour of its first packet, or that of its arrival
// when the agent's clock cannot be right.
func hourOf(stime, received int64) int64 {
	const week, hour = int64(7 * 24 * time.Hour / time.Microsecond), int64(time.Hour / time.Microsecond)
	if stime > received+hour || stime < received-week {
		stime = received
	}
	return stime - stime%hour
}
