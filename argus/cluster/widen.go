package cluster

import (
	"math/bits"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/flow"
)

// differences are what two records of several flows, which merge would take from one of them, say otherwise.
type differences struct {
	flow, tunnel, hash, locality, guess bool
	extension                           bool // one of them has none
}

func compare(a, b *argus.Record) differences {
	return differences{
		flow:      a.Flow.ID != b.Flow.ID || a.Flow.ID == 0,
		tunnel:    a.Flow.Tunnel != b.Flow.Tunnel,
		hash:      a.Hash != b.Hash,
		guess:     a.Added.Guess != b.Added.Guess,
		locality:  a.Added.Locality != b.Added.Locality,
		extension: !a.Extension() || !b.Extension(),
	}
}

// widen takes out of into, which stands for several flows and has been merged with r, what is not true of all: of addresses
// their common prefix is left, of numbers nothing.
func widen(into, r *argus.Record, d differences) {
	f, g := &into.Flow, &r.Flow
	if into.Monitor != r.Monitor {
		into.Monitor = argus.ID{}
	}
	if into.Interface != r.Interface {
		into.Interface = [4]byte{}
	}
	if d.extension {
		into.Has &^= argus.HasExtension
	}
	if d.flow || d.extension { // what the extension says of one flow
		f.ID, f.Initiator, f.End, f.History = 0, 0, 0, flow.History{}
	}
	if f.Key != g.Key {
		widenKey(&f.Key, &g.Key)
	}
	if d.tunnel {
		f.Tunnel = flow.Tunnel{}
	}
	if g.HasMAC && (f.SrcMAC != g.SrcMAC || f.DstMAC != g.DstMAC) {
		f.MultiMAC = true
	}
	if d.hash {
		into.Hash, into.HashIndex, into.Has = 0, 0, into.Has&^argus.HasHash
	}
	if d.locality {
		into.Added.Locality, into.Has = [2]int8{}, into.Has&^argus.HasLocality
	}
	if d.guess {
		into.Added.Guess = 0
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
		if a.Organisation[i] != o.Organisation[i] {
			a.Organisation[i] = 0
		}
	}
	if a.BSSID != o.BSSID || a.SSID != o.SSID {
		a.BSSID, a.SSID = [6]byte{}, [32]byte{}
	}
	if a.Score != o.Score {
		a.Score = [8]uint8{}
	}
}
