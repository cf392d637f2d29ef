package filter

import (
	"strconv"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/flow"
)

// family is what a word for a protocol stands for.
type family struct {
	name     string
	families uint32 // bits by flow.Family
	proto    int16  // IP protocol, or anyProto
	guess    argus.Guess
	title    string
}

const (
	anyProto = -1
	anyIP    = 1<<flow.FamilyIPv4 | 1<<flow.FamilyIPv6
)

// protocols holds the words that stand for a protocol.
var protocols = [...]family{
	{"tcp", anyIP, 6, 0, "TCP"}, {"udp", anyIP, 17, 0, "UDP"}, {"icmp", anyIP, 1, 0, "ICMP"}, {"igmp", anyIP, 2, 0, "IGMP"},
	{"icmp6", anyIP, 58, 0, "ICMPv6"}, {"icmpv6", anyIP, 58, 0, "ICMPv6"}, {"ipv6-icmp", anyIP, 58, 0, "ICMPv6"}, {"ipip", anyIP, 4, 0, "IP in IP"},
	{"gre", anyIP, 47, 0, "GRE"}, {"esp", anyIP, 50, 0, "ESP"}, {"ah", anyIP, 51, 0, "AH"}, {"ospf", anyIP, 89, 0, "OSPF"}, {"pim", anyIP, 103, 0, "PIM"},
	{"vrrp", anyIP, 112, 0, "VRRP"}, {"sctp", anyIP, 132, 0, "SCTP"}, {"udplite", anyIP, 136, 0, "UDP-Lite"}, {"dccp", anyIP, 33, 0, "DCCP"},
	{"ip", anyIP, anyProto, 0, "IP"}, {"ipv4", 1 << flow.FamilyIPv4, anyProto, 0, "IPv4"},
	{"ip6", 1 << flow.FamilyIPv6, anyProto, 0, "IPv6"}, {"ipv6", 1 << flow.FamilyIPv6, anyProto, 0, "IPv6"},
	{"arp", 1 << flow.FamilyARP, anyProto, 0, "ARP"}, {"rarp", 1 << flow.FamilyRARP, anyProto, 0, "RARP"},
	{"rtp", anyIP, 17, argus.GuessRTP, "RTP, as the sensor guessed"}, {"rtcp", anyIP, 17, argus.GuessRTCP, "RTCP, as the sensor guessed"},
	{"udt", anyIP, 17, argus.GuessUDT, "UDT, as the sensor guessed"},
}

// protocol returns what a word stands for, nil if for no protocol.
func protocol(name string) *family {
	for i := range protocols {
		if protocols[i].name == name {
			return &protocols[i]
		}
	}
	return nil
}

func (f *family) term() *term {
	families, guess := f.families, f.guess
	if f.proto == anyProto {
		return &term{match: func(r *argus.Record) bool { return families>>r.Flow.Family&1 != 0 }}
	}
	n := uint8(f.proto)
	needs := Needs{Protos: []uint8{n}}
	if guess != 0 {
		return &term{func(r *argus.Record) bool { return isIP(r) && r.Flow.Proto == n && r.Added.Guess == guess }, needs}
	}
	return &term{func(r *argus.Record) bool { return r.Flow.Proto == n && isIP(r) }, needs}
}

func isIP(r *argus.Record) bool { return uint32(anyIP)>>r.Flow.Family&1 != 0 }

func parseProto(p *parser, _ direction) (*term, error) {
	f := protocol(p.peek())
	if f == nil {
		n, high, isNumber := readWhole(p.peek())
		if !isNumber || high > 255 {
			return nil, p.fail("a protocol's name or its number from 0 to 255 is expected")
		}
		f = &family{families: anyIP, proto: int16(n)}
	}
	p.at++
	return f.term(), nil
}

// parseEther reads what follows ether: a hardware address, multicast or broadcast, or proto.
func parseEther(p *parser, _ direction) (*term, error) {
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
			return nil, p.fail("a hardware address like 02:00:00:00:00:01 is expected")
		}
		p.at++
		is = func(a *[6]byte) bool { return *a == want }
	}
	return &term{match: q.direction.sided(func(r *argus.Record, side int) bool {
		f := &r.Flow
		if side == 0 {
			return f.HasMAC && is(&f.SrcMAC)
		}
		return f.HasMAC && is(&f.DstMAC)
	})}, nil
}

// etherTypes are the families that say which protocol their frames have; those of Ethernet have it in the key.
var etherTypes = [...]struct {
	name   string
	family flow.Family
	number uint16
}{{"ip", flow.FamilyIPv4, 0x0800}, {"arp", flow.FamilyARP, 0x0806}, {"rarp", flow.FamilyRARP, 0x8035}, {"ip6", flow.FamilyIPv6, 0x86dd}}

func (p *parser) etherType() (*term, error) {
	n, _, ok := readWhole(p.peek())
	want, family := uint16(n), flow.FamilyEthernet
	for _, t := range etherTypes {
		if p.peek() == t.name || ok && n == float64(t.number) {
			ok, want, family = true, t.number, t.family
		}
	}
	if !ok || n > 0xffff {
		return nil, p.fail("an ethertype like 0x88cc, ip, ip6, arp or rarp is expected")
	}
	p.at++
	return &term{match: func(r *argus.Record) bool {
		f := &r.Flow
		return f.Family == family && (family != flow.FamilyEthernet || f.Type == want)
	}}, nil
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
