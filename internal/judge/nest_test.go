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
	id := m.rng.Uint32()
	switch kind := m.rng.IntN(10); kind {
	case 8: // 802.1Q
		return put(b, b[12:], []byte{0x81, 0, byte(id), byte(id >> 8)})
	case 9: // MPLS (RFC 3032)
		b = put(b, b[14:], []byte{byte(id), byte(id >> 8), byte(id>>16) | 1, 64})
		b[12], b[13] = 0x88, 0x47
		return b
	case 0, 1, 2, 3: // the tunnel carries frames
		proto, head := tunnel(kind, id, len(b), 0)
		ip := ipv4(proto, len(head)+len(b), byte(id>>24))
		return put(b, b, append(append([]byte{2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0}, ip...), head...))
	default: // what is in them
		inner := b[14:]
		proto, head := tunnel(kind, id, len(inner), binary.BigEndian.Uint16(b[12:]))
		b = put(b, inner, append(ipv4(proto, len(head)+len(inner), byte(id>>24)), head...))
		b[12], b[13] = 8, 0
		return b
	}
}

// tunnel returns the IP protocol and the headers of a kind of tunnel around so many octets.
func tunnel(kind int, id uint32, inner int, etherType uint16) (proto byte, head []byte) {
	switch kind {
	case 0: // VXLAN (RFC 7348)
		return 17, udp(4789, 8+inner, 8, 0, 0, 0, byte(id), byte(id>>8), byte(id>>16), 0)
	case 1: // Geneve (RFC 8926)
		return 17, udp(6081, 8+inner, 0, 0, 0x65, 0x58, byte(id), byte(id>>8), byte(id>>16), 0)
	case 2: // GRE with a frame (RFC 2784, 2890)
		return 47, []byte{0x20, 0, 0x65, 0x58, byte(id), byte(id >> 8), byte(id >> 16), byte(id >> 24)}
	case 3: // ERSPAN, type II
		return 47, []byte{0x10, 0, 0x88, 0xbe, 0, 0, 0, 1, 0x10, 0, 0, 1, 0, 0, 0, 0}
	case 4: // GRE
		return 47, binary.BigEndian.AppendUint16([]byte{0, 0}, etherType)
	case 6: // GTP-U (3GPP TS 29.281)
		return 17, udp(2152, 8+inner, 0x30, 0xff, byte(inner>>8), byte(inner), byte(id), byte(id>>8), byte(id>>16), 1)
	case 7: // Teredo (RFC 4380)
		return 17, udp(3544, inner)
	}
	if etherType == 0x86dd { // 6in4 (RFC 4213)
		return 41, nil
	}
	return 4, nil // IP in IP (RFC 2003)
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
