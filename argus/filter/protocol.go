package filter

import (
	"strconv"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/flow"
)

// family is what a word for a protocol stands for.
type family struct {
	families uint32 // bits by flow.Family
	proto    int16  // IP protocol, or anyProto
	guess    argus.Guess
	title    string
}

const anyProto = -1

const (
	anyIP = 1<<flow.FamilyIPv4 | 1<<flow.FamilyIPv6
)

func ipProto(n int16, title string) family { return family{families: anyIP, proto: n, title: title} }

// protocols holds the words that stand for a protocol.
var protocols = map[string]family{
	"tcp": ipProto(6, "TCP"), "udp": ipProto(17, "UDP"), "icmp": ipProto(1, "ICMP"), "igmp": ipProto(2, "IGMP"),
	"icmp6": ipProto(58, "ICMPv6"), "icmpv6": ipProto(58, "ICMPv6"), "ipv6-icmp": ipProto(58, "ICMPv6"), "ipip": ipProto(4, "IP in IP"),
	"gre": ipProto(47, "GRE"), "esp": ipProto(50, "ESP"), "ah": ipProto(51, "AH"), "ospf": ipProto(89, "OSPF"), "pim": ipProto(103, "PIM"),
	"vrrp": ipProto(112, "VRRP"), "sctp": ipProto(132, "SCTP"), "udplite": ipProto(136, "UDP-Lite"),
	"ip": {families: anyIP, proto: anyProto, title: "IP"}, "ipv4": {families: 1 << flow.FamilyIPv4, proto: anyProto, title: "IPv4"},
	"ip6": {families: 1 << flow.FamilyIPv6, proto: anyProto, title: "IPv6"}, "ipv6": {families: 1 << flow.FamilyIPv6, proto: anyProto, title: "IPv6"},
	"arp": {families: 1 << flow.FamilyARP, proto: anyProto, title: "ARP"}, "rarp": {families: 1 << flow.FamilyRARP, proto: anyProto, title: "RARP"},
	"rtp":  {families: anyIP, proto: 17, guess: argus.GuessRTP, title: "RTP, as the sensor guessed"},
	"rtcp": {families: anyIP, proto: 17, guess: argus.GuessRTCP, title: "RTCP, as the sensor guessed"},
	"udt":  {families: anyIP, proto: 17, guess: argus.GuessUDT, title: "UDT, as the sensor guessed"},
}

func (f family) help() string { return "the protocol " + f.title }

func (f family) term() term {
	families, guess := f.families, f.guess
	if f.proto == anyProto {
		return term{match: func(r *argus.Record) bool { return families>>r.Flow.Family&1 != 0 }}
	}
	n := uint8(f.proto)
	needs := Needs{Protos: []uint8{n}}
	if guess != 0 {
		return term{func(r *argus.Record) bool { return isIP(r) && r.Flow.Proto == n && r.Added.Guess == guess }, needs}
	}
	return term{func(r *argus.Record) bool { return r.Flow.Proto == n && isIP(r) }, needs}
}

func isIP(r *argus.Record) bool { return uint32(anyIP)>>r.Flow.Family&1 != 0 }

func parseProto(p *parser, _ direction) (term, error) {
	f, ok := protocols[p.peek()]
	if !ok {
		n, high, isNumber := readWhole(p.peek())
		if !isNumber || high > 255 {
			return term{}, p.fail("a protocol's name or its number from 0 to 255 is expected")
		}
		f = ipProto(int16(n), "")
	}
	p.at++
	return f.term(), nil
}

// parseEther reads what follows ether: a hardware address, multicast or broadcast, or proto.
func parseEther(p *parser, _ direction) (term, error) {
	if p.take("proto") {
		return p.etherType()
	}
	q := qualifiers{}
	p.direction(&q)
	var is func(a *[6]byte) bool
	switch {
	case p.take("multicast"):
		is = func(a *[6]byte) bool { return a[0]&1 != 0 }
	case p.take("broadcast"):
		is = func(a *[6]byte) bool { return *a == [6]byte{255, 255, 255, 255, 255, 255} }
	default:
		p.take("host")
		want, ok := readMAC(p.peek())
		if !ok {
			return term{}, p.fail("a hardware address like 02:00:00:00:00:01 is expected")
		}
		p.at++
		is = func(a *[6]byte) bool { return *a == want }
	}
	return term{match: q.direction.sided(func(r *argus.Record, side int) bool {
		f := &r.Flow
		if side == 0 {
			return f.HasMAC && is(&f.SrcMAC)
		}
		return f.HasMAC && is(&f.DstMAC)
	})}, nil
}

func (p *parser) etherType() (term, error) {
	n, _, ok := readWhole(p.peek())
	if !ok || n > 0xffff {
		return term{}, p.fail("an ethertype like 0x88cc is expected")
	}
	p.at++
	return term{match: func(r *argus.Record) bool { return r.Flow.Family == flow.FamilyEthernet && r.Flow.Type == uint16(n) }}, nil
}

// readMAC reads six hexadecimal numbers of one or two digits between colons.
func readMAC(s string) (mac [6]byte, ok bool) {
	for i := range mac {
		part := s
		if i < 5 {
			n := 0
			for n < len(s) && s[n] != ':' {
				n++
			}
			if n == len(s) {
				return mac, false
			}
			part, s = s[:n], s[n+1:]
		}
		v, err := strconv.ParseUint(part, 16, 8)
		if err != nil || len(part) > 2 {
			return mac, false
		}
		mac[i] = byte(v)
	}
	return mac, true
}
