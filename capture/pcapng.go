package capture

import (
	"math"
	"time"
)

// Block types (draft-ietf-opsawg-pcapng section 4).
const (
	pcapngInterface = 1
	pcapngObsolete  = 2 // the packet block of before 2007
	pcapngSimple    = 3
	pcapngEnhanced  = 6
	pcapngSection   = 0x0a0d0d0a // reads the same in both byte orders
)

const maxInterfaces = 1 << 14 // of one section

// pcapng reads the block format (draft-ietf-opsawg-pcapng).
type pcapng struct {
	order      byteOrder
	interfaces []pcapngIF // of the current section
	last       time.Time  // of the packet before, for simple packet blocks, which carry none
}

// begin checks the first section header, which next reads again.
func (p *pcapng) begin(s *fileSource) error {
	p.last = time.Unix(0, 0).UTC()
	b, err := s.peek(12)
	if err != nil {
		return err
	}
	return p.section(s, b)
}

// next reads blocks until one holds a packet.
func (p *pcapng) next(s *fileSource, f *Frame) ([]byte, error) {
	for {
		kind, body, err := p.block(s)
		if err != nil {
			return nil, err
		}
		switch kind {
		case pcapngInterface:
			if err := p.addInterface(s, body); err != nil {
				return nil, err
			}
		case pcapngObsolete, pcapngSimple, pcapngEnhanced:
			return p.packet(s, kind, body, f)
		}
	}
}

// block passes over the block before and lends the body of the next one. That of one that need not be looked into
// is empty and passed over already.
func (p *pcapng) block(s *fileSource) (kind uint32, body []byte, err error) {
	if err := s.skip(s.consumed); err != nil {
		return 0, nil, err
	}
	s.consumed = 0
	b, err := s.peek(12)
	if err != nil {
		return 0, nil, err
	}
	if kind = p.order.u32(b); kind == pcapngSection {
		if err := p.section(s, b); err != nil {
			return 0, nil, err
		}
	}
	size := p.order.u32(b[4:])
	if size < 12 || size%4 != 0 {
		return 0, nil, s.damaged("a block of %d octets", size)
	}
	switch kind {
	case pcapngInterface, pcapngObsolete, pcapngSimple, pcapngEnhanced:
	default:
		return kind, nil, p.skipBlock(s, size)
	}
	if size > fileBuffer {
		return 0, nil, s.damaged("a block of %d octets; at most %d are possible", size, fileBuffer)
	}
	if b, err = s.peek(int(size)); err != nil {
		return 0, nil, err
	}
	s.consumed = int(size)
	return kind, b[8 : size-4], nil
}

// section begins a section: its byte order, and no interfaces yet.
func (p *pcapng) section(s *fileSource, b []byte) error {
	const magic = 0x1a2b3c4d
	p.order = bigEndian
	if p.order.u32(b[8:]) != magic {
		p.order = !bigEndian
		if p.order.u32(b[8:]) != magic {
			return s.damaged("a section header without a byte order mark")
		}
	}
	if n := p.order.u32(b[4:]); n < 28 || n%4 != 0 {
		return s.damaged("a section header of %d octets", n)
	}
	p.interfaces = p.interfaces[:0]
	return nil
}

// skipBlock passes over a block of any size without holding it.
func (p *pcapng) skipBlock(s *fileSource, size uint32) error {
	if uint64(size) > math.MaxInt32 {
		return s.damaged("a block of %d octets", size)
	}
	at := s.offset
	if err := s.skip(int(size)); err != nil {
		have := s.offset - at
		s.offset = at
		return truncated(at, have, int(size), err)
	}
	return nil
}

// packet reads the body of a block that holds one.
func (p *pcapng) packet(s *fileSource, kind uint32, body []byte, f *Frame) ([]byte, error) {
	if kind == pcapngSimple {
		return p.simple(s, body, f)
	}
	if len(body) < 20 {
		return nil, s.damaged("a packet block of %d octets", len(body)+12)
	}
	index := p.order.u32(body)
	if kind == pcapngObsolete {
		index = uint32(p.order.u16(body)) // the drop count follows
	}
	if uint64(index) >= uint64(len(p.interfaces)) {
		return nil, s.damaged("a packet of interface %d; the section has %d", index, len(p.interfaces))
	}
	captured, wire := p.order.u32(body[12:]), p.order.u32(body[16:])
	if captured > maxRecord || int(captured) > len(body)-20 {
		return nil, s.damaged("a frame of %d octets in a block of %d", captured, len(body)+12)
	}
	in := &p.interfaces[index]
	setFrame(f, in.link, captured, wire)
	f.InterfaceIndex = int(index)
	p.last = in.time(uint64(p.order.u32(body[4:]))<<32 | uint64(p.order.u32(body[8:])))
	f.Timestamp = p.last
	end := 20 + int(captured)
	p.packetOptions(body[min(end+int(-captured&3), len(body)):], f)
	return body[20:end:end], nil
}

// simple reads a simple packet block: interface 0, no time, captured as long as the interface's snap length allows.
func (p *pcapng) simple(s *fileSource, body []byte, f *Frame) ([]byte, error) {
	if len(p.interfaces) == 0 || len(body) < 4 {
		return nil, s.damaged("a simple packet block without an interface or a length")
	}
	in := &p.interfaces[0]
	wire := p.order.u32(body)
	captured := min(wire, uint32(len(body)-4), maxRecord)
	if in.snapLen != 0 {
		captured = min(captured, in.snapLen)
	}
	setFrame(f, in.link, captured, wire)
	f.InterfaceIndex = 0
	f.Timestamp = p.last
	return body[4 : 4+captured : 4+captured], nil
}

// packetOptions takes the direction from the flags option (2) of a packet block.
func (p *pcapng) packetOptions(b []byte, f *Frame) {
	const flags, outbound = 2, 2
	for len(b) >= 4 {
		code, n := p.order.u16(b), int(p.order.u16(b[2:]))
		if code == 0 || len(b) < 4+n {
			return
		}
		if code == flags && n == 4 {
			f.Outgoing = p.order.u32(b[4:])&3 == outbound
			return
		}
		b = b[min(4+(n+3)&^3, len(b)):]
	}
}
