package capture

import (
	"encoding/binary"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// fakePcap is a libpcap handle: frames arrive in its buffer, and a blocking read waits for one.
type fakePcap struct {
	frames   chan [2][]byte
	broken   chan bool
	blocking bool
	reads    atomic.Int32 // that waited
	dropped  uint32
	err      error
	closed   int
}

func newFakePcap() *fakePcap {
	return &fakePcap{frames: make(chan [2][]byte, 1000), broken: make(chan bool, 1)}
}

func pcapHeader(sec, usec, captured, length uint32) []byte {
	var h []byte
	for _, v := range []uint32{sec, usec, captured, length} {
		h = binary.NativeEndian.AppendUint32(h, v)
	}
	return h
}

func (p *fakePcap) arrive(length, captured int) {
	at := time.Now()
	p.frames <- [2][]byte{pcapHeader(uint32(at.Unix()), uint32(at.Nanosecond()/1000), uint32(captured), uint32(length)), make([]byte, captured)}
}

func (p *fakePcap) next() (header, data []byte, err error) {
	if !p.blocking {
		select {
		case f := <-p.frames:
			return f[0], f[1], nil
		case <-p.broken:
		default:
		}
		return nil, nil, p.err
	}
	p.reads.Add(1)
	select {
	case f := <-p.frames:
		return f[0], f[1], nil
	case <-p.broken:
		return nil, nil, nil
	}
}

func (p *fakePcap) setNonBlock(on bool) error { p.blocking = !on; return nil }
func (p *fakePcap) breakLoop()                { p.broken <- true }
func (p *fakePcap) drops() (uint32, error)    { return p.dropped, nil }
func (p *fakePcap) close()                    { p.closed++ }

func TestPcapHeader(t *testing.T) {
	for _, c := range []struct {
		header []byte
		ok     bool
	}{
		{pcapHeader(1_700_000_000, 999_999, 60, 1500), true},
		{pcapHeader(1<<32-1, 0, 0, 0), true},
		{pcapHeader(1, 1_000_000, 60, 60), false},
		{pcapHeader(1, 0, 61, 60), false},
		{pcapHeader(1, 0, 60, 60)[:15], false},
	} {
		if n, _, ok := pcapNote(c.header, LinkEthernet); ok != c.ok {
			t.Errorf("%x: %+v, %v", c.header, n, ok)
		}
	}
	n, captured, _ := pcapNote(pcapHeader(1_700_000_000, 999_999, 60, 1500), LinkNull)
	if n != (note{at: 1_700_000_000_999_999_000, length: 1500, link: LinkNull, notVerified: true}) || captured != 60 {
		t.Errorf("%+v, %d", n, captured)
	}
	if n, _, _ := pcapNote(pcapHeader(1<<32-1, 0, 0, 0), 0); time.Unix(0, n.at).UTC().Year() != 2106 {
		t.Error("the seconds are unsigned:", time.Unix(0, n.at))
	}
}

// TestPcapFeed: frames come within the pause however few they are, a silent interface wakes nobody, and the end is the end.
func TestPcapFeed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, q := newFakePcap(), testQueue(512, 0)
		feedPcap(q, p, LinkEthernet)
		var f Frame
		const rounds = 20
		for range rounds {
			go func() {
				for range 10 {
					p.arrive(60, 60)
					time.Sleep(pcapPause / 4)
				}
			}()
			began := time.Now()
			for n := range 10 {
				if _, err := q.Next(&f, time.Second); err != nil || time.Since(f.Timestamp) > pcapPause {
					t.Fatalf("frame %d after %v: %v, %v old", n, time.Since(began), err, time.Since(f.Timestamp))
				}
			}
			time.Sleep(time.Minute)
		}
		if n := p.reads.Load(); n > rounds+1 {
			t.Errorf("%d reads waited in %d minutes with a burst each", n, rounds)
		}
		p.dropped = 1<<32 - 1
		if s, err := q.Stats(); s.Dropped != 1<<32-1 || err != nil {
			t.Error(s, err)
		}
		p.dropped += 3 // the library counts in 32 bits
		if s, _ := q.Stats(); s.Dropped != 1<<32+2 {
			t.Error(s)
		}
		if err := q.Close(); err != nil || p.closed != 1 {
			t.Error(err, p.closed)
		}
		if s, err := q.Stats(); s.Received != 10*rounds || err != nil {
			t.Error(s, err)
		}
	})
}

func TestPcapFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, c := range []struct {
			spoil func(p *fakePcap)
			want  error
		}{
			{func(p *fakePcap) { p.arrive(60, 60); p.arrive(60, 61) }, errPcapHeader},
			{func(p *fakePcap) { p.err = ErrInterfaceDown; p.arrive(60, 60) }, ErrInterfaceDown},
		} {
			p, q := newFakePcap(), testQueue(512, 0)
			feedPcap(q, p, LinkEthernet)
			synctest.Wait()
			c.spoil(p)
			var f Frame
			if _, err := q.Next(&f, time.Second); err != nil {
				t.Error("the frame before it:", err)
			}
			if _, err := q.Next(&f, time.Second); !errors.Is(err, c.want) {
				t.Errorf("%v, want %v", err, c.want)
			}
			_ = q.Close()
			if p.closed != 1 {
				t.Error("not closed")
			}
		}
	})
}
