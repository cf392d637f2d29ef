package filter

import (
	"encoding/binary"
	"net/netip"
	"strings"

	"github.com/gofrs/uuid/v5"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/flow"
)

// recordPrimitives are about the record and the sensor that wrote it.
var recordPrimitives = []primitive{
	{[]string{"srcid"}, "UUID[/INTERFACE]|ADDRESS|NUMBER", false, "the sensor", parseSource},
	{[]string{"inf"}, "INTERFACE", false, "the interface, by at most its first four characters", parseInterface},
	{[]string{"encaps"}, "KIND", true, "a header around the packets, like gre or vlan", parseEncaps},
	{[]string{"co"}, "COUNTRY", true, "the country of an address, two letters", parseCountry},
	{[]string{"cocode"}, "", false, "a country of an address is known", func(*parser, direction) (*term, error) {
		return &term{match: func(r *argus.Record) bool { return r.Added.Country != [2][2]byte{} }}, nil
	}},
	{[]string{"man", "mar"}, "", false, "management records: what a sensor says of itself", func(p *parser, _ direction) (*term, error) {
		p.speaks |= management
		return &term{match: func(r *argus.Record) bool { return r.Kind == argus.KindManagement }}, nil
	}},
	{[]string{"event", "evt"}, "", false, "event records", func(p *parser, _ direction) (*term, error) {
		p.speaks |= events
		return &term{match: func(r *argus.Record) bool { return r.Kind == argus.KindEvent }}, nil
	}},
	{[]string{"far"}, "", false, "flow records", func(*parser, direction) (*term, error) {
		return &term{match: func(r *argus.Record) bool { return r.Kind == argus.KindFlow }}, nil
	}},
	{[]string{"start"}, "", false, "a flow's first record", cause(0xf0, flow.CauseStart)},
	{[]string{"status"}, "", false, "a later record of a flow", cause(0xf0, flow.CauseStatus)},
	{[]string{"stop"}, "", false, "a flow's last record", cause(flow.CauseStop, flow.CauseStop)},
	{[]string{"timeout"}, "", false, "a flow that ended because it was idle, or with its sensor", cause(flow.CauseTimeout, flow.CauseTimeout)},
}

// cause selects by bits of the cause.
func cause(mask, want flow.Cause) func(*parser, direction) (*term, error) {
	return func(*parser, direction) (*term, error) {
		return &term{match: func(r *argus.Record) bool { return r.Cause&mask == want }}, nil
	}
}

// parseSource reads a sensor's identity in any of its forms.
func parseSource(p *parser, _ direction) (*term, error) {
	text, inf, hasInterface := strings.Cut(p.peek(), "/")
	t, ok := source4(text)
	if u, err := uuid.FromString(text); err == nil {
		t = &term{func(r *argus.Record) bool {
			v, ok := r.Monitor.UUID()
			return ok && v == u || !ok && r.Monitor.Kind != 0 && r.Monitor.Host() == u
		}, Needs{Monitor: u}}
		ok = true
	}
	if !ok || hasInterface && inf == "" {
		return nil, p.fail("a sensor's UUID, address or number is expected, with /INTERFACE or without")
	}
	p.at++
	if hasInterface {
		i := onInterface(inf)
		t = t.and(i)
	}
	return t, nil
}

// source4 selects by an identity of four octets: an IPv4 address or a number. That of a UUID is the one under which it goes
// to readers of the 3.0 line.
func source4(text string) (*term, bool) {
	n, _, ok := readWhole(text)
	if a, err := netip.ParseAddr(text); err == nil && a.Is4() {
		b := a.As4()
		n, ok = float64(binary.BigEndian.Uint32(b[:])), true
	}
	if !ok || n > 1<<32-1 {
		return nil, false
	}
	want := uint32(n)
	return &term{match: func(r *argus.Record) bool {
		if u, ok := r.Monitor.UUID(); ok {
			return argus.MonitorV3(u) == want
		}
		return r.Monitor.Kind != 0 && binary.BigEndian.Uint32(r.Monitor.Bytes[:]) == want
	}}, true
}

// onInterface selects by the name of an interface, of which a record has four characters.
func onInterface(name string) *term {
	var want [4]byte
	copy(want[:], name)
	return &term{match: func(r *argus.Record) bool { return r.Interface == want }}
}

func parseInterface(p *parser, _ direction) (*term, error) {
	if !p.isIdentifier() {
		return nil, p.fail("the name of an interface is expected")
	}
	p.at++
	return onInterface(p.words[p.at-1].text), nil
}

func parseCountry(p *parser, d direction) (*term, error) {
	w := strings.ToUpper(p.peek())
	if len(w) != 2 {
		return nil, p.fail("a country of two letters is expected")
	}
	p.at++
	want := [2]byte{w[0], w[1]}
	return &term{match: d.sided(func(r *argus.Record, side int) bool { return r.Added.Country[side] == want })}, nil
}

// encapsulations are the bits of the encapsulation DSR (section 2.12 of the Argus record format); other sensors have more of
// them than the flow table.
var encapsulations = [...]struct {
	name string
	bit  flow.Encaps
}{
	{"mpls", flow.EncapsMPLS}, {"eth", flow.EncapsEthernet}, {"802q", flow.EncapsVLAN}, {"vlan", flow.EncapsVLAN}, {"llc", flow.EncapsLLC},
	{"ppp", flow.EncapsPPP}, {"pppoe", flow.EncapsPPP}, {"isl", flow.EncapsISL}, {"gre", flow.EncapsGRE}, {"ah", flow.EncapsAH},
	{"ipnip", flow.EncapsIPIP}, {"ipnip6", flow.EncapsIPv6}, {"hdlc", 0x400}, {"chdlc", 0x800}, {"atm", 0x1000}, {"sll", flow.EncapsSLL},
	{"fddi", 0x4000}, {"slip", 0x8000}, {"arc", 0x10000}, {"wlan", flow.EncapsWLAN}, {"prism", 0x40000}, {"avs", 0x80000}, {"lrh", 0x100000},
	{"grh", 0x200000}, {"teredo", flow.EncapsTeredo}, {"udt", 0x800000}, {"ipsec", 0x1000000}, {"juniper", 0x2000000},
	{"erspan", flow.EncapsVXLAN}, {"vxlan", flow.EncapsVXLAN}, {"l2tp", flow.EncapsL2TP}, {"geneve", flow.EncapsGeneve}, {"gtp", flow.EncapsGTP},
}

func parseEncaps(p *parser, d direction) (*term, error) {
	for i := range encapsulations {
		if e := &encapsulations[i]; p.take(e.name) {
			return &term{match: d.sided(func(r *argus.Record, side int) bool { return r.Flow.Side[side].Encaps&e.bit != 0 })}, nil
		}
	}
	return nil, p.fail("a kind of header is expected, like eth, vlan, mpls, gre, vxlan")
}
