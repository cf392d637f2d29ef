//go:build linux

package e2e

import (
	"encoding/binary"
	"net/netip"
)

// The ends of injected frames are nobody's: no kernel answers them, so that what the test sends is all there is.
var (
	ghostA = []byte{0x02, 0, 0, 0, 0xaa, 1}
	ghostB = []byte{0x02, 0, 0, 0, 0xaa, 2}
)

// frame is an Ethernet frame from ghost A (dir 0) or B (dir 1).
func frame(dir int, etherType uint16, payload []byte) []byte {
	dst, src := ghostB, ghostA
	if dir == 1 {
		dst, src = src, dst
	}
	f := append(append([]byte{}, dst...), src...)
	return append(binary.BigEndian.AppendUint16(f, etherType), payload...)
}

// ipFrame wraps a transport packet in the IP header that its addresses ask for.
func ipFrame(dir int, proto byte, src, dst netip.Addr, transport []byte) []byte {
	if src.Is6() {
		h := make([]byte, 40, 40+len(transport))
		h[0], h[6], h[7] = 6<<4, proto, 64
		binary.BigEndian.PutUint16(h[4:], uint16(len(transport)))
		copy(h[8:], src.AsSlice())
		copy(h[24:], dst.AsSlice())
		return frame(dir, 0x86dd, append(h, transport...))
	}
	h := make([]byte, 20, 20+len(transport))
	h[0], h[8], h[9] = 0x45, 64, proto
	binary.BigEndian.PutUint16(h[2:], uint16(20+len(transport)))
	copy(h[12:], src.AsSlice())
	copy(h[16:], dst.AsSlice())
	return frame(dir, 0x0800, append(h, transport...))
}

// udpFrame is a datagram with n octets of payload between two ends; dir 1 goes back.
func udpFrame(dir int, a, b netip.AddrPort, n int) []byte {
	src, dst := a, b
	if dir == 1 {
		src, dst = b, a
	}
	h := make([]byte, 8+n)
	binary.BigEndian.PutUint16(h, src.Port())
	binary.BigEndian.PutUint16(h[2:], dst.Port())
	binary.BigEndian.PutUint16(h[4:], uint16(8+n))
	return ipFrame(dir, 17, src.Addr(), dst.Addr(), h)
}

// tcpConversation is a handshake, a request of 100 octets, answers of 1000 octets and a close by both sides:
// 6+2·answers packets, one acknowledgement for each answer.
func tcpConversation(a, b netip.AddrPort, answers int) [][]byte {
	const fin, syn, psh, ack = 1, 2, 8, 16
	seq := [2]uint32{1000, 5000}
	segment := func(dir int, flags byte, n int) []byte {
		src, dst := a, b
		if dir == 1 {
			src, dst = b, a
		}
		h := make([]byte, 20+n)
		binary.BigEndian.PutUint16(h, src.Port())
		binary.BigEndian.PutUint16(h[2:], dst.Port())
		binary.BigEndian.PutUint32(h[4:], seq[dir])
		binary.BigEndian.PutUint32(h[8:], seq[1-dir])
		h[12], h[13] = 5<<4, flags
		binary.BigEndian.PutUint16(h[14:], 5000)
		seq[dir] += uint32(n)
		if flags&(syn|fin) != 0 {
			seq[dir]++
		}
		return ipFrame(dir, 6, src.Addr(), dst.Addr(), h)
	}
	frames := [][]byte{segment(0, syn, 0), segment(1, syn|ack, 0), segment(0, ack, 0), segment(0, psh|ack, 100)}
	for range answers {
		frames = append(frames, segment(1, psh|ack, 1000), segment(0, ack, 0))
	}
	return append(frames, segment(0, fin|ack, 0), segment(1, fin|ack, 0), segment(0, ack, 0))
}

// arpFrame is a request (op 1) or reply (op 2) for IPv4 over Ethernet, padded to the least frame.
func arpFrame(dir int, op uint16, sender, target netip.Addr) []byte {
	p := make([]byte, 46)
	copy(p, []byte{0, 1, 8, 0, 6, 4})
	binary.BigEndian.PutUint16(p[6:], op)
	copy(p[8:], ghostA)
	copy(p[14:], sender.AsSlice())
	copy(p[24:], target.AsSlice())
	return frame(dir, 0x0806, p)
}
