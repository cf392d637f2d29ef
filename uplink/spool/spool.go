package spool

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sync"
	"time"
)

// Options bounds a Spool. The zero value of a field stands for its default.
type Options struct {
	MaxBytes     int64  // octets on disk, 256 MiB: about 12 h at 100 records/s, 5 days at 10/s
	MaxFiles     int    // segments, 512
	MinFree      uint64 // octets that others keep on the file system, 64 MiB: the spool gives way
	SegmentBytes int64  // octets of a segment, 1/64 of MaxBytes between 64 KiB and 1 MiB
	MemoryBytes  int    // octets of the queue in memory while the folder cannot be written, 2 MiB
	Host         string // who this host is: a spool of another host is set aside (a cloned image)

	fs       fsys // tests put a failing one here
	skipSync bool // mutant for tests: what was never synced is called safe
}

const (
	syncBytes     = 64 << 10        // new octets after which Run does not wait for syncInterval
	syncInterval  = time.Second     // longest time from Append to sync
	retryInterval = 5 * time.Second // between attempts to use a folder that failed
	freeActive    = 64 << 10        // octets from which a durable newest segment is freed too
	memSegment    = 128 << 10
)

func (o Options) withDefaults() Options {
	set := func(v *int64, d int64) {
		if *v <= 0 {
			*v = d
		}
	}
	set(&o.MaxBytes, 256<<20)
	set(&o.SegmentBytes, min(max(o.MaxBytes/64, 64<<10), 1<<20))
	if o.MaxFiles <= 0 {
		o.MaxFiles = 512
	}
	if o.MinFree == 0 {
		o.MinFree = 64 << 20
	}
	if o.MemoryBytes <= 0 {
		o.MemoryBytes = 2 << 20
	}
	return o
}

func randomEpoch() uint64 {
	var b [8]byte
	for {
		rand.Read(b[:]) // never fails since Go 1.24
		if e := binary.LittleEndian.Uint64(b[:]); e != 0 {
			return e
		}
	}
}

// Spool is a durable queue of records. All methods may be called from any goroutine.
type Spool struct {
	o     Options
	fs    fsys
	owner uint64
	ready chan struct{} // something can be leased
	kick  chan struct{} // Run has something to do

	maint sync.Mutex // serialises the slow work (sync, floor, unlink, quarantine); taken before mu, never by Append

	mu       sync.Mutex // guards all below, held for memory and page cache only
	segs     []*segment // in the order of their sequences
	active   *segment   // the last one, while it takes appends; nil: the next append makes one
	epoch    uint64
	next     uint64 // the next record's sequence
	base     uint64 // next when the spool was opened
	gap      uint64 // goes before the next new segment
	frame    []byte // reused by Append
	names    bool   // files were made or removed since the folder was last synced
	floorOld bool   // the floor file must be written again
	degraded error  // why the folder cannot be written; nil when it can
	closed   bool
	cursor   cursor
	skips    []span        // quarantined, in order, none overlaps another
	newer    []fs.FileInfo // of a newer version, in order
	lossEnd  uint64        // the sequence after what was discarded last
	stats    Stats
}

// span is a range of sequences [first, next) of an epoch.
type span struct{ epoch, first, next uint64 }

var errClosed = errors.New("spool is closed")

// Epoch returns the epoch of the records that are appended now.
func (s *Spool) Epoch() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.epoch
}

// Wait returns a channel that gives a value after something has become ready for Lease.
func (s *Spool) Wait() <-chan struct{} { return s.ready }

// Append adds a block of count encoded records and gives them the next sequences: number is called once with the
// spool's copy of the block and the sequence of its first record, and writes them in; nil leaves the block as it is.
// A block is at most 1 MiB. Append returns without waiting for the disk's cache; an error means that the block is not in the
// queue, which with a sound block happens only after Close: what does not fit pushes out the oldest, and is counted.
func (s *Spool) Append(records []byte, count int, number func(records []byte, first uint64)) error {
	if count <= 0 || count > len(records) || len(records) > maxFrame {
		return fmt.Errorf("spool: a block of %d records in %d octets; want at least one and at most %d octets", count, len(records), maxFrame)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return errClosed
	}
	frame, body := appendFrame(s.frame[:0], s.next, count, records)
	s.frame = frame[:0]
	if number != nil {
		number(body, s.next)
	}
	sealFrame(frame)
	before := s.unsynced()
	g := s.write(frame)
	g.size += int64(len(frame))
	g.next += uint64(count)
	g.to = time.Now()
	s.next = g.next
	s.stats.Appended += uint64(count)
	switch after := s.unsynced(); {
	case g.inMem:
		g.safe = g.size
		signal(s.ready)
		signal(s.kick)
	case before == 0 || before < syncBytes && after >= syncBytes:
		signal(s.kick)
	}
	return nil
}

// unsynced returns the octets of the newest segment that are not on disk for certain.
func (s *Spool) unsynced() int64 {
	if s.active == nil || s.active.inMem {
		return 0
	}
	return s.active.size - max(s.active.safe, headerSize)
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// write puts a frame at the end of the queue and returns its segment, whose size and next the caller raises.
func (s *Spool) write(frame []byte) *segment {
	for range 3 {
		if s.degraded != nil {
			break
		}
		if err := s.makeRoom(int64(len(frame))); err != nil {
			if !isFull(err) || s.dropOldest(true) == 0 {
				s.degrade(err)
			}
			continue
		}
		_, err := s.active.f.WriteAt(frame, s.active.size)
		if err == nil {
			return s.active
		}
		s.stats.WriteErrors++
		s.active.f.Truncate(s.active.size)
		s.seal()
		if isFull(err) {
			s.dropOldest(true)
		}
	}
	if s.degraded == nil {
		s.degrade(errors.New("three attempts to write a block failed"))
	}
	return s.writeMemory(frame)
}

// Close syncs, writes the floor and closes the files. What is only in memory is lost and counted in the last Stats.
func (s *Spool) Close() error {
	err := s.Sync()
	s.maint.Lock()
	defer s.maint.Unlock()
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	s.seal()
	for _, g := range slices.Clone(s.segs) {
		if g.inMem {
			s.giveUp(g)
		} else if g.f != nil {
			g.f.Close()
			g.f = nil
		}
	}
	degraded := s.degraded
	s.mu.Unlock()
	if degraded == nil {
		if e := s.writeFloor(); e != nil {
			err = errors.Join(err, e)
		} else {
			s.removeSpent()
		}
	}
	return errors.Join(err, s.fs.close())
}
