package store

import (
	"encoding/binary"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/gofrs/uuid/v5"
)

// accountGaps is a Config.Account that notes the gaps, and counts the evidence.
func accountGaps(state []byte, e *Evidence) ([]byte, []Missing) {
	n := uint64(1)
	if len(state) == 8 {
		n += binary.LittleEndian.Uint64(state)
	}
	state = binary.LittleEndian.AppendUint64(nil, n)
	if e.Gap == nil {
		return state, nil
	}
	return state, []Missing{{Monitor: e.Monitor, Interface: "eth0", From: e.Previous, To: e.Received, Reason: "never-arrived", Records: e.Gap.Reported, Packets: 7,
		Epoch: e.Epoch, First: e.Gap.First, Last: e.Gap.Last}}
}

func intervals(t testing.TB, dir string, monitor uuid.UUID) (list []Missing) {
	t.Helper()
	for m, err := range view(t, dir).Missing(time.Time{}, time.Time{}, monitor) {
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, *m)
	}
	return list
}

// TestEvidenceComesOnceAndInOrder adds batches, one of them twice, with a crash between: the gap is told before what is behind it,
// and states begin again where the last commit was.
func TestEvidenceComesOnceAndInOrder(t *testing.T) {
	dir := t.TempDir()
	var told []string
	account := func(state []byte, e *Evidence) ([]byte, []Missing) {
		switch {
		case e.Gap != nil:
			told = append(told, fmt.Sprintf("%s gap %d-%d", state, e.Gap.First, e.Gap.Last))
		case e.Record.Kind == argus.KindManagement && e.Sent.Equal(time.Unix(0, 0)) && e.Received.After(e.Previous):
			told = append(told, fmt.Sprintf("%s record %d", state, e.Record.Sequence))
		}
		return fmt.Appendf(nil, "%d", len(told)), nil
	}
	h := newHost(t, 1)
	batches := []*Batch{h.batch(t, 60, 0), h.batch(t, 60, 0), h.batch(t, 60, 4)}
	s := openWith(t, dir, Config{Account: account})
	add(t, s, batches[0], batches[0])
	commit(t, s)
	add(t, s, batches[1])
	s.Close() // a crash
	s = openWith(t, dir, Config{Account: account})
	add(t, s, batches...)
	commit(t, s)
	want := []string{" record 51", "1 record 111", "1 record 111", "3 gap 121-124", "4 record 175"}
	if !slices.Equal(told, want) {
		t.Errorf("told %q\nwant %q", told, want)
	}
	for id, state := range view(t, dir).Heard() {
		if id != h.id || string(state) != "5" {
			t.Errorf("account of %v: %q", id, state)
		}
	}
}

func TestMissingComesBackAsItWasSaid(t *testing.T) {
	dir := t.TempDir()
	s := openWith(t, dir, Config{Account: accountGaps})
	for n := range 3 {
		h := newHost(t, n)
		h.now = start.Add(time.Duration(n) * time.Hour)
		add(t, s, h.batch(t, 10, 0), h.batch(t, 10, 5))
	}
	commit(t, s)
	v := view(t, dir)
	id := newHost(t, 1).id
	all := intervals(t, dir, uuid.Nil)
	if len(all) != 3 {
		t.Fatalf("%d intervals, want 3", len(all))
	}
	one := intervals(t, dir, id)
	want := Missing{Monitor: id, Interface: "eth0", From: one[0].From, To: one[0].To, Reason: "never-arrived", Records: 5, Packets: 7, Epoch: epoch, First: 11, Last: 15}
	if len(one) != 1 || one[0] != want || one[0].To.Sub(one[0].From) <= 0 || one[0].To.Truncate(time.Hour) != start.Add(time.Hour).Truncate(time.Hour).Local() {
		t.Errorf("got  %+v\nwant %+v", one, want)
	}
	for _, c := range []struct {
		since, until time.Time
		want         int
	}{{one[0].From, one[0].To, 1}, {one[0].To, time.Time{}, 2}, {one[0].To.Add(time.Millisecond), time.Time{}, 1}, {time.Time{}, one[0].From, 1}, {time.Time{}, one[0].From.Add(time.Millisecond), 2}} {
		n := 0
		for _, err := range v.Missing(c.since, c.until, uuid.Nil) {
			if err != nil {
				t.Fatal(err)
			}
			n++
		}
		if n != c.want {
			t.Errorf("since %v until %v: %d intervals, want %d", c.since, c.until, n, c.want)
		}
	}
}
