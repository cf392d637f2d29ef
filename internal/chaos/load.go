//go:build linux

// Package chaos kills every part of a running site at random, and compares what was made with what Parquet holds. Only its
// tests use it; its program sender is an agent whose records are known.
package chaos

import (
	"time"

	"github.com/argus-endpoint/argus-endpoint/flow"
)

// Record returns the n-th flow record of a load: its source address and port spell n, its counters a hash of it.
func Record(n uint64, now time.Time) flow.Record {
	var r flow.Record
	r.Key = flow.Key{Family: flow.FamilyIPv4, Proto: 17, SrcPort: 1024 + uint16(n>>24&0x7fff), DstPort: 53}
	copy(r.Src[:], []byte{10, byte(n >> 16), byte(n >> 8), byte(n)})
	copy(r.Dst[:], []byte{192, 0, 2, 1})
	r.ID, r.Start, r.Cause, r.End, r.Initiator = n+1, now.UnixNano(), flow.CauseStart, flow.EndIdle, flow.InitiatorSeen
	packets, octets := Counts(n)
	r.Side[0] = flow.Side{Packets: packets, Bytes: octets, IPBytes: octets - 14*packets, First: r.Start, Last: r.Start + 1e6}
	return r
}

// Counts returns the packets and octets of the n-th record.
func Counts(n uint64) (packets, octets uint64) {
	h := (n + 1) * 0x9e3779b97f4a7c15
	packets = 1 + h>>60
	return packets, packets*64 + h>>20&0xffff
}

// NumberOf returns the number of a record with that source, and whether its counters are the ones it was made with.
func NumberOf(src [4]byte, port uint16, packets, octets uint64) (n uint64, whole bool) {
	n = uint64(port-1024)<<24 | uint64(src[1])<<16 | uint64(src[2])<<8 | uint64(src[3])
	p, o := Counts(n)
	return n, src[0] == 10 && p == packets && o == octets
}
