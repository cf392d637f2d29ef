package collector

import (
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/argus-endpoint/argus-endpoint/collector/journal"
	"github.com/gofrs/uuid/v5"
	"github.com/nats-io/nats.go"
	"go.uber.org/zap"
)

// TestWatermarksTravel: a receiver asks for what it does not know, hears what is published, also when a store went back, and does
// not wait for a writer that is not there.
func TestWatermarksTravel(t *testing.T) {
	server, err := journal.StartServer(t.TempDir(), 64<<20, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	nc, err := server.Connect()
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	m := newMarks(nc, func(id uuid.UUID) int { return int(id[0]) })
	key := epochKey{uuid.UUID{7}, 0xe1}
	if got := m.get(key.monitor, key.epoch); got != 0 {
		t.Errorf("without a writer: %d", got)
	}
	var asked atomic.Int32
	go serve(t.Context(), nc, subjectMark+"8", func(msg *nats.Msg) {
		asked.Add(1)
		x := parseMark(msg.Data)
		x.sequence = 100
		msg.Respond(appendMark(nil, x))
	})
	go m.run(t.Context())
	other := epochKey{uuid.UUID{8}, 0xe2}
	for m.get(other.monitor, other.epoch) != 100 { // until the subscription is there
		m.mu.Lock()
		clear(m.silent)
		m.mu.Unlock()
	}
	for n := uint64(101); m.get(other.monitor, other.epoch) < 101; n = 101 { // until the other subscription is there
		publishMarks(nc, 8, []mark{{other, n}, {key, 5}})
	}
	if err := nc.Publish(subjectDurable+"8", []byte("not a whole mark")); err != nil {
		t.Fatal(err)
	}
	for _, n := range []uint64{200, 50, 60} { // the store is an older copy from then on
		publishMarks(nc, 8, []mark{{other, n}})
		for m.get(other.monitor, other.epoch) != n {
			runtime.Gosched()
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if asked.Load() != 1 || len(m.known) != 1 {
		t.Errorf("asked %d times, %d known: want 1 and 1", asked.Load(), len(m.known))
	}
}

// TestOldWatermarksDoNotCount: what was heard long ago is not what the store has, when there is no writer to ask: it may be restored meanwhile.
func TestOldWatermarksDoNotCount(t *testing.T) {
	server, err := journal.StartServer(t.TempDir(), 64<<20, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	nc, err := server.Connect()
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	m := newMarks(nc, func(uuid.UUID) int { return 0 })
	key := epochKey{uuid.UUID{7}, 0xe1}
	m.learn(mark{key, 500}, time.Now().Add(-markFresh/2), true)
	if got := m.get(key.monitor, key.epoch); got != 500 {
		t.Errorf("heard half a minute ago: %d", got)
	}
	m.learn(mark{key, 500}, time.Now().Add(-markFresh), true)
	for range 2 { // the second one does not wait for an answer
		if got := m.get(key.monitor, key.epoch); got != 0 {
			t.Errorf("heard a minute ago: %d", got)
		}
	}
}

func FuzzSeen(f *testing.F) {
	f.Add([]byte{})
	f.Add(make([]byte, seenSize))
	f.Add(append(make([]byte, 2*seenSize), 1))
	f.Fuzz(func(t *testing.T, b []byte) {
		last := map[uuid.UUID]time.Time{}
		if err := parseSeen(b, last); err != nil {
			return
		}
		back := map[uuid.UUID]time.Time{}
		for _, piece := range (&seen{last: last}).messages() {
			if err := parseSeen(piece, back); err != nil {
				t.Fatal(err)
			}
		}
		for id, at := range last {
			if !back[id].Equal(at) {
				t.Errorf("%s: %v became %v", id, at, back[id])
			}
		}
	})
}
