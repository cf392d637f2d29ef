// Package filter selects flow records by an expression in the words of ra: hosts, networks, ports, protocols,
// joined by and, or, not and parentheses.
package filter

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/flow"
)

// Filter is a parsed expression. The zero Filter matches every flow.
type Filter struct{ term }

type matcher func(*argus.Record) bool

// term is a part of an expression.
type term struct {
	match matcher
	needs Needs
}

// Match tells whether r is a flow that the expression selects.
func (f Filter) Match(r *argus.Record) bool {
	return r.Kind == argus.KindFlow && (f.match == nil || f.match(r))
}

const maxWords = 1000 // an expression's length, and so the depth of its parentheses

// Parse reads an expression, whether a shell has split it into words or not. No words match everything.
//
//	[src|dst] host ADDRESS     [src|dst] net PREFIX/LENGTH     [src|dst] port NUMBER
//	tcp udp icmp icmp6 igmp gre esp ah sctp ospf pim vrrp udplite arp rarp ip ipv4 ip6     proto NAME|NUMBER
//	not X     X and Y (also just X Y)     X or Y     ( X )
//
// not binds tighter than and, and tighter than or. An error shows the word at which it was found.
func Parse(words []string) (Filter, error) {
	p := parser{words: split(strings.Join(words, " "))}
	if len(p.words) == 0 {
		return Filter{}, nil
	}
	if len(p.words) > maxWords {
		return Filter{}, fmt.Errorf("filter has more than %d words", maxWords)
	}
	m, err := p.or()
	if err == nil && p.at < len(p.words) {
		err = p.fail("nothing may follow here")
	}
	if err != nil {
		return Filter{}, err
	}
	return Filter{m}, nil
}

// Needs returns conditions that every flow must meet that f matches.
func (f Filter) Needs() Needs { return f.needs }

// split returns the words of an expression; parentheses and ! are words of their own.
func split(s string) []string {
	return strings.Fields(strings.NewReplacer("(", " ( ", ")", " ) ", "!", " ! ").Replace(s))
}

// parser reads its words by recursive descent, one method a rule.
type parser struct {
	words []string
	at    int
}

func (p *parser) peek() string {
	if p.at < len(p.words) {
		return p.words[p.at]
	}
	return ""
}

// take steps over the next word if it is one of these.
func (p *parser) take(words ...string) bool {
	for _, w := range words {
		if w == p.peek() {
			p.at++
			return true
		}
	}
	return false
}

// fail returns an error that points at the next word.
func (p *parser) fail(what string) error {
	before := strings.Join(p.words[:min(p.at, len(p.words))], " ")
	if p.at >= len(p.words) {
		return fmt.Errorf("filter: %s after %q, where it ends", what, before)
	}
	if before == "" {
		return fmt.Errorf("filter: %s, at %q", what, p.peek())
	}
	return fmt.Errorf("filter: %s, at %q after %q", what, p.peek(), before)
}

func (p *parser) or() (term, error) {
	m, err := p.and()
	for err == nil && p.take("or", "||") {
		left := m
		var right term
		right, err = p.and()
		m = term{func(r *argus.Record) bool { return left.match(r) || right.match(r) }, left.needs.or(&right.needs)}
	}
	return m, err
}

func (p *parser) and() (term, error) {
	m, err := p.not()
	for err == nil && (p.take("and", "&&") || !p.ends()) {
		left := m
		var right term
		right, err = p.not()
		m = term{func(r *argus.Record) bool { return left.match(r) && right.match(r) }, left.needs.and(&right.needs)}
	}
	return m, err
}

// ends tells whether the words of an and expression are all read.
func (p *parser) ends() bool {
	switch p.peek() {
	case "", ")", "or", "||":
		return true
	}
	return false
}

func (p *parser) not() (term, error) {
	switch {
	case p.take("not", "!"):
		m, err := p.not()
		return term{match: func(r *argus.Record) bool { return !m.match(r) }}, err
	case p.take("("):
		m, err := p.or()
		if err == nil && !p.take(")") {
			err = p.fail("a parenthesis is not closed")
		}
		return m, err
	}
	return p.primitive()
}

// ends of a flow that a primitive looks at.
type sides uint8

const (
	source sides = 1 << iota
	destination
)

func (p *parser) primitive() (term, error) {
	which := source | destination
	switch {
	case p.take("src"):
		which = source
	case p.take("dst"):
		which = destination
	}
	switch {
	case p.take("host"):
		return p.host(which)
	case p.take("net"):
		return p.net(which)
	case p.take("port"):
		return p.port(which)
	case which != source|destination:
		return term{}, p.fail("host, net or port is expected")
	case p.take("proto"):
		return p.proto(p.peek())
	}
	if _, ok := protocols[p.peek()]; !ok {
		return term{}, p.fail("a word that no filter knows; host, net, port, proto, src, dst, not and protocols like tcp are known")
	}
	return p.proto(p.peek())
}

func (p *parser) host(which sides) (term, error) {
	a, err := netip.ParseAddr(p.peek())
	if err != nil {
		return term{}, p.fail("an IP address is expected")
	}
	p.at++
	a = a.WithZone("")
	return term{func(r *argus.Record) bool {
		return which&source != 0 && r.Flow.SrcAddr() == a || which&destination != 0 && r.Flow.DstAddr() == a
	}, Needs{Hosts: []netip.Prefix{netip.PrefixFrom(a, a.BitLen())}}}, nil
}

func (p *parser) net(which sides) (term, error) {
	n, err := netip.ParsePrefix(p.peek())
	if err != nil {
		return term{}, p.fail("a network like 10.0.0.0/8 is expected")
	}
	p.at++
	return term{func(r *argus.Record) bool {
		return which&source != 0 && n.Contains(r.Flow.SrcAddr()) || which&destination != 0 && n.Contains(r.Flow.DstAddr())
	}, Needs{Hosts: []netip.Prefix{n}}}, nil
}

func (p *parser) port(which sides) (term, error) {
	n, err := strconv.ParseUint(p.peek(), 10, 16)
	if err != nil {
		return term{}, p.fail("a port number from 0 to 65535 is expected")
	}
	p.at++
	port := uint16(n)
	return term{func(r *argus.Record) bool {
		k := &r.Flow.Key
		return k.HasPorts() && (which&source != 0 && k.SrcPort == port || which&destination != 0 && k.DstPort == port)
	}, Needs{Ports: []uint16{port}}}, nil
}

func isIP(k *flow.Key) bool { return k.Family == flow.FamilyIPv4 || k.Family == flow.FamilyIPv6 }

// protocols holds the names of IP protocols by number, and those of families negative.
var protocols = map[string]int{
	"icmp": 1, "igmp": 2, "ipip": 4, "tcp": 6, "udp": 17, "gre": 47, "esp": 50, "ah": 51, "icmp6": 58, "icmpv6": 58,
	"ipv6-icmp": 58, "ospf": 89, "pim": 103, "vrrp": 112, "sctp": 132, "udplite": 136,
	"ip": anyIP, "ipv4": -int(flow.FamilyIPv4), "ip6": -int(flow.FamilyIPv6), "ipv6": -int(flow.FamilyIPv6),
	"arp": -int(flow.FamilyARP), "rarp": -int(flow.FamilyRARP),
}

// anyIP stands for both families, as ra's ip does.
const anyIP = -256

func (p *parser) proto(name string) (term, error) {
	n, ok := protocols[name]
	if !ok {
		v, err := strconv.ParseUint(name, 10, 8)
		if err != nil {
			return term{}, p.fail("a protocol's name or its number from 0 to 255 is expected")
		}
		n = int(v)
	}
	p.at++
	switch {
	case n == anyIP:
		return term{match: func(r *argus.Record) bool { return isIP(&r.Flow.Key) }}, nil
	case n < 0:
		return term{match: func(r *argus.Record) bool { return r.Flow.Family == flow.Family(-n) }}, nil
	}
	return term{func(r *argus.Record) bool { return isIP(&r.Flow.Key) && int(r.Flow.Proto) == n }, Needs{Protos: []uint8{uint8(n)}}}, nil
}
