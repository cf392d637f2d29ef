package capture

import (
	"encoding/binary"
	"slices"
	"time"

	"github.com/argus-endpoint/argus-endpoint/flow"
)

// Hand-made headers. Each function returns the octets of one header, with what it carries behind it.

var (
	macA = []byte{2, 0, 0, 0, 0, 0xa}
	macB = []byte{2, 0, 0, 0, 0, 0xb}
	ip6A = append([]byte{0x20, 1, 0xd, 0xb8}, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1)
	ip6B = append([]byte{0x20, 1, 0xd, 0xb8}, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2)
)

func u16(v ...int) []byte {
	var b []byte
	for _, x := range v {
		b = binary.BigEndian.AppendUint16(b, uint16(x))
	}
	return b
}

func join(parts ...[]byte) []byte { return slices.Concat(parts...) }

func ethernet(etherType int, rest ...[]byte) []byte {
	return join(macB, macA, u16(etherType), join(rest...))
}

func vlan(tci, etherType int) []byte { return u16(tci, etherType) }

// ipv4 is a header without options from 10.0.0.1 to 10.0.0.2.
func ipv4(proto int, rest ...[]byte) []byte { return ipv4With(proto, nil, 0, rest...) }

func ipv4With(proto int, options []byte, frag int, rest ...[]byte) []byte {
	body := join(rest...)
	header := join([]byte{0x45 + byte(len(options)/4), 0x10}, u16(20+len(options)+len(body), 0x1234, frag),
		[]byte{64, byte(proto), 0, 0, 10, 0, 0, 1, 10, 0, 0, 2}, options)
	sum := 0
	for i := 0; i < len(header); i += 2 {
		sum += int(be16(header[i:]))
	}
	copy(header[10:], u16(^(sum%0xffff)&0xffff))
	return join(header, body)
}

func ipv6(next int, rest ...[]byte) []byte {
	body := join(rest...)
	return join([]byte{0x62, 0x30, 0, 0}, u16(len(body)), []byte{byte(next), 63}, ip6A, ip6B, body)
}

func udp(src, dst int, payload []byte) []byte {
	return join(u16(src, dst, 8+len(payload), 0), payload)
}

func tcp(src, dst, flags int, options, payload []byte) []byte {
	return join(u16(src, dst, 0x0102, 0x0304, 0x0506, 0x0708), []byte{byte(5+len(options)/4) << 4, byte(flags)},
		u16(8192, 0, 0), options, payload)
}

func arp(op int) []byte {
	return join(u16(1, 0x0800), []byte{6, 4}, u16(op), macA, []byte{10, 0, 0, 1}, macB, []byte{10, 0, 0, 2})
}

// frameOf describes data as captured whole.
func frameOf(link LinkType, data []byte) *Frame {
	f := &Frame{Link: link}
	f.CaptureLength, f.Length = len(data), len(data)
	f.Timestamp = time.Unix(1700000000, 42)
	return f
}

// decode decodes data as captured whole.
func decode(link LinkType, data []byte) (flow.Packet, Reason) {
	var d Decoder
	var p flow.Packet
	r := d.Decode(data, frameOf(link, data), &p)
	return p, r
}

// synOptions are the options of a Linux SYN: MSS 1460, SACK permitted, timestamp, padding, window scale 7.
var synOptions = join([]byte{2, 4, 5, 0xb4, 4, 2, 8, 10}, make([]byte, 8), []byte{1, 3, 3, 7})
