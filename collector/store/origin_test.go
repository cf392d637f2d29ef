package store

import (
	"testing"
	"time"
)

// TestNobodyTakesAnAgentsPlace: batches of another origin do not raise the watermark of an epoch, and those of its own go on.
func TestNobodyTakesAnAgentsPlace(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	h := newHost(t, 1)
	first, forged := h.batch(t, 10, 0), h.batch(t, 10, 0)
	second := *forged
	add(t, s, first)
	for _, origin := range []string{Import, Radium} {
		forged.Origin = origin
		if _, err := s.Add(forged); err == nil {
			t.Errorf("a batch of origin %q is taken into the epoch of an agent", origin)
		}
		commit(t, s)
		if got := s.Watermark(h.id, h.epoch); got != first.Last {
			t.Errorf("watermark %d after origin %q, want %d", got, origin, first.Last)
		}
	}
	s.Close()
	s = open(t, dir)
	defer s.Close()
	add(t, s, &second)
	commit(t, s)
	wantOnce(t, dir, first, &second)
}

// TestGapOfOrigins: what follows a loss is taken at once of a sensor, because nobody sends again, and not of a file, whose import can be repeated.
func TestGapOfOrigins(t *testing.T) {
	dir := t.TempDir()
	s := openWith(t, dir, Config{Account: accountGaps})
	defer s.Close()
	sensor, file := newHost(t, 1), newHost(t, 2)
	a, _, c := sensor.batch(t, 10, 0), sensor.batch(t, 10, 0), sensor.batch(t, 10, 0)
	lost, behind := file.batch(t, 10, 0), file.batch(t, 10, 0)
	a.Origin, c.Origin, lost.Origin, behind.Origin = Radium, Radium, Import, Import
	add(t, s, a, c)
	if _, err := s.Add(behind); err == nil {
		t.Error("the second part of a file is taken without the first: a repeated import would leave that out")
	}
	add(t, s, lost, behind)
	commit(t, s)
	wantOnce(t, dir, a, c, lost, behind)
	if gaps := intervals(t, dir, sensor.id); len(gaps) != 1 || gaps[0].First != 11 || gaps[0].Last != 20 {
		t.Errorf("gaps of the sensor %+v", gaps)
	}
}

// TestManyHoursAreACommit: each is a file, and those of a commit are bounded.
func TestManyHoursAreACommit(t *testing.T) {
	s := open(t, t.TempDir())
	defer s.Close()
	h := newHost(t, 1)
	asked := 0
	for range 2 * maxHours {
		h.now = h.now.Add(time.Hour)
		b := h.batch(t, 1, 0)
		b.Received = h.now
		full, err := s.Add(b)
		if err != nil {
			t.Fatal(err)
		}
		if !full {
			continue
		}
		commit(t, s)
		asked++
	}
	if files := len(s.files()); asked != 2 || files < 2*maxHours-2 {
		t.Errorf("%d commits were asked for, of %d files", asked, files)
	}
}
