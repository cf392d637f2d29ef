package spool

import (
	"encoding/json"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"strings"
	"time"
)

const (
	floorName  = "floor"
	floorKind  = "argus-spool-floor "
	floorMagic = floorKind + "1 "
	maxFloor   = 64 << 10
	maxSkips   = 256 // quarantined ranges that a floor holds; batches of older ones are offered and refused once more
)

// floor is what the segments cannot say: it is written before any of them is unlinked.
type floor struct {
	Epoch       uint64    `json:"epoch"`
	Host        string    `json:"host"`
	Next        uint64    `json:"next"`      // numbers below were given
	Newest      uint64    `json:"newest"`    // first sequence of the newest segment on disk, 0: none
	Accounted   uint64    `json:"accounted"` // numbers below are durable, or their loss was reported
	Durable     []mark    `json:"durable,omitempty"`
	Skipped     []skipped `json:"skipped,omitempty"`
	Missing     uint64    `json:"missing"` // records in Dropped whose loss is not reported
	Dropped     uint64    `json:"dropped"`
	DroppedFrom time.Time `json:"dropped_from,omitzero"`
	DroppedTo   time.Time `json:"dropped_to,omitzero"`
	Running     bool      `json:"running"` // not closed since
}

// mark says that the sequences of an epoch below Next are durable.
type mark struct {
	Epoch uint64 `json:"epoch"`
	Next  uint64 `json:"next"`
}

// skipped says that the sequences [First, Next) of an epoch are in quarantine.
type skipped struct {
	Epoch uint64 `json:"epoch"`
	First uint64 `json:"first"`
	Next  uint64 `json:"next"`
}

// currentFloor describes the spool as it is. The caller holds mu.
func (s *Spool) currentFloor() floor {
	f := floor{
		Epoch: s.epoch, Host: s.o.Host, Next: s.next, Accounted: s.next - s.gap, Missing: s.gap, Running: !s.closed,
		Dropped: s.stats.Dropped, DroppedFrom: s.stats.DroppedFrom, DroppedTo: s.stats.DroppedTo,
	}
	for _, r := range s.skips[max(len(s.skips)-maxSkips, 0):] {
		f.Skipped = append(f.Skipped, skipped{r.epoch, r.first, r.next})
	}
	first := true
	for _, g := range s.segs[s.freeable():] {
		if first {
			f.Accounted, first = g.first-g.unreportedGap(), false
		}
		f.Missing += g.unreportedGap()
		if !g.inMem {
			f.Newest = g.first
		}
		if n := len(f.Durable); g.done > 0 {
			if n > 0 && f.Durable[n-1].Epoch == g.epoch {
				f.Durable[n-1].Next = g.done
			} else {
				f.Durable = append(f.Durable, mark{g.epoch, g.done})
			}
		}
	}
	return f
}

// writeFloor replaces the floor file: temporary file, sync, rename, sync of the folder. On a full disk it takes the place of
// the oldest segments. The caller holds maint and not mu.
func (s *Spool) writeFloor() error {
	for try := 0; ; try++ {
		s.mu.Lock()
		f := s.currentFloor()
		s.floorOld = false
		s.mu.Unlock()
		err := s.replaceFloor(f)
		if err == nil {
			return nil
		}
		s.mu.Lock()
		s.floorOld = true
		again := try < 3 && isFull(err) && s.dropOldest(false) > 0
		s.mu.Unlock()
		if !again {
			return fmt.Errorf("write the spool's floor: %w", err)
		}
	}
}

func (s *Spool) replaceFloor(f floor) error {
	body, err := json.Marshal(f)
	if err != nil {
		return err
	}
	text := fmt.Appendf(nil, "%s%08x\n%s\n", floorMagic, crc32.Checksum(body, castagnoli), body)
	tmp, err := s.fs.open(floorName+".tmp", os.O_WRONLY|os.O_CREATE|os.O_TRUNC)
	if err != nil {
		return err
	}
	_, err = tmp.WriteAt(text, 0)
	if err == nil {
		err = tmp.sync()
	}
	if e := tmp.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = s.fs.rename(floorName+".tmp", floorName)
	}
	if err == nil {
		err = s.fs.syncDir()
	}
	return err
}

// readFloor returns the floor; ok is false when there is none or it is damaged. One of a newer version is set aside.
func (s *Spool) readFloor() (f floor, ok bool) {
	r, err := s.fs.open(floorName, os.O_RDONLY)
	if err != nil {
		return f, false
	}
	defer r.Close()
	buf := make([]byte, maxFloor)
	n, err := r.ReadAt(buf, 0)
	if err != io.EOF {
		return f, false
	}
	text := string(buf[:n])
	if v, ok := strings.CutPrefix(text, floorKind); ok && !strings.HasPrefix(v, "1 ") {
		s.fs.rename(floorName, floorName+newerSuffix)
	}
	return parseFloor(text)
}

func parseFloor(text string) (f floor, ok bool) {
	rest, ok := strings.CutPrefix(text, floorMagic)
	sum, body, ok2 := strings.Cut(rest, "\n")
	body, ok3 := strings.CutSuffix(body, "\n")
	if !ok || !ok2 || !ok3 || sum != fmt.Sprintf("%08x", crc32.Checksum([]byte(body), castagnoli)) {
		return f, false
	}
	if json.Unmarshal([]byte(body), &f) != nil || f.Epoch == 0 || f.Next == 0 || f.Next > 1<<63 || f.Accounted > f.Next {
		return floor{}, false
	}
	end := uint64(0)
	for _, r := range f.Skipped {
		if r.First < end || r.Next <= r.First {
			return floor{}, false
		}
		end = r.Next
	}
	return f, true
}
