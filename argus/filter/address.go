package filter

import (
	"math/bits"
	"net"
	"net/netip"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/flow"
)

// address is what follows words that speak of one.
const address = "ADDRESS"

var hostPrimitive = primitive{names: []string{"host"}, argument: address, sides: true, parse: parseHost,
	help: "an IP address, of ARP too"}

var addressPrimitives = []primitive{
	{[]string{"net"}, "NETWORK/LENGTH", true, "an IP address in a network, of ARP too", parseNet},
	{[]string{"port"}, "PORT|FIRST-LAST", true, "a port by number, range or name of its service", parsePort},
	{[]string{"ether"}, "[src|dst] MAC | multicast | broadcast | proto NUMBER", false, "a hardware address, or the ethertype of a frame that is not IP", parseEther},
	{[]string{"inode"}, address, false, "the node whose ICMP message spoke of the flow", parseInode},
	{[]string{"proto"}, "PROTOCOL", false, "an IP protocol by number or name", parseProto},
	{[]string{"multicast"}, "", true, "an IP multicast address", func(_ *parser, d direction) (*term, error) {
		return &term{match: d.sided(func(r *argus.Record, side int) bool { return addr(r, side).IsMulticast() })}, nil
	}},
	{[]string{"broadcast"}, "", true, "the IP broadcast address 255.255.255.255", func(_ *parser, d direction) (*term, error) {
		return &term{match: d.sided(func(r *argus.Record, side int) bool { return addr(r, side) == limitedBroadcast })}, nil
	}},
}

var limitedBroadcast = netip.AddrFrom4([4]byte{255, 255, 255, 255})

// addr returns the IP address of a side, that of ARP too.
func addr(r *argus.Record, side int) netip.Addr {
	if side == 0 {
		return r.Flow.SrcAddr()
	}
	return r.Flow.DstAddr()
}

func (p *parser) address() (netip.Addr, error) {
	a, err := netip.ParseAddr(p.peek())
	if err != nil || a.Zone() != "" {
		return a, p.fail("an IP address is expected: names of hosts are not looked up")
	}
	p.at++
	return a, nil
}

func parseHost(p *parser, d direction) (*term, error) {
	a, err := p.address()
	if err != nil {
		return nil, err
	}
	return inNetwork(d, netip.PrefixFrom(a, a.BitLen())), nil
}

func parseNet(p *parser, d direction) (*term, error) {
	n, err := netip.ParsePrefix(p.peek())
	if err == nil {
		p.at++
		return inNetwork(d, n.Masked()), nil
	}
	a, err := netip.ParseAddr(p.peek())
	if err != nil || a.Zone() != "" {
		return nil, p.fail("a network like 10.0.0.0/8 is expected")
	}
	p.at++
	length := a.BitLen()
	if p.take("mask") {
		m, err := netip.ParseAddr(p.peek())
		if err != nil || !m.Is4() || !a.Is4() {
			return nil, p.fail("a mask like 255.255.0.0 is expected")
		}
		mask := be32(m.As4())
		if length = bits.LeadingZeros32(^mask); mask<<length != 0 {
			return nil, p.fail("the ones of a mask stand before its zeros")
		}
		p.at++
	}
	return inNetwork(d, netip.PrefixFrom(a, length).Masked()), nil
}

func be32(b [4]byte) uint32 {
	return uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
}

func inNetwork(d direction, n netip.Prefix) *term {
	return &term{d.sided(func(r *argus.Record, side int) bool { return n.Contains(addr(r, side)) }), Needs{Hosts: []netip.Prefix{n}}}
}

func parseInode(p *parser, _ direction) (*term, error) {
	a, err := p.address()
	if err != nil {
		return nil, err
	}
	return &term{match: func(r *argus.Record) bool {
		m := &r.Flow.ICMP
		if r.ICMP == 0 {
			return false
		}
		if m.Family == flow.FamilyIPv6 {
			return netip.AddrFrom16(m.From) == a
		}
		return netip.AddrFrom4([4]byte(m.From[:4])) == a
	}}, nil
}

// portOf returns the port of a side.
func portOf(r *argus.Record, side int) uint16 {
	if side == 0 {
		return r.Flow.SrcPort
	}
	return r.Flow.DstPort
}

func parsePort(p *parser, d direction) (*term, error) {
	w := p.peek()
	if w == "" {
		return nil, p.fail("a port is expected")
	}
	if isComparison(w) || isDigit(w[0]) {
		return p.portNumber(d)
	}
	tcp, err := net.LookupPort("tcp", w)
	hasTCP := err == nil
	udp, err := net.LookupPort("udp", w)
	hasUDP := err == nil
	if !hasTCP && !hasUDP {
		return nil, p.fail("a port from 0 to 65535, a range like 20-25 or the name of a service is expected")
	}
	p.at++
	t := &term{match: d.sided(func(r *argus.Record, side int) bool {
		port := int(portOf(r, side))
		return r.Flow.HasPorts() && (hasTCP && port == tcp && r.Flow.Proto == flow.ProtoTCP || hasUDP && port == udp && r.Flow.Proto == flow.ProtoUDP)
	})}
	if hasTCP {
		t.needs.Ports, t.needs.Protos = append(t.needs.Ports, uint16(tcp)), append(t.needs.Protos, flow.ProtoTCP)
	}
	if hasUDP {
		t.needs.Ports, t.needs.Protos = append(t.needs.Ports, uint16(udp)), append(t.needs.Protos, flow.ProtoUDP)
	}
	return t, nil
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// portNumber reads a port, a range or a comparison.
func (p *parser) portNumber(d direction) (*term, error) {
	c, err := p.comparison(&portNumbers)
	if err != nil {
		return nil, err
	}
	t := &term{match: d.sided(func(r *argus.Record, side int) bool {
		return r.Flow.HasPorts() && c.holds(float64(portOf(r, side)))
	})}
	if c.low == c.high {
		t.needs.Ports = []uint16{uint16(c.low)}
	} else {
		t.needs.Ranges = d.ranges("sport", "dport", c)
	}
	return t, nil
}
