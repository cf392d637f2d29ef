package cluster

import (
	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/flow"
)

// turn returns the record as the other end would have begun it.
func turn(r *argus.Record) argus.Record {
	t := *r
	f := &t.Flow
	f.Src, f.Dst = f.Dst, f.Src
	if f.Proto != flow.ProtoICMP && f.Proto != flow.ProtoICMPv6 && f.Proto != flow.ProtoESP { // theirs belong to the exchange
		f.SrcPort, f.DstPort = f.DstPort, f.SrcPort
	}
	f.SrcMAC, f.DstMAC = f.DstMAC, f.SrcMAC
	f.Side[0], f.Side[1] = f.Side[1], f.Side[0]
	f.TCP.Side[0], f.TCP.Side[1] = f.TCP.Side[1], f.TCP.Side[0]
	f.TCP.Status, f.TCP.Options = swapPairs(f.TCP.Status, ofSource), swapPairs(f.TCP.Options, flow.TCPSrcECN)
	for i, c := range f.History {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z':
			f.History[i] = c ^ 0x20
		}
	}
	t.Gap[0], t.Gap[1] = t.Gap[1], t.Gap[0]
	t.Has = t.Has&^(argus.HasSrc|argus.HasDst) | t.Has&argus.HasSrc<<1 | t.Has&argus.HasDst>>1
	a := &t.Added
	a.AS[0], a.AS[1] = a.AS[1], a.AS[0]
	a.Country[0], a.Country[1] = a.Country[1], a.Country[0]
	a.Position[0], a.Position[1] = a.Position[1], a.Position[0]
	a.Locality[0], a.Locality[1] = a.Locality[1], a.Locality[0]
	a.Organisation[0], a.Organisation[1] = a.Organisation[1], a.Organisation[0]
	a.Lost[0], a.Lost[1] = a.Lost[1], a.Lost[0]
	a.Correlate.Packets[0], a.Correlate.Packets[1] = a.Correlate.Packets[1], a.Correlate.Packets[0]
	a.UDT = argus.UDT{} // of the destination there is no place for it
	return t
}

// ofSource are the status bits that speak of the source; the next higher bit of each speaks of the destination.
const ofSource = flow.TCPSrcRetransmit | flow.TCPSrcWindowShut | flow.TCPSrcReset | flow.TCPSrcECNMarked | flow.TCPSrcOutOfOrder |
	flow.TCPSrcDuplicate | flow.TCPSrcGap

func swapPairs(v, low uint32) uint32 { return v&^(low|low<<1) | v&low<<1 | v>>1&low }
