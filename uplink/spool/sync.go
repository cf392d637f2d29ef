package spool

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"
)

// Run syncs what was appended, at most once a second or for every 64 KiB, and tries again to use a folder that failed.
// It sleeps while there is nothing new, and returns when ctx ends; Close then syncs what is left.
func (s *Spool) Run(ctx context.Context) error {
	var due <-chan time.Time
	patient := false // due is that of another try, which nothing new should wait for
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-s.kick:
			if !s.pressing() {
				if due == nil || patient && s.fresh() {
					due, patient = time.After(syncInterval), false
				}
				continue
			}
		case <-due:
		}
		due = nil
		begun := time.Now()
		s.Sync() // what fails is counted and tried again
		wait := s.wait(begun)
		if patient = wait == retryInterval; wait > 0 {
			due = time.After(wait)
		}
	}
}

// wait returns the time until the next Sync after the one begun then, 0 when there is nothing to do. What was appended while that one
// worked is not in it, and waits for no more than a second either.
func (s *Spool) wait(begun time.Time) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.unsynced() > 0:
		return max(syncInterval-time.Since(begun), time.Millisecond)
	case s.degraded != nil || s.floorOld:
		return retryInterval
	}
	return 0
}

// fresh tells whether something was appended that a sync would take to the disk.
func (s *Spool) fresh() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.unsynced() > 0
}

func (s *Spool) pressing() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.degraded == nil && s.unsynced() >= syncBytes
}

// Sync makes durable what was appended before the call, and ready for Lease. When nothing is new it does nothing.
// After a failure the segment is closed and another one begun; while the folder is not usable Sync tries to get it back.
func (s *Spool) Sync() error {
	s.maint.Lock()
	defer s.maint.Unlock()
	err := s.recover()
	for range 2 { // a failed sync makes a new segment, which needs a sync too
		again, e := s.syncOnce()
		err = errors.Join(err, e)
		if !again {
			break
		}
	}
	s.mu.Lock()
	writeFloor := s.floorOld && s.degraded == nil && !s.closed
	s.mu.Unlock()
	if writeFloor {
		err = errors.Join(err, s.writeFloor())
	}
	return err
}

// work is a segment to sync up to size.
type work struct {
	g    *segment
	f    file
	size int64
	err  error
}

func (s *Spool) syncOnce() (again bool, err error) {
	todo, names := s.collect()
	if len(todo) == 0 {
		return false, nil
	}
	var folder error
	if last := todo[len(todo)-1].g; !s.present(last) {
		folder = fmt.Errorf("%s has vanished: %w", last.name(), fs.ErrNotExist)
	} else if names {
		folder = s.fs.syncDir()
	}
	for i := range todo {
		if todo[i].err = folder; folder == nil {
			todo[i].err = todo[i].f.sync()
		}
	}
	return s.settle(todo)
}

// collect marks and returns the segments that need a sync, and whether the folder needs one.
func (s *Spool) collect() (todo []work, names bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.degraded != nil || s.o.skipSync {
		return nil, false
	}
	for _, g := range s.segs {
		if g.dirty() && g.f != nil {
			g.syncing = true
			todo = append(todo, work{g: g, f: g.f, size: g.size})
		}
	}
	names = s.names
	s.names = s.names && len(todo) == 0
	return todo, names
}

func (s *Spool) present(g *segment) bool {
	s.mu.Lock()
	gone := g.gone
	s.mu.Unlock()
	if gone {
		return true
	}
	f, err := s.fs.open(g.name(), os.O_RDONLY)
	if err == nil {
		f.Close()
	}
	return !errors.Is(err, fs.ErrNotExist)
}

// settle records what the syncs gave. It reports whether a new segment was begun.
func (s *Spool) settle(todo []work) (again bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	good := false
	for _, w := range todo {
		w.g.syncing = false
		switch {
		case w.err == nil:
			w.g.safe = max(w.g.safe, w.size)
			good = true
			s.stats.Syncs++
		case !w.g.gone:
			s.failed(w)
			again = true
			fallthrough
		default:
			s.stats.SyncErrors++
			err = fmt.Errorf("sync %s: %w", w.g.name(), w.err)
		}
		s.release(w.g)
	}
	if again && s.degraded == nil && s.active == nil {
		if e := s.create(); e != nil {
			s.degrade(e)
		}
	}
	if good {
		s.trustDoubtful()
		signal(s.ready)
	}
	return again && s.degraded == nil, err
}

// failed closes a segment whose sync failed: a second sync would say nothing about the first.
func (s *Spool) failed(w work) {
	w.g.doubt = true
	s.names = true
	if errors.Is(w.err, fs.ErrNotExist) {
		s.rescue(w.g)
		if s.degraded == nil {
			s.degrade(w.err)
		}
	}
	if s.active == w.g {
		s.seal()
	}
}

// rescue takes a segment whose name has vanished into memory while its file is still open.
func (s *Spool) rescue(g *segment) {
	if g.f == nil || g.size == headerSize {
		return
	}
	mem := make([]byte, g.size-headerSize)
	if _, err := g.f.ReadAt(mem, headerSize); err != nil {
		return
	}
	if s.cursor.seg == g {
		s.cursor.seg = nil
	}
	if s.active == g {
		s.active = nil
	}
	g.f.Close()
	g.f, g.mem, g.inMem, g.doubt = nil, mem, true, false
	g.size = int64(len(mem))
	g.safe = g.size
}

// trustDoubtful lets segments be leased whose sync failed, once a later one is on disk: their numbers cannot be given again,
// and their frames carry checksums.
func (s *Spool) trustDoubtful() {
	later := false
	for i := len(s.segs) - 1; i >= 0; i-- {
		g := s.segs[i]
		if g.doubt && later {
			g.safe = g.size
		}
		later = later || !g.inMem && !g.doubt && g.safe > 0
	}
}

// recover gets the folder back and puts on disk what was taken into memory. The caller holds maint.
func (s *Spool) recover() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.degraded == nil || s.closed {
		return nil
	}
	if err := s.fs.reopen(); err != nil {
		s.degraded = err
		return err
	}
	s.seal()
	for _, g := range s.segs {
		if g.inMem {
			if err := s.persist(g); err != nil {
				s.degraded = err
				return err
			}
		}
	}
	if err := s.create(); err != nil {
		s.degraded = err
		return err
	}
	s.degraded, s.floorOld = nil, true
	return nil
}

// persist writes a segment in memory to disk.
func (s *Spool) persist(g *segment) error {
	f, err := s.newFile(g)
	if err != nil {
		return err
	}
	if _, err := f.WriteAt(g.mem, headerSize); err != nil {
		f.Close()
		s.fs.remove(g.name())
		return err
	}
	if s.cursor.seg == g {
		s.cursor.seg = nil
	}
	g.f, g.mem, g.inMem, g.safe = f, nil, false, 0
	g.size += headerSize
	return nil
}
