package store

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/uplink/wire"
	"github.com/gofrs/uuid/v5"
	"github.com/klauspost/compress/zstd"
)

// MaxPending is how many records wait for a commit at most: more are a reason to commit at once. It bounds the memory.
const MaxPending = 1 << 15

// Batch is a batch as the journal has it.
type Batch struct {
	Monitor     uuid.UUID
	Epoch       wire.Epoch
	First, Last uint64
	Dropped     uint64
	Received    time.Time
	Body        []byte // zstd: an Argus v5 stream
}

// Config is what a store needs besides its folder.
type Config struct {
	State     func(*argus.Record) string // the column state; nil leaves it empty
	ConnState func(*argus.Record) string // the column conn_state; nil leaves it empty
}

// Store is the writer of a folder; there may be one. Add and Commit are for one goroutine, the rest for any.
type Store struct {
	root     *os.Root
	config   Config
	unzip    *zstd.Decoder
	manifest *manifest
	fail     func(point string) error // tests stop a commit there

	names   *names
	rows    []Row
	events  []EventRow
	pending state // what the next commit adds
	waiting map[epochKey]behind
	stream  []byte

	mu        sync.RWMutex // guards committed
	committed state
}

// Open opens the store in the folder dir, makes it when there is none, and puts right what a crash left behind.
// damaged counts lines of the manifest that could not be read.
func Open(dir string, c Config) (s *Store, damaged int, err error) {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, 0, fmt.Errorf("store: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, 0, fmt.Errorf("store: %w", err)
	}
	s = &Store{root: root, config: c, fail: func(string) error { return nil }, names: newNames(), pending: newState(), waiting: map[epochKey]behind{}}
	s.unzip, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxWindow(wire.MaxWindow), zstd.WithDecoderMaxMemory(wire.MaxDecompressed))
	if err == nil {
		s.committed, damaged, err = readManifest(root)
	}
	if err == nil {
		s.manifest, err = rewrite(root, &s.committed)
	}
	if err == nil {
		err = s.removeOrphans()
	}
	if err != nil {
		root.Close()
		return nil, damaged, fmt.Errorf("store in %s: %w", dir, err)
	}
	return s, damaged, nil
}

// Close gives up what is not committed.
func (s *Store) Close() error {
	s.unzip.Close()
	return errors.Join(s.manifest.file.Close(), s.root.Close())
}

// removeOrphans removes the data files that the manifest does not name.
func (s *Store) removeOrphans() error {
	named := map[string]bool{}
	for _, f := range s.committed.files {
		named[f.Name] = true
	}
	return fs.WalkDir(s.root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(name, ".parquet") || named[name] {
			return err
		}
		return s.root.Remove(name)
	})
}

// Add takes the records of b that the store does not have. They are durable, and their watermark rises,
// with the next Commit. full asks for one now. An error is about b, of which the records before the damage are taken, or none
// when others must come before it: the store goes on.
func (s *Store) Add(b *Batch) (full bool, err error) {
	key := epochKey{b.Monitor, b.Epoch}
	mark := s.mark(key)
	if !s.follows(key, &mark, b) {
		return s.Pending() >= MaxPending, fmt.Errorf("store: batch %s %s %d-%d leaves out what follows %d: waiting for the agent to send that, or this again",
			b.Monitor, b.Epoch, b.First, b.Last, mark.Sequence)
	}
	s.skip(key, &mark, b)
	if mark.First.IsZero() {
		mark.First = b.Received
	}
	mark.Last = b.Received
	err = s.addRecords(b, &mark)
	s.pending.marks[key] = mark // after an error too: rows were added
	if err != nil {
		err = fmt.Errorf("store: batch %s %s %d-%d: %w", b.Monitor, b.Epoch, b.First, b.Last, err)
	}
	return s.Pending() >= MaxPending, err
}

// addRecords appends the rows of b above mark and raises it.
func (s *Store) addRecords(b *Batch, mark *Mark) (err error) {
	if s.stream, err = s.unzip.DecodeAll(b.Body, s.stream[:0]); err != nil {
		return err
	}
	base := Row{Monitor: s.names.text([]byte(b.Monitor.String())), Epoch: s.names.text([]byte(b.Epoch.String())), Received: b.Received.UnixMicro()}
	next, started := b.First, false
	for r, err := range argus.Records(s.stream) {
		switch {
		case err != nil:
			return err
		case !started: // the START record is not numbered
			started = true
			continue
		case next > mark.Sequence:
			base.Sequence = int64(next)
			s.add(&base, r)
			mark.Sequence = next
			mark.Records++
		default:
			mark.Repeated++
		}
		next++
	}
	return nil
}

// add appends the row of one record; base has what the record does not say.
func (s *Store) add(base *Row, r *argus.Record) {
	if r.Kind == argus.KindFlow {
		s.rows = append(s.rows, *base)
		row := &s.rows[len(s.rows)-1]
		row.fill(r, s.names)
		if s.config.State != nil {
			row.State = s.config.State(r)
		}
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
	s.mu.RLock()
	defer s.mu.RUnlock()
	if m, ok := s.committed.marks[key]; ok {
		return m
	}
	return Mark{Monitor: key.monitor, Epoch: key.epoch}
}

// Commit makes durable what was added. After an error nothing of it is: the store gives it up, and the caller opens
// it again and adds it again from the journal.
func (s *Store) Commit() error {
	if len(s.pending.marks) == 0 {
		return nil
	}
	files, err := s.write()
	if err == nil {
		err = s.fail("data written")
	}
	e := s.pending.snapshot()
	e.Files = files
	if err == nil {
		err = s.manifest.append(e, s.fail)
	}
	if err != nil {
		return fmt.Errorf("store commit: %w", err)
	}
	s.mu.Lock()
	s.committed.apply(e)
	s.mu.Unlock()
	s.rows, s.events, s.pending, s.names = s.rows[:0], s.events[:0], newState(), newNames()
	if s.manifest.large() {
		fresh, err := rewrite(s.root, &s.committed)
		if err != nil {
			return fmt.Errorf("store commit: %w", err)
		}
		old := s.manifest
		s.manifest = fresh
		return old.file.Close()
	}
	return nil
}

// Pending returns how many records wait for Commit. It is for the goroutine that adds.
func (s *Store) Pending() int { return len(s.rows) + len(s.events) }

// Watermark returns the sequence up to which every record of an epoch is in the store or known to be lost.
func (s *Store) Watermark(monitor uuid.UUID, epoch wire.Epoch) uint64 {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.committed.marks[epochKey{monitor, epoch}].Sequence
}

// Marks returns all watermarks, by monitor and then by the time of the first batch.
func (s *Store) Marks() []Mark {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.committed.sortedMarks()
}

func (s *state) sortedMarks() []Mark {
	var list []Mark
	for _, m := range s.marks {
		list = append(list, m)
	}
	slices.SortFunc(list, func(a, b Mark) int {
		return cmp.Or(bytes.Compare(a.Monitor[:], b.Monitor[:]), a.First.Compare(b.First), cmp.Compare(a.Epoch, b.Epoch))
	})
	return list
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

func partition(table string, hour int64) (dir string, at time.Time) {
	at = time.UnixMicro(hour).UTC()
	return path.Join(table, "hour="+at.Format("2006-01-02T15")), at
}
