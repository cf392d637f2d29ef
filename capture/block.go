package capture

import (
	"encoding/binary"
	"time"
)

// block walks the frames of one TPACKET_V3 block (linux/if_packet.h). The layout is the kernel's, in the host's
// byte order; nothing in it is trusted.
type block struct {
	mem  []byte
	off  uint32 // of the next frame's header
	left uint32 // frames not yet taken
	vnet bool   // a struct virtio_net_hdr stands before each frame
}

// Offsets in struct tpacket_block_desc and its struct tpacket_hdr_v1.
const (
	blockStatus  = 8
	blockPackets = 12
	blockFirst   = 16
)

// Offsets in struct tpacket3_hdr and in the struct sockaddr_ll behind it.
const (
	frameNext     = 0
	frameSec      = 4
	frameNsec     = 8
	frameSnap     = 12
	frameLen      = 16
	frameStatus   = 20
	frameMAC      = 24
	frameVLANTCI  = 32
	frameVLANTPID = 36
	frameAddress  = 48
	framePktType  = frameAddress + 10
	frameHeader   = frameAddress + 20
)

// Offsets in struct virtio_net_hdr (linux/virtio_net.h), which ends where the frame begins.
const (
	vnetGSOType = 1
	vnetGSOSize = 4
	vnetHeader  = 10
)

// Bits of tp_status.
const (
	statusChecksumNotReady = 0x08
	statusVLAN             = 0x10
	statusVLANTPID         = 0x40
)

// openBlock begins to walk a block that the kernel has handed over. vnet says that PACKET_VNET_HDR is set.
func openBlock(mem []byte, vnet bool) block {
	if len(mem) < blockFirst+4 {
		return block{}
	}
	return block{
		mem:  mem,
		vnet: vnet,
		left: binary.NativeEndian.Uint32(mem[blockPackets:]),
		off:  binary.NativeEndian.Uint32(mem[blockFirst:]),
	}
}

// next lends the next frame of the block. It reports false at its end, or where the block makes no sense.
func (b *block) next(f *Frame) ([]byte, bool) {
	if b.left == 0 || uint64(b.off)+frameHeader > uint64(len(b.mem)) {
		b.left = 0
		return nil, false
	}
	h := b.mem[b.off:]
	snap := uint64(binary.NativeEndian.Uint32(h[frameSnap:]))
	mac := uint64(binary.NativeEndian.Uint16(h[frameMAC:]))
	before := uint64(frameHeader)
	if b.vnet {
		before += vnetHeader
	}
	if mac < before || mac+snap > uint64(len(h)) {
		b.left = 0
		return nil, false
	}
	setFrame(f, f.Link, uint32(snap), binary.NativeEndian.Uint32(h[frameLen:]))
	describe(f, h)
	if v := h[mac-vnetHeader:]; b.vnet && v[vnetGSOType] != 0 {
		f.GSOSize = binary.NativeEndian.Uint16(v[vnetGSOSize:])
	}
	b.left--
	step := binary.NativeEndian.Uint32(h[frameNext:])
	if step == 0 || uint64(b.off)+uint64(step) > uint64(len(b.mem)) {
		b.left = 0 // the last frame says 0
	} else {
		b.off += step
	}
	end := mac + snap
	return h[mac:end:end], true
}

// describe takes from a frame's header h what is known beside its octets.
func describe(f *Frame, h []byte) {
	f.Timestamp = time.Unix(int64(binary.NativeEndian.Uint32(h[frameSec:])), int64(binary.NativeEndian.Uint32(h[frameNsec:])))
	f.Outgoing = h[framePktType] == packetOutgoing
	status := binary.NativeEndian.Uint32(h[frameStatus:])
	f.ChecksumNotReady = status&statusChecksumNotReady != 0
	if status&statusVLAN != 0 {
		f.HasVLAN = true
		f.VLANTCI = uint16(binary.NativeEndian.Uint32(h[frameVLANTCI:]))
		f.VLANTPID = etherVLAN
		if status&statusVLANTPID != 0 {
			f.VLANTPID = binary.NativeEndian.Uint16(h[frameVLANTPID:])
		}
	}
}
