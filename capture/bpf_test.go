package capture

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// bpfFrame is what the kernel of macOS writes before a frame.
type bpfFrame struct {
	data             []byte
	sec, usec, wire  uint32
	headerLen        uint16 // 0: what the kernel of macOS has for the link
	captured, header int64  // what to write instead of the right value, if not 0
}

// newBPFBuffer lays frames out as one read returns them: each at a multiple of 4 octets, the last not padded.
func newBPFBuffer(frames ...bpfFrame) (b []byte) {
	ne := binary.NativeEndian
	for _, f := range frames {
		for len(b)%bpfAlignment != 0 {
			b = append(b, 0xee)
		}
		begin := int(max(f.headerLen, bpfHeader))
		h := make([]byte, begin)
		ne.PutUint32(h[bpfSec:], f.sec)
		ne.PutUint32(h[bpfUsec:], f.usec)
		ne.PutUint32(h[bpfCaptured:], uint32(len(f.data)))
		if f.captured != 0 {
			ne.PutUint32(h[bpfCaptured:], uint32(f.captured))
		}
		ne.PutUint32(h[bpfWire:], f.wire)
		ne.PutUint16(h[bpfHeaderLen:], uint16(begin))
		if f.header != 0 {
			ne.PutUint16(h[bpfHeaderLen:], uint16(f.header))
		}
		b = append(append(b, h...), f.data...)
	}
	return b
}

func walkBPF(mem []byte) (out []string) {
	var f Frame
	for b := (bpfBuffer{mem: mem}); ; {
		data, ok := b.next(&f, LinkNull)
		if !ok {
			return out
		}
		if cap(data) != len(data) || len(data) != f.CaptureLength || f.Link != LinkNull {
			out = append(out, fmt.Sprintf("lent %d of %d, announced %d, link %d", len(data), cap(data), f.CaptureLength, f.Link))
		}
		out = append(out, fmt.Sprintf("%d.%09d %q %d", f.Timestamp.Unix(), f.Timestamp.Nanosecond(), data, f.Length))
	}
}

// TestBPFBuffer has the header lengths of macOS: 18 before an Ethernet frame, 20 before the four octets of a loopback one.
func TestBPFBuffer(t *testing.T) {
	got := walkBPF(newBPFBuffer(
		bpfFrame{data: []byte("abc"), sec: 1700000000, usec: 999999, wire: 60},
		bpfFrame{data: []byte("de"), sec: 1700000001, wire: 2, headerLen: 20},
		bpfFrame{sec: 3e9, wire: 1500, headerLen: 28}, // after 2038
		bpfFrame{data: []byte("f"), sec: 1, wire: 0xffffffff},
	))
	want := []string{`1700000000.999999000 "abc" 60`, `1700000001.000000000 "de" 2`, `3000000000.000000000 "" 1500`, `1.000000000 "f" 2147483647`}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

// TestBPFBufferNonsense has buffers that no kernel writes: the walk ends at the first frame that makes no sense.
func TestBPFBufferNonsense(t *testing.T) {
	good := bpfFrame{data: []byte("abc"), wire: 3}
	for name, c := range map[string]struct {
		frames int
		mem    []byte
	}{
		"empty":                    {0, nil},
		"shorter than a header":    {0, make([]byte, bpfHeader-1)},
		"zeros":                    {0, make([]byte, 4096)},
		"header within its fields": {1, newBPFBuffer(good, bpfFrame{header: bpfHeader - 1}, good)},
		"header beyond the buffer": {1, newBPFBuffer(good, bpfFrame{header: 65535}, good)},
		"frame beyond the buffer":  {1, newBPFBuffer(good, bpfFrame{captured: 1 << 20}, good)},
		"length of 2^32-1":         {0, newBPFBuffer(bpfFrame{captured: -1}, good)},
		"length of 2^31":           {0, newBPFBuffer(bpfFrame{captured: 1 << 31}, good)},
		"cut in a frame":           {1, newBPFBuffer(good, good)[:43]},
	} {
		if got := walkBPF(c.mem); len(got) != c.frames {
			t.Errorf("%s: %d frames, want %d: %s", name, len(got), c.frames, got)
		}
	}
}

func FuzzBPFBuffer(f *testing.F) {
	f.Add(newBPFBuffer(bpfFrame{data: []byte("abc"), wire: 3}, bpfFrame{data: make([]byte, 30), headerLen: 26}))
	f.Add(newBPFBuffer(bpfFrame{captured: -1}))
	f.Add(newBPFBuffer(bpfFrame{header: 17}))
	f.Fuzz(func(t *testing.T, mem []byte) {
		var frame Frame
		b := bpfBuffer{mem: mem}
		for n, last := 0, -1; ; n++ {
			data, ok := b.next(&frame, LinkEthernet)
			if !ok {
				return
			}
			if !within(data, mem) || len(data) != frame.CaptureLength || frame.Length < 0 || b.off <= last || n > len(mem)/bpfHeader {
				t.Fatalf("frame %d: %d octets at %d of %d, %+v", n, len(data), b.off, len(mem), frame.CaptureInfo)
			}
			last = b.off
		}
	})
}

// fakeBPF is a device whose reads and times the test says.
type fakeBPF struct {
	reads  chan []byte // nil is the end of the interface
	next   []byte
	has    bool
	woken  chan struct{}
	mu     sync.Mutex
	drop   uint32
	closed bool
	waits  int
}

func newFakeBPF() *fakeBPF {
	return &fakeBPF{reads: make(chan []byte, 8), woken: make(chan struct{}, 1)}
}

func (d *fakeBPF) wait(wait time.Duration) (bool, error) {
	d.mu.Lock()
	if d.waits++; d.closed {
		panic("a wait on a closed device")
	}
	d.mu.Unlock()
	if !d.has {
		select {
		case d.next = <-d.reads:
			d.has = true
		default:
			select {
			case d.next = <-d.reads:
				d.has = true
			case <-d.woken:
			case <-time.After(wait):
			}
		}
	}
	return d.has, nil
}

func (d *fakeBPF) read(b []byte) (int, error) {
	if d.has = false; d.next == nil {
		return 0, ErrInterfaceDown
	}
	return copy(b, d.next), nil
}

func (d *fakeBPF) drops() (uint32, error) { return d.drop, nil }

func (d *fakeBPF) wake() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		panic("a closed device is woken")
	}
	select {
	case d.woken <- struct{}{}:
	default:
	}
}

func (d *fakeBPF) close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed = true
}

func TestBPFSource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newFakeBPF()
		ours := ethernet(etherIPv4)
		theirs := slices.Concat(ours[6:12], ours[:6], ours[12:])
		s := newBPFSource("en0", 4, LinkEthernet, net.HardwareAddr(ours[6:12]), d, 4096)
		d.reads <- newBPFBuffer(bpfFrame{data: ours}, bpfFrame{data: theirs})
		d.reads <- []byte{} // a read that gives nothing
		d.reads <- newBPFBuffer(bpfFrame{data: ours[:11]})
		var f Frame
		for i, want := range []bool{true, false, false} {
			if _, err := s.Next(&f, time.Second); err != nil || f.Outgoing != want || f.InterfaceIndex != 4 || f.Link != LinkEthernet {
				t.Errorf("frame %d: %+v, %v", i, f, err)
			}
		}
		began := time.Now()
		if _, err := s.Next(&f, time.Second); !errors.Is(err, ErrTimeout) || time.Since(began) != time.Second {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
		d.woken <- struct{}{} // by a signal
		if _, err := s.Next(&f, time.Second); !errors.Is(err, ErrTimeout) || time.Since(began) != 2*time.Second {
			t.Errorf("woken for nothing, after %v: %v", time.Since(began), err)
		}
		d.drop = 0xffffffff
		first, err := s.Stats()
		d.drop = 4 // it begins anew at 2^32
		last, err2 := s.Stats()
		if want := (Stats{Received: 3, Dropped: 0xffffffff, Method: "bpf"}); first != want || last.Dropped != 0xffffffff+5 || err != nil || err2 != nil {
			t.Errorf("stats %+v, then %+v; %v, %v", first, last, err, err2)
		}
		d.reads <- nil
		if _, err := s.Next(&f, time.Second); !errors.Is(err, ErrInterfaceDown) {
			t.Errorf("the interface is gone: %v", err)
		}
	})
}

// TestBPFSourceOfPackets: without hardware addresses nobody knows who has sent a packet.
func TestBPFSourceOfPackets(t *testing.T) {
	d := newFakeBPF()
	packet := []byte{0x45, 0, 0, 40, 0, 0, 0x40, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2}
	s := newBPFSource("utun3", 7, LinkRaw, net.HardwareAddr(packet[6:12]), d, 4096)
	d.reads <- newBPFBuffer(bpfFrame{data: packet})
	var f Frame
	if _, err := s.Next(&f, 0); err != nil || f.Outgoing {
		t.Errorf("%+v, %v", f, err)
	}
}

// TestBPFSourceInterrupt interrupts a wait, and one that has yet to begin: not what can be read without waiting.
func TestBPFSourceInterrupt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newFakeBPF()
		s := newBPFSource("en0", 1, LinkRaw, nil, d, 4096)
		var f Frame
		began := time.Now()
		time.AfterFunc(time.Second, s.Interrupt)
		if _, err := s.Next(&f, time.Hour); !errors.Is(err, ErrTimeout) || time.Since(began) != time.Second {
			t.Errorf("interrupted after a second: %v after %v", err, time.Since(began))
		}
		s.Interrupt()
		d.reads <- newBPFBuffer(bpfFrame{data: []byte("E")})
		if _, err := s.Next(&f, time.Hour); err != nil {
			t.Errorf("a frame is there: %v", err)
		}
		if _, err := s.Next(&f, time.Hour); !errors.Is(err, ErrTimeout) || time.Since(began) != time.Second {
			t.Errorf("interrupted before: %v after %v", err, time.Since(began))
		}
		if _, err := s.Next(&f, time.Minute); !errors.Is(err, ErrTimeout) || time.Since(began) != time.Minute+time.Second {
			t.Errorf("not interrupted: %v after %v", err, time.Since(began))
		}
		if d.waits > 6 {
			t.Errorf("woke up %d times", d.waits)
		}
	})
}

// TestBPFSourceClose closes a source that waits, twice.
func TestBPFSourceClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newFakeBPF()
		s := newBPFSource("en0", 1, LinkRaw, nil, d, 4096)
		time.AfterFunc(time.Second, func() { s.Close() })
		var f Frame
		began := time.Now()
		if _, err := s.Next(&f, time.Hour); !errors.Is(err, net.ErrClosed) || time.Since(began) != time.Second {
			t.Errorf("closed after a second: %v after %v", err, time.Since(began))
		}
		synctest.Wait()
		if err := s.Close(); err != nil || !d.closed {
			t.Errorf("closed twice: %v, the device: %v", err, d.closed)
		}
		s.Interrupt()
		if _, err := s.Next(&f, 0); !errors.Is(err, net.ErrClosed) {
			t.Errorf("after the end: %v", err)
		}
		if _, err := s.Stats(); err != nil {
			t.Errorf("stats after the end: %v", err)
		}
	})
}

func TestBPFSourceAllocatesNothing(t *testing.T) {
	d := newFakeBPF()
	s := newBPFSource("en0", 1, LinkEthernet, net.HardwareAddr{1, 2, 3, 4, 5, 6}, d, 1<<20)
	frames := make([]bpfFrame, 2000)
	for i := range frames {
		frames[i].data = make([]byte, 60)
	}
	d.reads <- newBPFBuffer(frames...)
	var f Frame
	if n := testing.AllocsPerRun(1000, func() {
		if _, err := s.Next(&f, 0); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations a frame", n)
	}
}
