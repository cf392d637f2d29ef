package agent

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/capture"
	"github.com/argus-endpoint/argus-endpoint/flow"
	"github.com/argus-endpoint/argus-endpoint/platform"
)

// frames is a source that gives the frames of a function, then waits as a silent interface does.
type frames struct {
	next   func(f *capture.Frame) []byte // nil when there are no more
	end    error                         // given after the last frame; nil waits
	closed chan struct{}
	wake   chan struct{}
	once   sync.Once
}

func newFrames(next func(*capture.Frame) []byte, end error) *frames {
	return &frames{next: next, end: end, closed: make(chan struct{}), wake: make(chan struct{}, 1)}
}

func (s *frames) Next(f *capture.Frame, wait time.Duration) ([]byte, error) {
	if data := s.next(f); data != nil {
		f.CaptureLength, f.Length, f.Link = len(data), len(data), capture.LinkEthernet
		return data, nil
	}
	if s.end != nil {
		return nil, s.end
	}
	select {
	case <-s.closed:
		return nil, net.ErrClosed
	case <-s.wake:
		return nil, capture.ErrTimeout
	case <-time.After(wait):
		return nil, capture.ErrTimeout
	}
}

func (s *frames) Interrupt() { s.wake <- struct{}{} }

func (s *frames) Stats() (capture.Stats, error) { return capture.Stats{}, nil }

func (s *frames) Close() error {
	s.once.Do(func() { close(s.closed) })
	return nil
}

// datagram is a UDP frame from 10.0.0.1:port to 10.0.0.2:53 with 10 octets of payload.
func datagram(port uint16) []byte {
	b := make([]byte, 14+20+8+10)
	copy(b, "\x02\x00\x00\x00\x00\x02\x02\x00\x00\x00\x00\x01\x08\x00\x45\x00\x00\x26\x00\x00\x00\x00\x40\x11\x00\x00\x0a\x00\x00\x01\x0a\x00\x00\x02")
	binary.BigEndian.PutUint16(b[34:], port)
	binary.BigEndian.PutUint16(b[36:], 53)
	binary.BigEndian.PutUint16(b[38:], 18)
	return b
}

func newTestMeter(src capture.Source, emit emitter) *meter {
	c := DefaultConfig()
	return newMeter(&c, newRoom(1<<16), nil, src, argus.Encoder{Interface: "eth0"}, emit)
}

// times gives n frames, of so many flows in turn, apart by gap.
func times(n int, flows int, gap time.Duration, at time.Time) func(*capture.Frame) []byte {
	data, i := make([][]byte, flows), 0
	for f := range data {
		data[f] = datagram(uint16(1000 + f))
	}
	return func(f *capture.Frame) []byte {
		if i == n {
			return nil
		}
		f.Timestamp = at.Add(time.Duration(i) * gap)
		i++
		return data[i%flows]
	}
}

// packets adds up the source packets of encoded records.
func packets(t *testing.T, records []byte) (n uint64) {
	t.Helper()
	for r, err := range argus.Records(records) {
		if err != nil {
			t.Fatal(err)
		}
		n += r.Flow.Side[0].Packets
	}
	return n
}

func TestMeterAccountsForEveryPacket(t *testing.T) {
	const n = 100_000
	var got uint64
	var last Counters
	m := newTestMeter(newFrames(times(n, 300, 100*time.Microsecond, time.Unix(1e9, 0)), io.EOF), func(b []byte, k int) error {
		got += packets(t, b)
		return nil
	})
	m.state = func(c Counters) { last = c }
	if err := m.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got != n || last.Captured() != n || last.Metered() != n || last.Table.Open != 0 || last.Records != last.Table.Records {
		t.Errorf("%d packets in records; counters %+v", got, last)
	}
}

func TestMeterKeepsOwnTrafficApart(t *testing.T) {
	var got uint64
	m := newTestMeter(nil, func(b []byte, k int) error { got += uint64(k); return nil })
	own := netip.MustParseAddrPort("10.0.0.1:40000")
	m.own = func(src, dst netip.AddrPort) bool { return src == own || dst == own }
	r := flow.Record{Key: flow.Key{Proto: flow.ProtoTCP, Family: flow.FamilyIPv4, SrcPort: 40000, DstPort: 443}}
	copy(r.Src[:], []byte{10, 0, 0, 1})
	r.Side[0] = flow.Side{Packets: 5, Bytes: 500}
	r.Side[1] = flow.Side{Packets: 3, Bytes: 300}
	m.record(&r)
	r.SrcPort = 40001
	m.record(&r)
	m.flush()
	if got != 1 || m.count.Own != (Own{Records: 1, Packets: 8, Bytes: 800}) {
		t.Errorf("%d records emitted, own %+v", got, m.count.Own)
	}
}

func TestMeterEndsAtOnceAndReportsWhatIsOpen(t *testing.T) {
	for _, n := range []int{0, 10} { // asleep for long, or with open flows
		var mu sync.Mutex
		var got uint64
		m := newTestMeter(newFrames(times(n, 1, time.Millisecond, time.Now()), nil), func(b []byte, k int) error {
			mu.Lock()
			defer mu.Unlock()
			got += packets(t, b)
			return nil
		})
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		done := make(chan error, 1)
		go func() { done <- m.run(ctx) }()
		select {
		case err := <-done:
			if err != nil && !errors.Is(err, net.ErrClosed) || got != uint64(n) {
				t.Errorf("%v, %d packets of %d", err, got, n)
			}
		case <-time.After(20 * time.Second):
			t.Fatal("the meter does not end")
		}
	}
}

// sleeper is a source that counts how often it has to wait.
type sleeper struct {
	*frames
	sleeps int
}

func (s *sleeper) Next(f *capture.Frame, wait time.Duration) ([]byte, error) {
	data, err := s.frames.Next(f, wait)
	if wait > 0 && data == nil {
		s.sleeps++
	}
	return data, err
}

// A burst of packets costs two wake-ups: for its status record, which goes on at once, and for its end.
func TestMeterSleepsUntilThereIsSomethingToDo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var emitted, told []time.Duration
		src := &sleeper{frames: newFrames(times(10, 1, 0, began), nil)}
		m := newTestMeter(src, func([]byte, int) error { emitted = append(emitted, time.Since(began)); return nil })
		m.state = func(c Counters) {
			if c.Captured() == 10 && c.Metered() == 10 {
				told = append(told, time.Since(began))
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
		defer cancel()
		if err := m.run(ctx); err != nil {
			t.Fatal(err)
		}
		if src.sleeps != 4 { // the third one is ended by ctx, the last one waits for what the ring still holds
			t.Errorf("slept %d times", src.sleeps)
		}
		if len(emitted) != 1 || emitted[0] < 5*time.Second || emitted[0] > 7*time.Second {
			t.Errorf("records emitted after %s", emitted)
		}
		if len(told) == 0 || told[0] != 0 {
			t.Errorf("counters told after %s", told)
		}
	})
}

func TestMeterWakesRarelyWhenSilent(t *testing.T) {
	m := newTestMeter(nil, nil)
	m.flushAt, m.clock = 1<<63-1, time.Now().UnixNano()
	if w := m.wait(); w != idleWait || idleWait < 2*time.Second {
		t.Errorf("sleeps %s with nothing open", w)
	}
}

// A panic outside the flow table ends the meter that had it and nothing else: every frame is in a record that is kept, and it begins again.
func TestPanicRestartsTheMeter(t *testing.T) {
	core, logs := observer.New(zap.WarnLevel)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	tries, kept := 0, uint64(0)
	r := newRoom(1 << 16)
	s := newSlot(platform.Interface{Name: "eth0"}, cancel, nil)
	err := s.run(ctx, func(*slot) (*meter, error) {
		tries++
		if tries == 3 {
			cancel()
		}
		next := times(55, 1, 100*time.Millisecond, time.Unix(1e9, 0)) // a record after five seconds, which waits for others
		m := newTestMeter(newFrames(func(f *capture.Frame) []byte {
			data := next(f)
			if data == nil && tries < 3 {
				panic("boom")
			}
			return data
		}, nil), func(b []byte, _ int) error {
			if tries < 3 {
				kept += packets(t, b)
			}
			return nil
		})
		m.lease, m.state = newTable(flow.DefaultConfig(), r), s.told
		return m, nil
	}, zap.New(core))
	if err != nil || tries != 3 || s.panics != 2 || s.restarts != 2 {
		t.Errorf("%v after %d tries, %d panics, %d restarts", err, tries, s.panics, s.restarts)
	}
	if c := s.counters(); kept != 2*55 || c.Captured() != 3*55 || c.Table.Open != 0 || c.Table.Memory != 0 {
		t.Errorf("%d packets in records that were kept, %d frames counted, %+v", kept, c.Captured(), c.Table)
	}
	if left := r.left.Load(); left != 1<<16 {
		t.Errorf("of the room for %d flows %d are left", 1<<16, left)
	}
	if logs.FilterField(zap.String("code", "meter-ended")).Len() != 2 || !strings.Contains(logs.All()[0].ContextMap()["error"].(string), "boom") {
		t.Errorf("log: %v", logs.All())
	}
}

func TestRefusedCaptureIsNotTriedAgain(t *testing.T) {
	tries := 0
	s := newSlot(platform.Interface{}, nil, nil)
	err := s.run(t.Context(), func(*slot) (*meter, error) { tries++; return nil, errors.ErrUnsupported }, zap.NewNop())
	if !errors.Is(err, errors.ErrUnsupported) || tries != 1 {
		t.Errorf("%v after %d tries", err, tries)
	}
}

// An interface that flapped is up again before anybody looks: its meter is made anew without a pause, once.
func TestLostInterfaceIsOpenedAgainAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		began, tried := time.Now(), []time.Duration{}
		s := newSlot(platform.Interface{Name: "eth0"}, cancel, nil)
		err := s.run(ctx, func(*slot) (*meter, error) {
			if tried = append(tried, time.Since(began)); len(tried) == 3 {
				cancel()
			}
			return nil, fmt.Errorf("open: %w", capture.ErrInterfaceDown)
		}, zap.NewNop())
		if err != nil || !slices.Equal(tried, []time.Duration{0, 0, 2 * firstRetry}) {
			t.Errorf("%v, tried after %v", err, tried)
		}
	})
}

func TestMeterEndsWhenRecordsAreRefused(t *testing.T) {
	full := errors.New("full")
	m := newTestMeter(newFrames(times(1000, 1000, 10*time.Millisecond, time.Unix(1e9, 0)), io.EOF), func([]byte, int) error { return full })
	if err := m.run(t.Context()); !errors.Is(err, full) || m.count.Lost == 0 {
		t.Errorf("%v, %d lost", err, m.count.Lost)
	}
}

// Measured 2026-11-21: 0 allocations a packet over 1 M packets in 2000 flows, records and flushes included.
func TestNoAllocationPerPacket(t *testing.T) {
	const flows = 2000
	data := make([][]byte, flows)
	for i := range data {
		data[i] = datagram(uint16(i + 1))
	}
	m := newTestMeter(nil, func([]byte, int) error { return nil })
	m.buf, m.flushAt = make([]byte, 0, 2*flushSize), 1<<63-1
	m.frame.Link, m.frame.Length, m.frame.CaptureLength = capture.LinkEthernet, len(data[0]), len(data[0])
	at, i := time.Unix(1e9, 0), 0
	round := func() {
		for range 50_000 {
			m.frame.Timestamp = at
			m.add(data[i%flows])
			i++
			at = at.Add(200 * time.Microsecond)
		}
	}
	round()
	before := m.table.Stats().Records
	if n := testing.AllocsPerRun(10, round); n > 0 {
		t.Errorf("%.0f allocations in 50,000 packets", n)
	}
	if m.table.Stats().Records == before {
		t.Error("no record was made: nothing was tested")
	}
}

func BenchmarkMeter(b *testing.B) {
	const flows = 2000
	data := make([][]byte, flows)
	for i := range data {
		data[i] = datagram(uint16(i + 1))
	}
	m := newTestMeter(nil, func([]byte, int) error { return nil })
	m.buf, m.flushAt = make([]byte, 0, 2*flushSize), 1<<63-1
	m.frame.Link, m.frame.Length, m.frame.CaptureLength = capture.LinkEthernet, len(data[0]), len(data[0])
	at, i := time.Unix(1e9, 0), 0
	b.ReportAllocs()
	for b.Loop() {
		m.frame.Timestamp = at
		m.add(data[i%flows])
		i++
		at = at.Add(10 * time.Microsecond)
	}
}
