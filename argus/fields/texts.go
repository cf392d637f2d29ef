package fields

import (
	"net/netip"
	"strconv"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/flow"
)

// appendAddr appends an end of the flow; side is src or dst.
func appendAddr(b []byte, r *argus.Record, side int) []byte {
	return appendKeyEnd(b, &r.Flow.Key, side)
}

// appendKeyEnd appends an end of a key.
func appendKeyEnd(b []byte, k *flow.Key, side int) []byte {
	switch k.Family {
	case flow.FamilyIPv4, flow.FamilyARP, flow.FamilyIPv6:
		return keyAddr(k, side).AppendTo(b)
	case flow.FamilyEthernet, flow.FamilyRARP, flow.FamilyWLAN:
		if side == dst {
			return appendHardware(b, (*[6]byte)(k.Dst[:6]))
		}
		return appendHardware(b, (*[6]byte)(k.Src[:6]))
	}
	return b
}

func keyAddr(k *flow.Key, side int) netip.Addr {
	if side == dst {
		return k.DstAddr()
	}
	return k.SrcAddr()
}

// appendNet appends the network of an address as ra has it: by the classes of RFC 791 section 3.2, of IPv6 the address.
func appendNet(b []byte, r *argus.Record, side int) []byte {
	k := &r.Flow.Key
	switch k.Family {
	case flow.FamilyIPv4:
	case flow.FamilyARP:
		return append(b, "0.0.0.0"...)
	default:
		return appendKeyEnd(b, k, side)
	}
	a := keyAddr(k, side).As4()
	switch {
	case a[0] == 0 || a[0] >= 240:
		clear(a[:])
	case a[0] >= 224: // a group
	case a[0] >= 192:
		a[3] = 0
	case a[0] >= 128:
		a[2], a[3] = 0, 0
	default:
		a[1], a[2], a[3] = 0, 0, 0
	}
	return netip.AddrFrom4(a).AppendTo(b)
}

func appendHardware(b []byte, mac *[6]byte) []byte {
	for i, v := range mac {
		if i > 0 {
			b = append(b, ':')
		}
		b = append(b, hexDigits[v>>4], hexDigits[v&15])
	}
	return b
}

func hardware(r *argus.Record, side int) *[6]byte {
	if side == dst {
		return &r.Flow.DstMAC
	}
	return &r.Flow.SrcMAC
}

func appendMAC(b []byte, r *argus.Record, side int) []byte {
	if !r.Flow.HasMAC {
		return b
	}
	return appendHardware(b, hardware(r, side))
}

// appendOUI appends the octets of a MAC address that name its manufacturer.
func appendOUI(b []byte, r *argus.Record, side int) []byte {
	if !r.Flow.HasMAC {
		return b
	}
	return appendHardware(b, hardware(r, side))[:len(b)+len("00:00:00")]
}

// appendMACClass tells who gave a MAC address: the quadrants of IEEE 802c, AAI, ELI, SAI and RES of local ones, UAA of global
// ones; LM and UM are groups.
func appendMACClass(b []byte, r *argus.Record, side int) []byte {
	if !r.Flow.HasMAC {
		return b
	}
	first := hardware(r, side)[0]
	switch {
	case first&3 == 3:
		return append(b, "LM"...)
	case first&1 != 0:
		return append(b, "UM"...)
	case first&2 == 0:
		return append(b, "UAA"...)
	}
	return append(b, [...]string{"AAI", "RES", "ELI", "SAI"}[first>>2&3]...)
}

func appendMonitor(b []byte, r *argus.Record, _ int) []byte {
	b, _ = r.Monitor.AppendText(b)
	return b
}

func appendInterface(b []byte, r *argus.Record, _ int) []byte {
	return append(b, r.InterfaceName()...)
}

func appendSource(b []byte, r *argus.Record, _ int) []byte {
	b, _ = r.Monitor.AppendText(b)
	if name := r.InterfaceName(); len(name) > 0 {
		b = append(append(b, '/'), name...)
	}
	return b
}

func appendType(b []byte, _ *argus.Record, _ int) []byte { return append(b, "flo"...) }

func appendLabel(b []byte, r *argus.Record, _ int) []byte { return append(b, r.Label...) }

// appendUserData appends what was captured of a side as appendOctets does.
func appendUserData(b []byte, r *argus.Record, side int) []byte {
	return appendOctets(b, side, r.Flow.Side[side].Data)
}

// appendOctets appends octets as ra does: the side, their number, and a dot for what is no ASCII letter.
func appendOctets(b []byte, side int, data []byte) []byte {
	if len(data) == 0 {
		return b
	}
	b = append(strconv.AppendInt(append(b, "sd"[side], '['), int64(len(data)), 10), "]="...)
	for _, octet := range data {
		if octet < ' ' || octet > '~' {
			octet = '.'
		}
		b = append(b, octet)
	}
	return b
}

// appendReporter appends the address of the node that sent the ICMP message.
func appendReporter(b []byte, r *argus.Record, _ int) []byte {
	m := &r.Flow.ICMP
	switch {
	case r.ICMP == 0:
		return b
	case m.Family == flow.FamilyIPv6:
		return netip.AddrFrom16(m.From).AppendTo(b)
	}
	return netip.AddrFrom4([4]byte(m.From[:4])).AppendTo(b)
}

func appendResponder(b []byte, r *argus.Record, _ int) []byte {
	if r.Flow.Responder == [6]byte{} {
		return b
	}
	return appendHardware(b, &r.Flow.Responder)
}

func appendTunnelEnd(b []byte, r *argus.Record, side int) []byte {
	if t := &r.Flow.Tunnel; t.Encaps != 0 {
		return appendKeyEnd(b, &t.Key, side)
	}
	return b
}

func appendGREEnd(b []byte, r *argus.Record, side int) []byte {
	if r.Flow.Tunnel.Encaps&flow.EncapsGRE == 0 {
		return b
	}
	return appendTunnelEnd(b, r, side)
}

func appendGeneveEnd(b []byte, r *argus.Record, side int) []byte {
	if r.Flow.Tunnel.Encaps&flow.EncapsGeneve == 0 {
		return b
	}
	return appendTunnelEnd(b, r, side)
}

func appendFlowID(b []byte, r *argus.Record, _ int) []byte {
	if !r.Extension() {
		return b
	}
	for shift := 60; shift >= 0; shift -= 4 {
		b = append(b, hexDigits[r.Flow.ID>>shift&15])
	}
	return b
}

func appendConnState(b []byte, r *argus.Record, _ int) []byte { return append(b, ConnState(r)...) }

func appendHistory(b []byte, r *argus.Record, _ int) []byte {
	for _, letter := range r.Flow.History {
		if letter == 0 {
			break
		}
		b = append(b, letter)
	}
	return b
}
