package spool

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"sort"
)

const (
	quarantineDir   = "quarantine"
	quarantineFiles = 16
	quarantineBytes = 4 << 20
)

// Quarantine sets aside a batch that the collector will never take: its records go, after header, to a file of the folder
// quarantine, which keeps the newest few, and are counted; the next batch reports them as dropped.
func (s *Spool) Quarantine(b Batch, header []byte) error {
	s.mu.Lock()
	s.skip(span{b.Epoch, b.First, b.Last + 1})
	s.mu.Unlock()

	s.maint.Lock()
	defer s.maint.Unlock()
	if err := s.fs.mkdir(quarantineDir); err != nil {
		return fmt.Errorf("quarantine: %w", err)
	}
	s.trimQuarantine(len(header) + len(b.Records))
	name := fmt.Sprintf("%s/%016x-%016x.argus", quarantineDir, b.Epoch, b.First)
	f, err := s.fs.open(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC)
	if err != nil {
		return fmt.Errorf("quarantine: %w", err)
	}
	defer f.Close()
	if _, err = f.WriteAt(header, 0); err == nil {
		_, err = f.WriteAt(b.Records, int64(len(header)))
	}
	if err != nil {
		return fmt.Errorf("quarantine: %w", err)
	}
	return nil
}

// trimQuarantine makes room for a file of n octets by removing the oldest ones.
func (s *Spool) trimQuarantine(n int) {
	files, err := s.fs.list(quarantineDir)
	if err != nil {
		return
	}
	sort.Slice(files, func(i, j int) bool {
		if d := files[i].ModTime().Compare(files[j].ModTime()); d != 0 {
			return d < 0
		}
		return files[i].Name() < files[j].Name()
	})
	total := int64(n)
	for _, f := range files {
		total += f.Size()
	}
	for i := 0; i < len(files) && (len(files)-i >= quarantineFiles || total > quarantineBytes); i++ {
		s.fs.remove(quarantineDir + "/" + files[i].Name())
		total -= files[i].Size()
	}
}

// skipped tells whether a frame belongs to a quarantined batch.
func (s *Spool) skipped(epoch uint64, f frameInfo) bool {
	return slices.ContainsFunc(s.skips, func(r span) bool {
		return r.epoch == epoch && f.first >= r.first && f.next() <= r.next
	})
}

// skip counts what the queue still holds of a span and leaves it out from now on.
func (s *Spool) skip(r span) {
	if s.quarantined(r.first, r.next) > 0 {
		return
	}
	held := make([]uint64, len(s.segs))
	for i, g := range s.segs {
		held[i] = s.pending(g)
	}
	at, _ := slices.BinarySearchFunc(s.skips, r.first, func(x span, first uint64) int { return cmp.Compare(x.first, first) })
	if at > 0 && s.skips[at-1].epoch == r.epoch && s.skips[at-1].next == r.first {
		s.skips[at-1].next = r.next
	} else {
		s.skips = append(s.skips[:at:at], append([]span{r}, s.skips[at:]...)...) // slices.Insert is 3 kB for each kind
	}
	for i, g := range s.segs {
		n := held[i] - s.pending(g)
		s.stats.Quarantined += n
		s.discard(n, r.first, r.next, g.from, g.to)
	}
	s.floorOld = true
	signal(s.kick)
}
