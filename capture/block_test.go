package capture

import (
	"encoding/binary"
	"fmt"
	"testing"
	"time"
)

// ringFrame is what the kernel writes before a frame in a TPACKET_V3 block.
type ringFrame struct {
	data            []byte
	wire, status    uint32
	tci, tpid       uint16
	packetType      byte
	gsoType         byte // of the virtio header before the frame
	gsoSize         uint16
	step, mac, snap int64 // what to write instead of the right value, if not 0
}

// newBlock lays frames out as the kernel does, in a block of the given size.
func newBlock(size int, frames ...ringFrame) []byte {
	b := make([]byte, size)
	ne := binary.NativeEndian
	ne.PutUint32(b, 1)
	ne.PutUint32(b[4:], 48)
	ne.PutUint32(b[blockStatus:], 1)
	ne.PutUint32(b[blockPackets:], uint32(len(frames)))
	ne.PutUint32(b[blockFirst:], 48)
	at := 48
	for i, f := range frames {
		or := func(v int64, otherwise int) uint32 {
			if v != 0 {
				return uint32(v)
			}
			return uint32(otherwise)
		}
		const mac = 82
		step := (mac + len(f.data) + 7) &^ 7
		h := b[at:]
		if i < len(frames)-1 {
			ne.PutUint32(h[frameNext:], or(f.step, step))
		}
		ne.PutUint32(h[frameSec:], 1700000000)
		ne.PutUint32(h[frameNsec:], uint32(i))
		ne.PutUint32(h[frameSnap:], or(f.snap, len(f.data)))
		ne.PutUint32(h[frameLen:], f.wire)
		ne.PutUint32(h[frameStatus:], f.status)
		ne.PutUint16(h[frameMAC:], uint16(or(f.mac, mac)))
		ne.PutUint32(h[frameVLANTCI:], uint32(f.tci))
		ne.PutUint16(h[frameVLANTPID:], f.tpid)
		h[framePktType] = f.packetType
		h[mac-vnetHeader+vnetGSOType] = f.gsoType
		ne.PutUint16(h[mac-vnetHeader+vnetGSOSize:], f.gsoSize)
		copy(h[mac:], f.data)
		at += step
	}
	return b
}

func walkBlock(mem []byte) (out []string) {
	f := Frame{Link: LinkEthernet}
	for b := openBlock(mem, false); ; {
		data, ok := b.next(&f)
		if !ok {
			return out
		}
		if cap(data) != len(data) || len(data) != f.CaptureLength {
			out = append(out, fmt.Sprintf("lent %d of %d, announced %d", len(data), cap(data), f.CaptureLength))
		}
		out = append(out, fmt.Sprintf("%d %q %d out=%v csum=%v vlan=%v %x %x", f.Timestamp.Nanosecond(), data, f.Length,
			f.Outgoing, f.ChecksumNotReady, f.HasVLAN, f.VLANTCI, f.VLANTPID))
		if f.Link != LinkEthernet || !f.Timestamp.Truncate(time.Second).Equal(time.Unix(1700000000, 0)) {
			out = append(out, fmt.Sprint(f.Link, f.Timestamp))
		}
	}
}

func TestBlock(t *testing.T) {
	got := walkBlock(newBlock(4096,
		ringFrame{data: []byte("abc"), wire: 60, status: 1},
		ringFrame{data: []byte("defg"), wire: 4, status: 1 | statusVLAN | statusVLANTPID, tci: 0x2007, tpid: etherQinQ, packetType: 4},
		ringFrame{data: nil, wire: 4, status: 1 | statusVLAN | statusChecksumNotReady, tci: 3},
	))
	want := []string{
		`0 "abc" 60 out=false csum=false vlan=false 0 0`,
		`1 "defg" 4 out=true csum=false vlan=true 2007 88a8`,
		`2 "" 4 out=false csum=true vlan=true 3 8100`,
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// TestBlockSegments reads the size of the segments where the kernel was asked for it, and only there.
func TestBlockSegments(t *testing.T) {
	mem := newBlock(4096,
		ringFrame{data: []byte("abc"), gsoType: 1, gsoSize: 1448},
		ringFrame{data: []byte("d"), gsoType: 0x80 | 4, gsoSize: 1428},
		ringFrame{data: []byte("e"), gsoSize: 7})
	for vnet, want := range map[bool][]uint16{true: {1448, 1428, 0}, false: {0, 0, 0}} {
		var f Frame
		b := openBlock(mem, vnet)
		for i, size := range want {
			if _, ok := b.next(&f); !ok || f.GSOSize != size {
				t.Errorf("vnet %v, frame %d: segments of %d, want %d", vnet, i, f.GSOSize, size)
			}
		}
	}
	b := openBlock(newBlock(4096, ringFrame{data: []byte("abc"), mac: frameHeader + vnetHeader - 1}), true)
	if _, ok := b.next(&Frame{}); ok {
		t.Error("a frame without room for the virtio header")
	}
}

// TestBlockNonsense has blocks that no kernel writes: the walk ends at the first frame that makes no sense.
func TestBlockNonsense(t *testing.T) {
	good := ringFrame{data: []byte("abc"), wire: 3}
	for name, c := range map[string]struct {
		frames int
		mem    []byte
	}{
		"no frames":            {0, newBlock(4096)},
		"short":                {0, make([]byte, 10)},
		"zeros":                {0, make([]byte, 4096)},
		"frame beyond block":   {1, newBlock(4096, good, ringFrame{snap: 5000}, good)},
		"mac inside header":    {1, newBlock(4096, good, ringFrame{mac: 10}, good)},
		"mac beyond block":     {1, newBlock(4096, good, ringFrame{mac: 65535}, good)},
		"next beyond block":    {1, newBlock(4096, ringFrame{data: []byte("x"), step: 1 << 31}, good)},
		"next is the last bit": {1, newBlock(4096, ringFrame{data: []byte("x"), step: 4096 - 48 - 20}, good)},
		"length of 2^32-1":     {0, newBlock(4096, ringFrame{snap: -1})},
	} {
		if got := walkBlock(c.mem); len(got) != c.frames {
			t.Errorf("%s: %d frames, want %d: %s", name, len(got), c.frames, got)
		}
	}
}
