package capture

import (
	"testing"

	"github.com/argus-endpoint/argus-endpoint/flow"
)

// TestDecodeQuotes has ICMP errors that quote a packet whole, as the 8 octets of RFC 792, or not enough of it.
func TestDecodeQuotes(t *testing.T) {
	icmp := func(kind, code byte, rest []byte, quoted ...[]byte) []byte {
		return ethernet(etherIPv4, ipv4(flow.ProtoICMP, []byte{kind, code, 0, 0}, rest, join(quoted...)))
	}
	icmp6 := func(kind byte, quoted ...[]byte) []byte {
		return ethernet(etherIPv6, ipv6(flow.ProtoICMPv6, []byte{kind, 0, 0, 0, 0, 0, 0, 0}, join(quoted...)))
	}
	unused, gateway := make([]byte, 4), []byte{10, 9, 8, 7}
	segment := tcp(40000, 443, flow.SYN, synOptions, nil)
	echo := []byte{8, 0, 0, 0, 0x11, 0x11, 0x22, 0x22}
	for _, c := range []struct {
		name, want string
		data       []byte
	}{
		{"port unreachable", "17 10.0.0.1:5 10.0.0.2:6 type 0x0", icmp(3, 3, unused, ipv4(17, dgram))},
		{"8 octets of TCP", "6 10.0.0.1:40000 10.0.0.2:443 type 0x0", icmp(11, 0, unused, ipv4(6, segment)[:28])},
		{"4 octets of TCP", "6 10.0.0.1:40000 10.0.0.2:443 type 0x0", icmp(11, 0, unused, ipv4(6, segment)[:24])},
		{"TCP behind IP options", "6 10.0.0.1:40000 10.0.0.2:443 type 0x0", icmp(12, 0, unused, ipv4With(6, []byte{148, 4, 0, 0}, 0, segment)[:32])},
		{"echo", "1 10.0.0.1:4369 10.0.0.2:8738 type 0x800", icmp(3, 1, unused, ipv4(1, echo))},
		{"source quench of ESP", "50 10.0.0.1:57005 10.0.0.2:48879 type 0x0", icmp(4, 0, unused, ipv4(50, []byte{0xde, 0xad, 0xbe, 0xef}, unused))},
		{"redirect", "89 10.0.0.1:0 10.0.0.2:0 type 0x0", icmp(5, 1, gateway, ipv4(89, make([]byte, 8)))},
		{"GRE stays closed", "47 10.0.0.1:0 10.0.0.2:0 type 0x0", icmp(3, 3, unused, ipv4(47, u16(0, etherIPv4), innerIPv4()))},
		{"first fragment", "17 10.0.0.1:5 10.0.0.2:6 type 0x0", icmp(11, 1, unused, ipv4With(17, nil, 0x2000, dgram))},
		{"extension of RFC 4884", "17 10.0.0.1:5 10.0.0.2:6 type 0x0", icmp(3, 3, []byte{0, 32, 0, 0}, ipv4(17, dgram), make([]byte, 140))},
		{"IPv6", "17 " + a6 + ":5 " + b6 + ":6 type 0x0", icmp6(1, ipv6(17, dgram))},
		{"too big", "6 " + a6 + ":40000 " + b6 + ":443 type 0x0", icmp6(2, ipv6(60, []byte{6, 0, 0, 0, 0, 0, 0, 0}, segment))},
		{"echo of IPv6", "58 " + a6 + ":4369 " + b6 + ":8738 type 0x8000", icmp6(3, ipv6(58, []byte{128}, echo[1:]))},

		{"no ports", "", icmp(3, 3, unused, ipv4(17, dgram)[:22])},
		{"no header", "", icmp(3, 3, unused, ipv4(17, dgram)[:19])},
		{"nothing", "", icmp(3, 3, unused)},
		{"IPv6 in ICMP of IPv4", "", icmp(3, 3, unused, ipv6(17, dgram))},
		{"later fragment", "", icmp(3, 3, unused, ipv4With(17, nil, 9, dgram))},
		{"later fragment of ICMP", "", icmp(3, 3, unused, ipv4With(1, nil, 9, echo))},
		{"ICMP without its type", "", icmp(3, 1, unused, ipv4(1, echo)[:20])},
		{"half an SPI", "", icmp(3, 2, unused, ipv4(50, echo)[:22])},
		{"ICMPv6 without its type", "", icmp6(1, ipv6(58, echo)[:42])},
		{"not an error", "", icmp(9, 0, unused, ipv4(17, dgram))},
		{"IPv6 echo", "", icmp6(128, ipv6(17, dgram))},
		{"no ICMP", "", ethernet(etherIPv4, ipv4(17, dgram))},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, r := decode(LinkEthernet, c.data)
			if r != Decoded {
				t.Fatal(r)
			}
			if p.Quote == nil {
				if c.want != "" {
					t.Error("no quote")
				}
				return
			}
			q := flow.Packet{Key: p.Quote.Key}
			if got := summary(&q); got[:min(len(c.want), len(got))] != c.want || c.want == "" {
				t.Errorf("\n got %s\nwant %s", got, c.want)
			}
			want := [4]byte{}
			if c.name == "redirect" {
				want = [4]byte(gateway)
			}
			if p.Quote.Gateway != want {
				t.Errorf("gateway %v", p.Quote.Gateway)
			}
		})
	}
}

// TestDecodeQuoteInQuote: an error may not speak of an error (RFC 1122 section 3.2.2); the first one's quote stands.
func TestDecodeQuoteInQuote(t *testing.T) {
	b := ipv4(flow.ProtoUDP, dgram)
	for range 20 {
		b = ipv4(flow.ProtoICMP, []byte{3, 3, 0, 0, 0, 0, 0, 0}, b)
	}
	p, r := decode(LinkEthernet, ethernet(etherIPv4, b))
	if r != Decoded || p.Quote == nil || p.Quote.Key.Proto != flow.ProtoICMP || p.Quote.Key.Type != 0x303 {
		t.Errorf("%s: %+v", r, p.Quote)
	}
}

func TestDecodeDNSTransactions(t *testing.T) {
	message := join(u16(0xbeef), make([]byte, 10))
	for _, c := range []struct {
		name string
		data []byte
		want uint16
	}{
		{"query", ethernet(etherIPv4, ipv4(17, udp(40000, 53, message))), 0xbeef},
		{"answer", ethernet(etherIPv6, ipv6(17, udp(53, 40000, message))), 0xbeef},
		{"in a tunnel", greIn(0, etherIPv4, ipv4(17, udp(40000, 53, message))), 0xbeef},
		{"another port", ethernet(etherIPv4, ipv4(17, udp(40000, 5353, message))), 0},
		{"no message", ethernet(etherIPv4, ipv4(17, udp(40000, 53, message[:11]))), 0},
		{"over TCP", ethernet(etherIPv4, ipv4(6, tcp(40000, 53, flow.ACK, nil, message))), 0},
	} {
		for _, on := range []bool{false, true} {
			d := Decoder{DNSTransactions: on}
			var p flow.Packet
			want := c.want
			if !on {
				want = 0
			}
			if r := d.Decode(c.data, frameOf(LinkEthernet, c.data), &p); r != Decoded || p.Type != want {
				t.Errorf("%s, transactions %v: %s, type %#x, want %#x", c.name, on, r, p.Type, want)
			}
		}
	}
}

// TestDecodeChecksum verifies the header checksum of IPv4 where there is one to verify; the packet is metered either way.
func TestDecodeChecksum(t *testing.T) {
	for _, options := range [][]byte{nil, {148, 4, 0, 0}, {7, 7, 4, 1, 2, 3, 4, 0}, make([]byte, 40)} {
		good := ethernet(etherIPv4, ipv4With(17, options, 0, dgram))
		for at := 14 + 8; at < 14+20+len(options); at++ {
			bad := append([]byte(nil), good...)
			bad[at] ^= 0x21
			if at == 14+9 || at >= 14+20 { // another protocol or another option: other reasons come before
				continue
			}
			p, r := decode(LinkEthernet, bad)
			if r != IPChecksum || p.DstPort != 6 || p.IPLen != uint32(31+len(options)) {
				t.Fatalf("octet %d of %x: %s %s", at-14, options, r, summary(&p))
			}
			var d Decoder
			f := frameOf(LinkEthernet, bad)
			f.ChecksumNotReady = true
			if r := d.Decode(bad, f, &p); r != Decoded {
				t.Errorf("a checksum left to the hardware: %s", r)
			}
		}
		if p, r := decode(LinkEthernet, good); r != Decoded {
			t.Errorf("%x: %s %s", options, r, summary(&p))
		}
		bad := append([]byte(nil), good...)
		bad[14+8]--
		bad[14+10], bad[14+11] = 0, 0
		if _, r := decode(LinkEthernet, bad); r != Decoded {
			t.Errorf("no checksum: %s", r)
		}
	}
	inner := ipv4(17, dgram)
	inner[8]--
	if p, r := decode(LinkEthernet, greIn(0, etherIPv4, inner)); r != IPChecksum || p.Tunnel == nil || p.DstPort != 6 {
		t.Errorf("in a tunnel: %s %s", r, summary(&p))
	}
}

func TestDecodeESPAndARP(t *testing.T) {
	p, _ := decode(LinkEthernet, ethernet(etherIPv4, ipv4(50, u16(0, 7, 1, 2), make([]byte, 20))))
	if p.DstPort != 7 || p.ESPSeq != 0x10002 {
		t.Errorf("ESP: %+v", p)
	}
	if p, _ = decode(LinkEthernet, ethernet(etherARP, arp(2))); p.Sender != [6]byte(macA) {
		t.Errorf("ARP: sender %x", p.Sender)
	}
	short := join(u16(1, 0x0800), []byte{2, 4}, u16(2, 0x0101), []byte{10, 0, 0, 1}, u16(0x0202), []byte{10, 0, 0, 2})
	if p, r := decode(LinkEthernet, ethernet(etherARP, short)); r != Decoded || p.Family != flow.FamilyARP || p.Sender != [6]byte{} {
		t.Errorf("ARP for addresses of 2 octets: %s %+v", r, p)
	}
}
