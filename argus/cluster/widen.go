package cluster

import (
	"math/bits"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/flow"
)

// widen takes out of into, which stands for several flows, what is not true of r: of addresses their common prefix is left,
// of numbers nothing.
func widen(into, r *argus.Record) {
	if into.Monitor != r.Monitor {
		into.Monitor = argus.ID{}
	}
	if into.Interface != r.Interface {
		into.Interface = [4]byte{}
	}
	f, g := &into.Flow, &r.Flow
	if f.ID != g.ID {
		f.ID = 0
	}
	if f.ID == 0 || !r.Extension() { // what the extension says of one flow
		f.Initiator, f.End, f.History = 0, 0, flow.History{}
	}
	if !r.Extension() {
		into.Has &^= argus.HasExtension
	}
	if f.Key != g.Key {
		widenKey(&f.Key, &g.Key)
	}
	if f.Tunnel != g.Tunnel {
		f.Tunnel = flow.Tunnel{}
	}
	if f.HasMAC && g.HasMAC && (f.SrcMAC != g.SrcMAC || f.DstMAC != g.DstMAC) {
		f.MultiMAC = true
	}
	if into.Hash != r.Hash {
		into.Hash, into.HashIndex, into.Has = 0, 0, into.Has&^argus.HasHash
	}
	widenAdded(&into.Added, &r.Added)
}

func widenKey(k, o *flow.Key) {
	if k.Family != o.Family {
		if !isIP(k) || !isIP(o) {
			*k = flow.Key{Family: flow.FamilyIPv4}
			return
		}
		k.Family, k.Src, k.Dst = flow.FamilyIPv4, [16]byte{}, [16]byte{}
		o = &flow.Key{Family: k.Family, Proto: o.Proto, SrcPort: o.SrcPort, DstPort: o.DstPort, Type: o.Type}
	}
	commonPrefix(&k.Src, &o.Src, width(k.Family))
	commonPrefix(&k.Dst, &o.Dst, width(k.Family))
	if k.Proto != o.Proto {
		k.Proto, k.SrcPort, k.DstPort, k.Type = 0, 0, 0, 0
	}
	if k.SrcPort != o.SrcPort {
		k.SrcPort = 0
	}
	if k.DstPort != o.DstPort {
		k.DstPort = 0
	}
	if k.Type != o.Type {
		k.Type = 0
	}
}

func isIP(k *flow.Key) bool { return k.Family == flow.FamilyIPv4 || k.Family == flow.FamilyIPv6 }

// commonPrefix clears all after the first bit in which the addresses differ, and all of those that have no prefixes.
func commonPrefix(a, b *[16]byte, octets int) {
	for i := range a {
		if d := a[i] ^ b[i]; d != 0 {
			if octets == 0 {
				*a = [16]byte{}
				return
			}
			a[i] &= ^byte(0) << bits.Len8(d)
			clear(a[i+1:])
			return
		}
	}
}

func widenAdded(a, o *argus.Added) {
	for i := range a.AS {
		if a.AS[i] != o.AS[i] {
			a.AS[i] = 0
		}
		if a.Position[i] != o.Position[i] {
			a.Position[i] = argus.Position{}
		}
	}
	for i := range a.Country {
		if a.Country[i] != o.Country[i] {
			a.Country[i] = [2]byte{}
		}
	}
}
