package capture

import (
	"encoding/binary"
	"math"
	"time"
)

// pcap reads the classic format (tcpdump.org pcap-savefile; draft-ietf-opsawg-pcap).
type pcap struct {
	order    byteOrder
	header   int    // octets of a record header
	fraction uint32 // nanoseconds that one unit of the time's fraction stands for
	swapped  lengthOrder
	link     LinkType
}

// lengthOrder says which of a record's two lengths comes first: files of version 2.3 and before differ.
type lengthOrder uint8

const (
	capturedFirst lengthOrder = iota
	wireFirst
	smallerIsCaptured
)

// byteOrder reads integers of a file; a bool is cheaper than an interface for every integer.
type byteOrder bool

const bigEndian byteOrder = true

func (o byteOrder) u16(b []byte) uint16 {
	if o == bigEndian {
		return binary.BigEndian.Uint16(b)
	}
	return binary.LittleEndian.Uint16(b)
}

func (o byteOrder) u32(b []byte) uint32 {
	if o == bigEndian {
		return binary.BigEndian.Uint32(b)
	}
	return binary.LittleEndian.Uint32(b)
}

func (o byteOrder) u64(b []byte) uint64 {
	if o == bigEndian {
		return binary.BigEndian.Uint64(b)
	}
	return binary.LittleEndian.Uint64(b)
}

// pcapFormats are the magic numbers as they read in little-endian order. The "modified" ones are those of an old
// Linux patch with 8 more octets in each record header.
var pcapFormats = map[uint32]pcap{
	0xa1b2c3d4: {header: 16, fraction: 1000},
	0xd4c3b2a1: {header: 16, fraction: 1000, order: bigEndian},
	0xa1b23c4d: {header: 16, fraction: 1},
	0x4d3cb2a1: {header: 16, fraction: 1, order: bigEndian},
	0xa1b2cd34: {header: 24, fraction: 1000},
	0x34cdb2a1: {header: 24, fraction: 1000, order: bigEndian},
}

// begin reads the file header.
func (p *pcap) begin(s *fileSource) error {
	b, err := s.peek(24)
	if err != nil {
		return err
	}
	major, minor := p.order.u16(b[4:]), p.order.u16(b[6:])
	switch {
	case major == 2 && minor == 3, major == 543 && minor == 0:
		p.swapped = smallerIsCaptured
	case major == 2 && minor < 3:
		p.swapped = wireFirst
	case major != 2:
		return s.damaged("pcap version %d.%d is not known", major, minor)
	}
	p.link = LinkType(p.order.u32(b[20:])) // the upper half tells the length of the frame check sequence
	return s.skip(24)
}

// next reads one record.
func (p *pcap) next(s *fileSource, f *Frame) ([]byte, error) {
	if err := s.skip(s.consumed); err != nil {
		return nil, err
	}
	s.consumed = 0
	b, err := s.peek(p.header)
	if err != nil {
		return nil, err
	}
	captured, wire := p.lengths(b)
	if captured > maxRecord {
		return nil, s.damaged("a frame of %d octets; at most %d are possible", captured, maxRecord)
	}
	size := p.header + int(captured)
	if b, err = s.peek(size); err != nil {
		return nil, err
	}
	s.consumed = size
	setFrame(f, p.link, captured, wire)
	f.Timestamp = time.Unix(int64(p.order.u32(b)), int64(p.order.u32(b[4:]))*int64(p.fraction)).UTC()
	f.InterfaceIndex = 0
	f.Outgoing = p.header == 24 && b[22] == packetOutgoing
	return b[p.header:], nil
}

func (p *pcap) lengths(b []byte) (captured, wire uint32) {
	captured, wire = p.order.u32(b[8:]), p.order.u32(b[12:])
	if p.swapped == wireFirst || p.swapped == smallerIsCaptured && captured > wire {
		return wire, captured
	}
	return captured, wire
}

// packetOutgoing is Linux's PACKET_OUTGOING (linux/if_packet.h): this host sent the frame.
const packetOutgoing = 4

// setFrame sets what every record of a file has and clears what none has.
func setFrame(f *Frame, link LinkType, captured, wire uint32) {
	f.Link = link
	f.CaptureLength = int(captured)
	f.Length = int(min(wire, math.MaxInt32)) // an int of 32 bits must not become negative
	f.VLANTCI, f.VLANTPID, f.GSOSize = 0, 0, 0
	f.HasVLAN, f.Outgoing, f.ChecksumNotReady = false, false, false
}
