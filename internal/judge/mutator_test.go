package judge

import (
	"encoding/binary"
	"math/rand/v2"
	"os"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/capture"
	"github.com/argus-endpoint/argus-endpoint/flow"
)

const (
	mutated      = 5_000_000 // frames of one run; MUTATOR_FRAMES says otherwise
	mutatorRound = 500_000   // frames that one table meets
	mutatorFlows = 1 << 12   // flows that it may hold
	mutatorTable = 3 << 20   // octets that the table may hold; measured 2026-11-22: 2.0 MB
	mutatorHeap  = 16 << 20  // octets that the heap may grow by, all told; measured 2026-11-22: none
)

// TestMutatorBudget sends real frames that were made hostile through decoder, table and encoder: nothing panics, nothing
// beyond the captured octets is read, the sums close, memory is bounded. MUTATOR_SEED repeats a run.
func TestMutatorBudget(t *testing.T) {
	frames := number(t, "MUTATOR_FRAMES", mutated)
	seed := uint64(number(t, "MUTATOR_SEED", 1))
	m := &mutator{rng: rand.New(rand.NewPCG(seed, 0)), real: realFrames(t), at: 1_700_000_000e9}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	began, total, peak := time.Now(), tally{}, 0
	for total.frames < uint64(frames) {
		n := total.round(t, m, min(mutatorRound, frames-int(total.frames)))
		peak = max(peak, n)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 8<<20 {
		t.Errorf("%d octets stay on the heap", grown)
	}
	if peak > mutatorTable {
		t.Errorf("a table of at most %d flows held %d octets, the budget is %d", mutatorFlows, peak, mutatorTable)
	}
	grown := int64(after.HeapSys) - int64(before.HeapSys)
	if grown > mutatorHeap {
		t.Errorf("the heap grew by %d octets, the budget is %d", grown, mutatorHeap)
	}
	t.Logf("judge: mutator: %d frames of %d real ones, seed %d, in %.0f s: %d metered, %d in no flow, %d with a defect; %d flows, %d evicted, %d records of %d octets; tables up to %d octets, the heap grew by %d",
		total.frames, len(m.real), seed, time.Since(began).Seconds(), total.metered, total.lost, total.defects,
		total.flows, total.evicted, total.records, total.octets, peak, grown)
}

func number(t *testing.T, env string, otherwise int) int {
	text := os.Getenv(env)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s: %v", env, err)
	}
	return n
}

// tally is what a run was.
type tally struct{ frames, metered, lost, defects, flows, evicted, records, octets uint64 }

// round sends n frames through a pipeline of its own, whose options are others every time, and returns the most octets
// that its table held.
func (total *tally) round(t *testing.T, m *mutator, n int) (peak int) {
	config := flow.Config{MaxFlows: mutatorFlows, StatusInterval: 5 * time.Second, UserData: 32 * m.rng.IntN(3)}
	p := newPipeline(config)
	p.dec.KeepOuter, p.dec.DNSTransactions, p.enc.FlowHash = m.rng.IntN(4) == 0, m.rng.IntN(2) == 0, m.rng.IntN(2) == 0
	if m.rng.IntN(4) == 0 {
		p.enc.Version = argus.V3
	}
	var f capture.Frame
	var data []byte
	defer func() {
		if e := recover(); e != nil {
			t.Errorf("frame %d (link %d, %d octets on the wire, GSO %d) %x", total.frames+p.frames, f.Link, f.Length, f.GSOSize, data)
			panic(e)
		}
	}()
	var recorded totals
	for range n {
		data = m.next(&f)
		p.add(data, &f)
		if len(p.out) > 1<<16 {
			total.take(t, p, &recorded)
			peak = max(peak, p.table.Stats().Memory)
		}
	}
	p.end()
	total.take(t, p, &recorded)
	total.close(t, p, recorded)
	return peak
}

// close checks that the sums of a round close, and adds them up.
func (total *tally) close(t *testing.T, p *pipeline, recorded totals) {
	counts, table := p.dec.Counts(), p.table.Stats()
	counted := uint64(0)
	for _, c := range counts {
		counted += c
	}
	if counted != p.frames || table.Packets+p.lost != p.frames || recorded != p.flows || table.Bytes != p.flows.octets || table.Open != 0 {
		t.Errorf("%d frames, %d counted, %d in flows and %d in none; %+v metered, %+v in records, %d octets in the table, %d flows still open",
			p.frames, counted, table.Packets, p.lost, p.flows, recorded, table.Bytes, table.Open)
	}
	total.frames += p.frames
	total.metered += table.Packets
	total.lost += p.lost
	total.defects += counted - counts[capture.Decoded]
	total.flows += table.Flows
	total.evicted += table.Evicted
}

// take decodes the records made so far.
func (total *tally) take(t *testing.T, p *pipeline, recorded *totals) {
	for r, err := range argus.Records(p.out) {
		if err != nil {
			t.Fatalf("our own record: %v", err)
		}
		if r.Unknown > 0 {
			t.Fatalf("our own record has %d DSRs that we do not understand: %x", r.Unknown, r.Raw)
		}
		recorded.add(&r.Flow)
		total.records++
	}
	total.octets += uint64(len(p.out))
	p.out = p.out[:0]
}

// mutator makes hostile frames of real ones.
type mutator struct {
	rng  *rand.Rand
	real []frame
	at   int64 // capture time, ns
	room [1 << 15]byte
}

// next makes a frame. Its octets end where its memory does: a read beyond them panics.
func (m *mutator) next(f *capture.Frame) []byte {
	from := &m.real[m.rng.IntN(len(m.real))]
	b := append(m.room[:0], from.data...)
	wire := len(b)
	*f = capture.Frame{Link: from.link}
	for range m.rng.IntN(4) { // none for one in four
		switch m.rng.IntN(8) {
		case 0:
			m.flip(b)
		case 1:
			m.lie(b)
		case 2:
			b = m.splice(b)
		case 3:
			b = m.nest(b, f)
		case 4:
			b = m.shift(b)
		case 5: // cut by the snap length
			wire, b = len(b), b[:m.rng.IntN(len(b)+1)]
			return m.finish(f, b, wire)
		case 6:
			b = b[:m.rng.IntN(len(b)+1)]
		case 7:
			m.oddities(f)
		}
		wire = len(b)
	}
	if m.rng.IntN(100) == 0 {
		wire = m.rng.IntN(1 << 18)
	}
	return m.finish(f, b, wire)
}

func (m *mutator) finish(f *capture.Frame, b []byte, wire int) []byte {
	switch m.rng.IntN(10_000) {
	case 0:
		m.at += m.rng.Int64N(int64(time.Hour))
	case 1:
		m.at -= m.rng.Int64N(int64(time.Hour))
	default:
		m.at += m.rng.Int64N(int64(100 * time.Microsecond))
	}
	f.Timestamp, f.CaptureLength, f.Length = time.Unix(0, m.at), len(b), wire
	return b[:len(b):len(b)]
}

func (m *mutator) flip(b []byte) {
	for range 1 + m.rng.IntN(8) {
		if len(b) > 0 {
			b[m.rng.IntN(len(b))] ^= 1 << m.rng.IntN(8)
		}
	}
}

// lie puts a number that lengths and offsets should not be where one may stand: among the headers.
func (m *mutator) lie(b []byte) {
	lies := [...]uint16{0, 1, 4, 7, 8, 19, 20, 21, 39, 40, 0x45, 0x4f, 0x60, 1500, 0x7fff, 0x8000, 0xfffe, 0xffff}
	if len(b) < 2 {
		return
	}
	at, lie := m.rng.IntN(min(len(b)-1, 128)), lies[m.rng.IntN(len(lies))]
	if m.rng.IntN(2) == 0 {
		b[at] = byte(lie)
		return
	}
	binary.BigEndian.PutUint16(b[at:], lie)
}

// splice lets the frame go on as another one does.
func (m *mutator) splice(b []byte) []byte {
	other := m.real[m.rng.IntN(len(m.real))].data
	b = append(b[:m.rng.IntN(len(b)+1)], other[m.rng.IntN(len(other)):]...)
	return b[:min(len(b), 1<<14)]
}

// shift moves what stands behind some place by a few octets.
func (m *mutator) shift(b []byte) []byte {
	if len(b) < 8 || len(b) > 1<<14 {
		return b
	}
	at, by := m.rng.IntN(len(b)-4), 1+m.rng.IntN(4)
	if m.rng.IntN(2) == 0 {
		return append(b[:at], b[at+by:]...)
	}
	b = b[:len(b)+by]
	copy(b[at+by:], b[at:])
	return b
}

// oddities sets what stands beside the octets of a frame.
func (m *mutator) oddities(f *capture.Frame) {
	links := [...]capture.LinkType{0, 1, 7, 9, 10, 12, 14, 50, 51, 101, 104, 105, 107, 108, 113, 127, 129, 228, 229, 239, 276, 999}
	switch m.rng.IntN(3) {
	case 0:
		f.Link = links[m.rng.IntN(len(links))]
	case 1:
		f.HasVLAN, f.VLANTCI = true, uint16(m.rng.Uint32())
	case 2:
		f.GSOSize = uint16(m.rng.Uint32())
	}
}
