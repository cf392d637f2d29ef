package capture

import (
	"encoding/binary"
	"errors"
	"sync"
	"time"
)

// pcapHandle is what the capture needs of a libpcap handle (pcap(3PCAP)).
type pcapHandle interface {
	// next returns the header and the captured octets of a frame, valid until the next call, or nothing: then none came within the
	// read timeout, none is there, or breakLoop was called.
	next() (header, data []byte, err error)
	setNonBlock(on bool) error
	breakLoop()
	drops() (uint32, error) // since the handle was activated, modulo 2^32
	close()
}

// pcapHeaderSize is that of struct pcap_pkthdr on Windows, where a long has 32 bits also in programs of 64: seconds and
// microseconds of a struct timeval, octets captured, octets on the wire.
const pcapHeaderSize = 16

// pcapNote reads a struct pcap_pkthdr. The seconds are taken as unsigned: until 2106.
func pcapNote(h []byte, link LinkType) (n note, captured uint32, ok bool) {
	if len(h) < pcapHeaderSize {
		return note{}, 0, false
	}
	sec, usec := binary.NativeEndian.Uint32(h), binary.NativeEndian.Uint32(h[4:])
	captured = binary.NativeEndian.Uint32(h[8:])
	n = note{at: int64(sec)*1e9 + int64(usec)*1e3, length: binary.NativeEndian.Uint32(h[12:]), link: link, notVerified: true}
	return n, captured, usec < 1e6 && captured <= n.length
}

// errPcapHeader says that the library handed over what cannot be.
var errPcapHeader = errors.New("wpcap.dll returned a frame header that makes no sense")

// pcapPause is how long the frames of an interface gather in the library's buffer before they are fetched: it bounds their
// delay and the wake-ups a second. A silent interface causes none.
const pcapPause = 100 * time.Millisecond

// pcapBusy is how many frames in one pause are so many that the next ones are fetched without: they could fill the library's buffer.
const pcapBusy = 500

// feedPcap begins to put the frames of h into q; it belongs to q then.
func feedPcap(q *queue, h pcapHandle, link LinkType) {
	p := &pcapFeed{q: q, h: h, link: link, stopped: make(chan struct{})}
	q.stop, q.lost = p.stop, p.lost
	p.done.Go(func() {
		if err := p.run(); err != nil {
			q.fail(err)
		}
	})
}

type pcapFeed struct {
	q       *queue
	h       pcapHandle
	link    LinkType
	stopped chan struct{}
	done    sync.WaitGroup

	mu     sync.Mutex // guards what follows, and the handle against its end
	closed bool
	told   uint32
	sum    uint64
}

// run waits in the library for a frame, then fetches what has gathered after a pause, and again until there was nothing.
func (p *pcapFeed) run() error {
	for {
		if err := p.h.setNonBlock(false); err != nil {
			return err
		}
		ok, err := p.one()
		if err != nil || p.isStopped() {
			return err
		}
		if !ok {
			continue
		}
		if err := p.h.setNonBlock(true); err != nil {
			return err
		}
		for n := 1; n > 0; {
			if n < pcapBusy {
				select {
				case <-p.stopped:
				case <-time.After(pcapPause):
				}
			}
			n, err = p.drain()
			p.q.flush()
			if err != nil || p.isStopped() {
				return err
			}
		}
	}
}

// drain fetches the frames that are there.
func (p *pcapFeed) drain() (n int, err error) {
	for {
		ok, err := p.one()
		if !ok || err != nil {
			return n, err
		}
		n++
	}
}

// one fetches a frame, if one comes.
func (p *pcapFeed) one() (bool, error) {
	h, data, err := p.h.next()
	if h == nil || err != nil {
		return false, err
	}
	n, captured, ok := pcapNote(h, p.link)
	if !ok || captured < uint32(len(data)) {
		return false, errPcapHeader
	}
	p.q.put(&n, data)
	return true, nil
}

func (p *pcapFeed) isStopped() bool {
	select {
	case <-p.stopped:
		return true
	default:
		return false
	}
}

// lost adds up what the library counts in 32 bits.
func (p *pcapFeed) lost() (uint64, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return p.sum, nil
	}
	now, err := p.h.drops()
	if err != nil {
		return p.sum, err
	}
	p.sum += uint64(now - p.told)
	p.told = now
	return p.sum, nil
}

func (p *pcapFeed) stop() {
	close(p.stopped)
	p.h.breakLoop()
	p.done.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	p.h.close()
}
