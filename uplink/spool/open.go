package spool

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"slices"
	"sort"
	"strings"
	"time"
)

const (
	maxBad        = 16 // files of the two below that are kept for a look
	badSuffix     = ".bad"
	foreignSuffix = ".foreign"
	newerSuffix   = ".newer"
)

// Open opens the spool in a folder, which it makes if it is missing. It refuses a folder that is a symbolic link, belongs to
// another user or may be written by others; one that cannot be used now gives a spool in memory (Stats.Degraded).
// Whatever the files hold, Open succeeds: it keeps what is sound, sets aside the rest and counts it.
func Open(dir string, o Options) (*Spool, error) {
	s := &Spool{o: o.withDefaults(), fs: o.fs, owner: ownerOf(o.Host), ready: make(chan struct{}, 1), kick: make(chan struct{}, 1), next: 1}
	if s.fs == nil {
		d, err := openDir(dir)
		s.fs = d
		if errors.Is(err, errRefused) {
			return nil, err
		}
		s.degraded = err
	}
	s.epoch = randomEpoch()
	if s.degraded == nil {
		s.degraded = s.load()
	}
	s.base = s.next
	if s.degraded == nil {
		s.degraded = s.writeFloor()
	}
	if s.degraded != nil {
		s.degrade(s.degraded)
	}
	signal(s.ready)
	return s, nil
}

// load reads the floor and the segments.
func (s *Spool) load() error {
	files, err := s.fs.list(".")
	if err != nil {
		return err
	}
	fl, known := s.readFloor()
	doubt := !known
	if known && fl.Host != s.o.Host {
		known, doubt = false, true
	}
	if known {
		s.epoch, s.next = fl.Epoch, fl.Next
		s.stats.Unclean = fl.Running
		s.stats.Dropped, s.stats.DroppedFrom, s.stats.DroppedTo = fl.Dropped, fl.DroppedFrom, fl.DroppedTo
	} else if fl.Next > 0 {
		s.next = fl.Next
	}
	newest, whole := s.loadSegments(files)
	if known {
		s.forget(fl.Accounted)
	}
	if n := len(s.segs); n > 0 && s.segs[n-1].next > s.next {
		s.next = s.segs[n-1].next
	}
	// A number may have been used that nothing on disk tells of any more.
	if doubt && len(files) > 0 || newest < fl.Newest || !whole {
		s.epoch = randomEpoch()
	} else if n := len(s.segs); n > 0 && s.segs[n-1].first > fl.Newest {
		s.epoch = s.segs[n-1].epoch
	}
	s.account(fl, known)
	return s.keepFew()
}

// loadSegments takes over every sound segment, in order. It returns the first sequence of the newest one that was whole, and
// whether there is none after it.
func (s *Spool) loadSegments(files []fs.FileInfo) (newest uint64, last bool) {
	sort.Slice(files, func(i, j int) bool { return files[i].Name() < files[j].Name() })
	end := ""
	for _, f := range files {
		if _, ok := parseName(f.Name()); ok {
			end = f.Name()
		}
	}
	var buf []byte
	reached := uint64(1)
	last = true
	for _, f := range files {
		first, ok := parseName(f.Name())
		if !ok {
			continue
		}
		s.next = max(s.next, first) // the name alone says that numbers up to here were given
		var g *segment
		g, buf, last = s.loadSegment(f, first, reached, f.Name() == end, buf)
		if g != nil {
			s.segs = append(s.segs, g)
			reached = g.next
		}
		if last {
			newest = first
		}
	}
	return newest, last
}

// loadSegment reads one file and returns its sound part, nil when there is none, and whether all of it was sound.
// The file is set aside, cut or removed as it deserves.
func (s *Spool) loadSegment(info fs.FileInfo, first, reached uint64, last bool, buf []byte) (g *segment, _ []byte, whole bool) {
	if last && info.Size() == 0 { // made just before a power cut
		s.fs.remove(info.Name())
		return nil, buf, false
	}
	f, err := s.fs.open(info.Name(), os.O_RDWR)
	if err != nil {
		s.stats.ReadErrors++
		return nil, buf, false
	}
	defer f.Close()
	g, buf, err = scan(f, info.Size(), buf)
	switch {
	case errors.Is(err, errNewer):
		s.fs.rename(info.Name(), info.Name()+newerSuffix)
		return nil, buf, false
	case g != nil && g.owner != s.owner:
		s.stats.Foreign++
		s.fs.rename(info.Name(), info.Name()+foreignSuffix)
		return nil, buf, false
	case g == nil || g.first != first || first < reached || g.empty() && err != nil && !(last && errors.Is(err, errTorn)):
		s.stats.Bad++
		s.fs.rename(info.Name(), info.Name()+badSuffix)
		return nil, buf, false
	}
	if err != nil {
		s.cut(f, g, info, last && errors.Is(err, errTorn))
	}
	if g.empty() {
		s.fs.remove(info.Name())
		return nil, buf, err == nil
	}
	g.safe, g.to = g.size, info.ModTime()
	return g, buf, err == nil
}

// cut ends a file where its sound part ends. A torn end of the newest segment is what a power cut leaves; anything else is kept as *.bad.
func (s *Spool) cut(f file, g *segment, info fs.FileInfo, torn bool) {
	if torn {
		s.stats.Torn += info.Size() - g.size
	} else {
		s.stats.Bad++
		s.copyOut(f, g.size, info)
	}
	if f.Truncate(g.size) != nil || f.sync() != nil { // or the tail would come back with the next power cut
		s.stats.WriteErrors++
	}
}

func (s *Spool) copyOut(f file, from int64, info fs.FileInfo) {
	rest := make([]byte, min(info.Size()-from, 2*maxFrame))
	if n, err := f.ReadAt(rest, from); err != nil && err != io.EOF || n == 0 {
		return
	}
	out, err := s.fs.open(info.Name()+badSuffix, os.O_WRONLY|os.O_CREATE|os.O_TRUNC)
	if err != nil {
		return
	}
	out.WriteAt(rest, 0)
	out.Close()
}

// forget removes what was freed before a power cut that took the unlink back.
func (s *Spool) forget(accounted uint64) {
	s.segs = slices.DeleteFunc(s.segs, func(g *segment) bool {
		if g.next > accounted {
			return false
		}
		s.fs.remove(g.name())
		return true
	})
}

// account works out what is durable, what is missing and what is inherited.
func (s *Spool) account(fl floor, known bool) {
	var before time.Time // of the last append before
	var lost loss
	expect := uint64(0)
	if known {
		expect = fl.Accounted
		for _, r := range fl.Skipped {
			s.skips = append(s.skips, span{r.Epoch, r.First, r.Next})
		}
	}
	kept := s.segs[:0]
	for _, g := range s.segs {
		for _, m := range fl.Durable {
			if known && m.Epoch == g.epoch && m.Next > g.first {
				g.done = min(m.Next, g.next)
			}
		}
		if expect > 0 && g.first > expect {
			g.gap = g.first - expect
			lost.add(g.unreportedGap(), before, g.from)
		}
		expect, before = g.next, g.to
		if g.spent() && len(kept) == 0 {
			s.fs.remove(g.name()) // the floor was written, the unlink was not
			continue
		}
		kept = append(kept, g)
	}
	s.segs = kept
	if expect > 0 && s.next > expect {
		s.gap = s.next - expect
		lost.add(s.gap, before, time.Now())
	}
	if lost.records > fl.Missing { // what was missing when the floor was written is counted in it
		s.drop(lost.records-fl.Missing, fl.Accounted, s.next, lost.from, lost.to)
	}
	s.stats.Inherited = s.stats.Discarded
	for _, g := range s.segs {
		s.stats.Inherited += s.pending(g)
	}
}

// loss is what Open finds missing, and when it was appended.
type loss struct {
	records  uint64
	from, to time.Time
}

// add adds what is missing between two neighbours.
func (l *loss) add(records uint64, before, after time.Time) {
	if records == 0 {
		return
	}
	if l.records == 0 {
		if l.from = before; before.IsZero() { // the oldest are missing
			l.from = after
		}
	}
	l.records += records
	l.to = after
}

// keepFew takes note of the files of a newer version and removes all but the newest few others that were set aside.
func (s *Spool) keepFew() error {
	files, err := s.fs.list(".")
	if err != nil {
		return err
	}
	sort.Slice(files, func(i, j int) bool { return files[i].Name() < files[j].Name() })
	with := func(suffix string) (found []fs.FileInfo) {
		for _, f := range files {
			if strings.HasSuffix(f.Name(), suffix) {
				found = append(found, f)
			}
		}
		return found
	}
	s.newer = with(newerSuffix)
	for _, suffix := range []string{badSuffix, foreignSuffix} {
		found := with(suffix)
		for _, f := range found[:max(len(found)-maxBad, 0)] {
			s.fs.remove(f.Name())
		}
	}
	return nil
}
