package capture

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"sync"
)

// Windows' own packet capture is a driver, ndiscap, that writes each frame as an event of the provider Microsoft-Windows-NDIS-PacketCapture
// to a trace session (Event Tracing for Windows). One session serves all interfaces of the host.

// ndisProvider is {2ED6006E-4729-4609-B423-3EE7BCD678EF} as it lies in memory.
var ndisProvider = [16]byte{0x6e, 0x00, 0xd6, 0x2e, 0x29, 0x47, 0x09, 0x46, 0xb4, 0x23, 0x3e, 0xe7, 0xbc, 0xd6, 0x78, 0xef}

// Offsets in EVENT_RECORD (evntcons.h) of programs of 64 bits; it begins with an EVENT_HEADER.
const (
	eventTime       = 16
	eventProvider   = 24
	eventID         = 40
	eventKeywords   = 48
	eventDataLength = 86
	eventData       = 96
	eventRecordSize = 112
)

// The event of a frame, or a fragment of one: indexes of the adapter and of the layer below the driver, and the octets. Later versions
// of the event have more behind them.
const (
	ndisFragment       = 1001
	ndisFragmentHeader = 12
)

// Keywords of the provider (netsh trace show provider Microsoft-Windows-NDIS-PacketCapture).
const (
	ndisWirelessWAN = 0x200
	ndisNative80211 = 0x10000
	ndisStart       = 0x40000000
	ndisEnd         = 0x80000000
	ndisSend        = 0x100000000
	ndisReceive     = 0x200000000
	ndisPacket      = 0x40000000000
)

// maxNDISFrame bounds what the fragments of one frame say together.
const maxNDISFrame = 1 << 20

// traceEvent is what is used of an EVENT_RECORD.
type traceEvent struct {
	time     int64 // 100 ns since 1601
	id       uint16
	keywords uint64
	payload  []byte
}

// readEvent reads the fixed part of an event, and tells whether it is one of the provider.
func readEvent(record []byte) (e traceEvent, ok bool) {
	if len(record) < eventRecordSize || [16]byte(record[eventProvider:]) != ndisProvider {
		return e, false
	}
	return traceEvent{
		time: int64(binary.LittleEndian.Uint64(record[eventTime:])), id: binary.LittleEndian.Uint16(record[eventID:]),
		keywords: binary.LittleEndian.Uint64(record[eventKeywords:]),
	}, true
}

// fragment is the payload of an event of ndisFragment.
type fragment struct {
	miniport, lower uint32
	data            []byte
}

func readFragment(payload []byte) (f fragment, ok bool) {
	if len(payload) < ndisFragmentHeader {
		return f, false
	}
	size := binary.LittleEndian.Uint32(payload[8:])
	if uint64(size) > uint64(len(payload)-ndisFragmentHeader) {
		return f, false
	}
	return fragment{
		miniport: binary.LittleEndian.Uint32(payload), lower: binary.LittleEndian.Uint32(payload[4:]),
		data: payload[ndisFragmentHeader : ndisFragmentHeader+size],
	}, true
}

// unixNano converts a FILETIME.
func unixNano(filetime int64) int64 { return (filetime - 116444736000000000) * 100 }

// tracer is what a capture needs of the system.
type tracer interface {
	prepare() error // starts the driver and attaches it to the adapters
	start() error   // starts the session of our name; fs.ErrExist: there is one
	enable() error  // lets the provider write to it
	// process calls event for each event of the session and flush after each buffer, until stop or an error.
	process(event func(*traceEvent), flush func()) error
	lost() (uint32, error) // events and buffers of the session that were lost, modulo 2^32
	stop() error           // ends the session of our name, whoever started it
	release()              // undoes prepare
}

// ndis is the session, while any source needs it.
type ndis struct {
	tracer tracer

	life    sync.Mutex // one start or stop at a time
	running sync.WaitGroup

	mu      sync.Mutex // guards what follows
	sources map[uint32]*ndisSource
	ended   bool   // the session ended by itself
	unread  uint64 // events that made no sense: they cannot be told to an interface
	told    uint32 // of tracer.lost
}

// open begins to capture on the interface of an index, and starts the session for the first one.
func (n *ndis) open(name string, index int, o Options) (Source, error) {
	n.life.Lock()
	defer n.life.Unlock()
	if n.stopped() {
		n.running.Wait()
		if err := n.start(); err != nil {
			return nil, err
		}
	} else if err := n.tracer.prepare(); err != nil { // a new adapter has no driver yet
		return nil, err
	}
	s := &ndisSource{q: newQueue(name, index, "ndis-etw", o)}
	s.q.stop = func() { n.close(uint32(index), s) }
	s.q.lost = func() (uint64, error) { return n.lost(s) }
	n.mu.Lock()
	defer n.mu.Unlock()
	if old := n.sources[uint32(index)]; old != nil {
		return nil, fmt.Errorf("interface index %d is captured already", index)
	}
	n.sources[uint32(index)] = s
	return s.q, nil
}

// stopped tells whether there is no session.
func (n *ndis) stopped() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.sources == nil || n.ended
}

// start starts the session, in place of one that a run which crashed has left.
func (n *ndis) start() error {
	err := n.tracer.prepare()
	if err == nil {
		err = n.tracer.start()
	}
	if errors.Is(err, fs.ErrExist) {
		if err = n.tracer.stop(); err == nil {
			err = n.tracer.start()
		}
	}
	if err == nil {
		if err = n.tracer.enable(); err != nil {
			_ = n.tracer.stop()
		}
	}
	if err != nil {
		n.tracer.release()
		return err
	}
	n.mu.Lock()
	n.sources, n.ended, n.told = map[uint32]*ndisSource{}, false, 0
	n.mu.Unlock()
	n.running.Go(func() { n.end(n.tracer.process(n.event, n.flush)) })
	return nil
}

// end tells the sources that there is no more.
func (n *ndis) end(err error) {
	if err == nil {
		err = errors.New("the trace session was ended by somebody else")
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.ended = true
	for _, s := range n.sources {
		s.q.fail(err)
	}
}

// close ends a source, and the session with the last one.
func (n *ndis) close(index uint32, s *ndisSource) {
	n.life.Lock()
	defer n.life.Unlock()
	n.mu.Lock()
	mine := n.sources[index] == s
	if mine {
		delete(n.sources, index)
	}
	last := mine && len(n.sources) == 0
	n.mu.Unlock()
	if !last {
		return
	}
	_ = n.tracer.stop() // it may have ended by itself
	n.running.Wait()
	n.tracer.release()
	n.mu.Lock()
	n.sources = nil
	n.mu.Unlock()
}

// event takes one event: it is called by one thread.
func (n *ndis) event(e *traceEvent) {
	if e.id != ndisFragment {
		return
	}
	f, ok := readFragment(e.payload)
	n.mu.Lock()
	defer n.mu.Unlock()
	if !ok {
		n.unread++
	} else if s := n.sources[f.miniport]; s != nil {
		s.take(&f, e)
	}
}

func (n *ndis) flush() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, s := range n.sources {
		s.q.flush()
	}
}

// lost adds to s what the session has lost since any source was asked: a lost event does not tell whose it was, and so that the
// sum is right the first to ask gets them.
func (n *ndis) lost(s *ndisSource) (uint64, error) {
	now, err := n.tracer.lost()
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.ended || n.sources == nil {
		return s.lost, nil
	}
	if err != nil {
		return s.lost, err
	}
	s.lost += uint64(now-n.told) + n.unread
	n.told, n.unread = now, 0
	return s.lost, nil
}
