package agent

import (
	"context"
	"fmt"
	"math"
	"sync"
	"testing"
	"time"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/capture"
	"github.com/argus-endpoint/argus-endpoint/flow"
	"github.com/argus-endpoint/argus-endpoint/platform"
)

// fakeClocks are those of a system whose clock is set and that sleeps as a test wants.
type fakeClocks struct {
	mu  sync.Mutex
	now platform.Instant
}

func (f *fakeClocks) read() platform.Instant {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.now
}

func (f *fakeClocks) pass(d time.Duration)  { f.now.Wall += int64(d); f.now.Awake += int64(d) }
func (f *fakeClocks) set(d time.Duration)   { f.now.Wall += int64(d) }
func (f *fakeClocks) sleep(d time.Duration) { f.now.Wall += int64(d); f.now.Slept += int64(d) }

// told is a change that clocks noticed.
type told struct {
	kind     string
	from, to int64
}

// clockRun is a meter on fake clocks, driven by hand.
type clockRun struct {
	*meter
	t       *testing.T
	fake    *fakeClocks
	told    []told
	records []argus.Record
}

func newClockRun(t *testing.T) *clockRun {
	start := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC).UnixNano()
	r := &clockRun{t: t, fake: &fakeClocks{now: platform.Instant{Wall: start, Awake: 77e9, Slept: 3600e9}}}
	r.meter = newTestMeter(newFrames(func(*capture.Frame) []byte { return nil }, nil), func(b []byte, _ int) error {
		for rec, err := range argus.Records(b) {
			if err != nil {
				t.Fatal(err)
			}
			r.records = append(r.records, *rec)
		}
		return nil
	})
	r.clocks = newClocks(r.fake.read, func(kind string, from, to time.Time) {
		r.told = append(r.told, told{kind, from.UnixNano(), to.UnixNano()})
	})
	now := r.clocks.now()
	r.offset, r.slept, r.flushAt = now.offset(), now.slept, math.MaxInt64
	return r
}

// packet lets d pass and a packet of a flow come.
func (r *clockRun) packet(port uint16, d time.Duration) {
	r.fake.pass(d)
	data := datagram(port)
	r.frame.Timestamp = time.Unix(0, r.fake.now.Wall)
	r.frame.Link, r.frame.Length, r.frame.CaptureLength = capture.LinkEthernet, len(data), len(data)
	r.add(data)
}

// idle lets d pass without a packet.
func (r *clockRun) idle(d time.Duration) {
	r.fake.pass(d)
	r.rest(r.now())
}

func (r *clockRun) end() {
	for rec := range r.table.Flush(r.clock) {
		r.record(rec)
	}
	r.flush()
}

// A clock that is set, however far, ends no flow, and no time between two packets is other than it was: the records of one flow
// of a packet a second are of the usual length, before, over and after the step.
func TestClockSteps(t *testing.T) {
	const year = 365 * 24 * time.Hour
	for _, step := range []time.Duration{time.Hour, -time.Hour, 5 * year, -5 * year, -47 * year, 3 * time.Second, -11 * time.Second} {
		for _, quiet := range []bool{false, true} { // a packet is the first to know, or the timer
			t.Run(fmt.Sprint(step, quiet), func(t *testing.T) {
				r := newClockRun(t)
				for range 20 {
					r.packet(1, time.Second)
				}
				before := r.fake.now.Wall
				r.packet(2, 0)
				r.fake.set(step)
				if quiet {
					r.idle(200 * time.Millisecond)
				}
				for range 20 {
					r.packet(1, time.Second)
				}
				r.end()
				if r.table.Stats().Flows != 2 || len(r.told) != 1 || r.told[0].kind != "clock-step" || r.told[0].to-r.told[0].from != int64(step) {
					t.Errorf("%d flows, told %+v", r.table.Stats().Flows, r.told)
				}
				packets := uint64(0)
				for i := range r.records {
					f := &r.records[i].Flow
					first, last := f.Span()
					if f.SrcPort == 1 {
						packets += f.Side[0].Packets
						if d := last - first; d < int64(f.Side[0].Packets-1)*1e9 || d > int64(f.Side[0].Packets)*1e9+200e6 {
							t.Errorf("record %d: %d packets in %v", i, f.Side[0].Packets, time.Duration(d))
						}
						if m := f.Side[0].Active.Max; m > 1.3e6 {
							t.Errorf("record %d: %v us between two packets", i, m)
						}
					}
					if f.End == flow.EndAsleep || f.End == flow.EndIdle && f.SrcPort == 1 {
						t.Errorf("record %d: end %d", i, f.End)
					}
					if i == len(r.records)-1 && last < before+int64(step) {
						t.Errorf("the last record ends at %v, the clock says %v", time.Unix(0, last), time.Unix(0, r.fake.now.Wall))
					}
				}
				if packets != 40 {
					t.Errorf("%d packets", packets)
				}
			})
		}
	}
}

// After eight hours of sleep the flows that were open are closed as asleep, with the time of their last packet; packets that
// come then are new flows.
func TestSleepEndsTheFlows(t *testing.T) {
	for _, quiet := range []bool{false, true} {
		r := newClockRun(t)
		for port := range uint16(30) {
			r.packet(port, 10*time.Millisecond)
		}
		before := r.fake.now.Wall
		r.fake.sleep(8 * time.Hour)
		if quiet {
			r.idle(time.Second)
		}
		for port := range uint16(30) {
			r.packet(port, 10*time.Millisecond)
		}
		r.end()
		asleep, later := 0, 0
		for i := range r.records {
			f := &r.records[i].Flow
			first, last := f.Span()
			switch {
			case f.End == flow.EndAsleep && last <= before && first > before-int64(time.Second):
				asleep++
			case f.End == flow.EndForced && first >= before+int64(8*time.Hour):
				later++
			default:
				t.Errorf("end %d, from %v to %v", f.End, time.Unix(0, first), time.Unix(0, last))
			}
		}
		if asleep != 30 || later != 30 || r.table.Stats().Flows != 60 {
			t.Errorf("%d records end asleep, %d are later; %d flows", asleep, later, r.table.Stats().Flows)
		}
		if len(r.told) != 1 || r.told[0].kind != "asleep" || r.told[0].to-r.told[0].from != int64(8*time.Hour) || r.told[0].from < before {
			t.Errorf("told %+v", r.told)
		}
	}
}

// Frames of before the step that are read after it keep their place.
func TestFramesFromBeforeTheStep(t *testing.T) {
	r := newClockRun(t)
	r.packet(1, time.Second)
	old := r.fake.now.Wall
	r.fake.set(time.Hour)
	r.idle(100 * time.Millisecond)
	r.frame.Timestamp = time.Unix(0, old+int64(50*time.Millisecond))
	r.add(datagram(1))
	r.packet(1, 900*time.Millisecond)
	r.packet(1, time.Second)
	r.end()
	if n := len(r.records); n != 1 || r.records[0].Flow.Side[0].Packets != 4 || r.table.Stats().Flows != 1 {
		t.Errorf("%d records, %+v", n, r.table.Stats())
	}
}

// A clock that drifts, or is set by less than two seconds, is told of when it has come that far.
func TestSmallStepsAddUp(t *testing.T) {
	r := newClockRun(t)
	for range 3 {
		r.fake.set(900 * time.Millisecond)
		r.packet(1, time.Second)
	}
	if len(r.told) != 1 || r.told[0].to-r.told[0].from != int64(2700*time.Millisecond) {
		t.Errorf("told %+v", r.told)
	}
}

// An agent whose system slept records it, and its meters, silent as they are, close their flows at once.
func TestAgentWakesUp(t *testing.T) {
	r := newClockRun(t)
	s := newSlot(platform.Interface{}, nil, nil)
	ms := meters{slots: map[slotKey]*slot{{1, "eth0"}: s}}
	r.clocks.changed = func(string, time.Time, time.Time) { ms.interrupt() }
	next := times(1, 1, 0, time.Unix(0, r.fake.now.Wall))
	r.src = newFrames(next, nil)
	ctx, cancel := context.WithCancel(t.Context())
	metered := make(chan struct{}, 100)
	r.state = func(c Counters) {
		if c.Captured() == 1 {
			select {
			case metered <- struct{}{}:
			default:
			}
		}
	}
	asleep := make(chan flow.End, 1)
	r.emit = func(b []byte, _ int) error {
		for rec, err := range argus.Records(b) {
			if err != nil {
				return err
			}
			asleep <- rec.Flow.End
		}
		return nil
	}
	done := make(chan error, 1)
	go func() { done <- s.once(ctx, func(*slot) (*meter, error) { return r.meter, nil }) }()
	<-metered
	r.fake.mu.Lock()
	r.fake.sleep(8 * time.Hour)
	r.fake.mu.Unlock()
	r.clocks.now()
	select {
	case end := <-asleep:
		if end != flow.EndAsleep {
			t.Errorf("end %d", end)
		}
	case <-time.After(5 * time.Second):
		t.Error("the flow was not closed")
	}
	cancel()
	<-done
}
