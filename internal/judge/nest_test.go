package judge

import (
	"encoding/binary"

	"github.com/argus-endpoint/argus-endpoint/capture"
)

// nest puts the frame into up to twelve tunnels and tags, one in the other.
func (m *mutator) nest(b []byte, f *capture.Frame) []byte {
	if f.Link != capture.LinkEthernet || len(b) < 14 {
		return b
	}
	for range 1 + m.rng.IntN(12) {
		if len(b) > 1<<13 {
			break
		}
		b = m.wrap(b)
	}
	return b
}

// wrap puts an Ethernet frame into one more header of its network layer.
func (m *mutator) wrap(b []byte) []byte {
	kind := m.rng.IntN(10)
	whole := kind < 4 // the tunnel carries frames; the others what is in them
	inner, etherType := b[14:], binary.BigEndian.Uint16(b[12:])
	if whole {
		inner = b
	}
	id := m.rng.Uint32()
	var head []byte
	proto := byte(17)
	switch kind {
	case 0: // VXLAN (RFC 7348)
		head = udp(4789, 8+len(inner), 8, 0, 0, 0, byte(id), byte(id>>8), byte(id>>16), 0)
	case 1: // Geneve (RFC 8926)
		head = udp(6081, 8+len(inner), 0, 0, 0x65, 0x58, byte(id), byte(id>>8), byte(id>>16), 0)
	case 2: // GRE with a frame (RFC 2784, 2890)
		proto, head = 47, []byte{0x20, 0, 0x65, 0x58, byte(id), byte(id >> 8), byte(id >> 16), byte(id >> 24)}
	case 3: // ERSPAN, type II
		proto, head = 47, []byte{0x10, 0, 0x88, 0xbe, 0, 0, 0, 1, 0x10, 0, 0, 1, 0, 0, 0, 0}
	case 4: // GRE
		proto, head = 47, binary.BigEndian.AppendUint16([]byte{0, 0}, etherType)
	case 5: // IP in IP (RFC 2003), 6in4 (RFC 4213)
		if proto = 4; etherType == 0x86dd {
			proto = 41
		}
	case 6: // GTP-U (3GPP TS 29.281)
		head = udp(2152, 8+len(inner), 0x30, 0xff, byte(len(inner)>>8), byte(len(inner)), byte(id), byte(id>>8), byte(id>>16), 1)
	case 7: // Teredo (RFC 4380)
		head = udp(3544, len(inner))
	case 8: // 802.1Q
		return put(b, b[12:], []byte{0x81, 0, byte(id), byte(id >> 8)})
	default: // MPLS (RFC 3032)
		b = put(b, inner, []byte{byte(id), byte(id >> 8), byte(id>>16) | 1, 64})
		b[12], b[13] = 0x88, 0x47
		return b
	}
	ip := ipv4(proto, len(head)+len(inner), byte(id>>24))
	if whole {
		return put(b, inner, append(append([]byte{2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0}, ip...), head...))
	}
	b = put(b, inner, append(ip, head...))
	b[12], b[13] = 8, 0
	return b
}

// put writes head before the tail of b and returns b, longer by so much.
func put(b, tail, head []byte) []byte {
	at := len(b) - len(tail)
	b = b[:len(b)+len(head)]
	copy(b[at+len(head):], tail)
	copy(b[at:], head)
	return b
}

func ipv4(proto byte, payload int, host byte) []byte {
	h := []byte{0x45, 0, 0, 0, 0, 1, 0, 0, 64, proto, 0, 0, 10, 9, 0, host & 7, 10, 9, 1, host >> 5}
	binary.BigEndian.PutUint16(h[2:], uint16(20+payload))
	return h
}

func udp(port uint16, payload int, more ...byte) []byte {
	h := []byte{0xc0, 0, 0, 0, 0, 0, 0, 0}
	binary.BigEndian.PutUint16(h[2:], port)
	binary.BigEndian.PutUint16(h[4:], uint16(8+payload))
	return append(h, more...)
}
