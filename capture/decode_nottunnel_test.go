package capture

import (
	"testing"

	"github.com/argus-endpoint/argus-endpoint/flow"
)

// TestDecodeNotTunnels has what belongs to the outer flow: other uses of a tunnel's port, a tunnel's control messages,
// frames in it that are not IP, and what is malformed, which is counted.
func TestDecodeNotTunnels(t *testing.T) {
	v4, v6 := innerIPv4(), innerIPv6()
	frame := innerFrame(etherIPv4, v4)
	arpFrame := innerFrame(etherARP, arp(1))
	edit := func(b []byte, at int, v ...byte) []byte { copy(b[at:], v); return b }
	long := func(n int) []byte { b := innerIPv6(); b[4], b[5] = byte(n>>8), byte(n); return b }
	foreign := ipv6(flow.ProtoUDP, dgram)
	gtpChain := make([]byte, 200)
	for i := range gtpChain {
		gtpChain[i] = 1 // every extension header is one word and says that another follows
	}
	vx, gpe := []byte{8, 0, 0, 0, 0, 0, 1, 0}, []byte{12, 0, 0, 1, 0, 0, 1, 0}
	for _, c := range []struct {
		name   string
		data   []byte
		reason Reason
	}{
		{"ARP in VXLAN", udpIn(4789, vx, arpFrame), Decoded},
		{"RARP in VXLAN", udpIn(4789, vx, innerFrame(etherRARP, arp(3))), Decoded},
		{"spanning tree in VXLAN", udpIn(4789, vx, innerFrame(38, []byte{0x42, 0x42, 3}), make([]byte, 35)), Decoded},
		{"LCP in PPTP", greIn(0x3001, etherPPP, make([]byte, 8), []byte{0xc0, 0x21, 1, 2}), Decoded},
		{"acknowledgement of PPTP", greIn(0x2081, etherPPP, make([]byte, 8)), Decoded},
		{"GRE keep-alive", greIn(0, 0), Decoded},
		{"NHRP in GRE", greIn(0, 0x2001, make([]byte, 40)), Decoded},
		{"VXLAN without a VNI", udpIn(4789, []byte{0, 0, 0, 0, 0, 0, 1, 0}, frame), Decoded},
		{"VXLAN flags", udpIn(4789, []byte{0x48, 0, 0, 0, 0, 0, 1, 0}, frame), Decoded},
		{"VXLAN reserved octet", udpIn(4789, []byte{8, 0, 0, 0, 0, 0, 1, 1}, frame), Decoded},
		{"DNS on VXLAN's port", udpIn(4789, make([]byte, 12)), Decoded},
		{"empty datagrams", udpIn(4789), Decoded},
		{"VXLAN-GPE version 1", udpIn(4790, edit(join(gpe), 0, 0x1c), v4), Decoded},
		{"VXLAN-GPE next protocol 9", udpIn(4790, edit(join(gpe), 3, 9), v4), Decoded},
		{"short VXLAN-GPE", udpIn(4790, gpe[:7]), Decoded},
		{"Geneve version 1", udpIn(6081, []byte{0x40, 0, 0x65, 0x58, 0, 0, 1, 0}, frame), Decoded},
		{"short Geneve", udpIn(6081, make([]byte, 7)), Decoded},
		{"Geneve of an unknown protocol", udpIn(6081, []byte{0, 0, 0x12, 0x34, 0, 0, 1, 0}, frame), Decoded},
		{"GTP echo", udpIn(2152, []byte{0x32, 1, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0}), Decoded},
		{"GTP version 2", udpIn(2152, []byte{0x50, 0xff, 0, 31, 0, 0, 0, 5}, v4), Decoded},
		{"GTP length", udpIn(2152, []byte{0x30, 0xff, 0, 99, 0, 0, 0, 5}, v4), Decoded},
		{"short GTP", udpIn(2152, []byte{0x30, 0xff}), Decoded},
		{"Teredo with other addresses", udpIn(3544, foreign), Decoded},
		{"Teredo length", udpIn(3544, long(12)), Decoded},
		{"Teredo of version 4", udpIn(3544, v4, make([]byte, 20)), Decoded},
		{"short Teredo", udpIn(3544, v6[:39]), Decoded},
		{"L2TP control", udpIn(1701, u16(0xc802, 12, 1, 0, 0, 0)), Decoded},
		{"L2TP version 4", udpIn(1701, u16(4, 7, 9), []byte{0xff, 3, 0, 0x21}, v4), Decoded},
		{"L2TP length", udpIn(1701, u16(0x4002, 99, 7, 9), []byte{0xff, 3, 0, 0x21}, v4), Decoded},
		{"short L2TP", udpIn(1701, u16(2, 7)), Decoded},
		{"L2TPv3 with flags", udpIn(1701, u16(0x4003, 7, 0, 77), frame), Decoded},
		{"L2TPv3 control", ethernet(etherIPv4, ipv4(protoL2TP, u16(0, 0), make([]byte, 40))), Decoded},
		{"L2TPv3 of something", ethernet(etherIPv4, ipv4(protoL2TP, u16(0, 7), make([]byte, 40))), Decoded},

		{"no room for GRE", ethernet(etherIPv4, ipv4(protoGRE, u16(0))), TunnelFormat},
		{"GRE with all flags and no room", greIn(0xffff&^7, etherIPv4), TunnelFormat},
		{"GRE with routing", greIn(0x4000, etherIPv4, make([]byte, 8), v4), TunnelFormat},
		{"GRE version 2", greIn(2, etherIPv4, v4), TunnelFormat},
		{"PPTP without a call", greIn(0x1001, etherPPP, make([]byte, 4), v4), TunnelFormat},
		{"GRE key beyond packet", greIn(0x2000, etherIPv4, []byte{0, 0}), TunnelFormat},
		{"ERSPAN beyond packet", greIn(0x1000, etherERSPAN, make([]byte, 9)), TunnelFormat},
		{"ERSPAN version", greIn(0x1000, etherERSPAN, make([]byte, 4), make([]byte, 8), frame), TunnelFormat},
		{"ERSPAN subheader beyond packet", greIn(0x1000, etherERSPANIII, make([]byte, 4), []byte{0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}), TunnelFormat},
		{"Geneve options beyond packet", udpIn(6081, []byte{0x3f, 0, 0x65, 0x58, 0, 0, 1, 0}, frame), TunnelFormat},
		{"Geneve option beyond options", udpIn(6081, []byte{1, 0, 8, 0, 0, 0, 1, 0, 0, 0, 0, 31}, v4), TunnelFormat},
		{"GTP extension length 0", udpIn(2152, []byte{0x34, 0xff, 0, 8, 0, 0, 0, 5, 0, 0, 0, 1, 0, 0, 0, 0}), TunnelFormat},
		{"GTP chain of 50", udpIn(2152, []byte{0x34, 0xff, 0, 204, 0, 0, 0, 5, 0, 0, 0, 1}, gtpChain), TunnelFormat},
		{"GTP extension beyond packet", udpIn(2152, []byte{0x34, 0xff, 0, 8, 0, 0, 0, 5, 0, 0, 0, 1, 9, 0, 0, 0}), TunnelFormat},
		{"GTP without its options", udpIn(2152, []byte{0x32, 0xff, 0, 0, 0, 0, 0, 5}), TunnelFormat},
		{"L2TP offset beyond packet", udpIn(1701, u16(0x0202, 7, 9, 0xffff), v4), TunnelFormat},
		{"L2TP sequence beyond packet", udpIn(1701, u16(0x0802, 7, 9, 0)), TunnelFormat},
		{"no room for L2TPv3", ethernet(etherIPv4, ipv4(protoL2TP, u16(7))), TunnelFormat},
		{"runt in VXLAN", udpIn(4789, vx, make([]byte, 13)), LinkShort},
		{"cut ARP in VXLAN", udpIn(4789, vx, arpFrame[:20]), ARPFormat},
		{"40 tags in VXLAN", udpIn(4789, vx, innerFrame(etherVLAN, nil), make40Tags()), VLANDepth},
		{"17 labels in GRE", greIn(0, etherMPLS, make([]byte, 80)), MPLSDepth},
		{"cut PPP in L2TP", udpIn(1701, u16(2, 7, 9), []byte{0xff, 3}), LinkShort},
		{"IPv6 announced as IPv4 in GRE", greIn(0, etherIPv4, v6), IPVersion},
		{"no IP in GTP", udpIn(2152, []byte{0x30, 0xff, 0, 31, 0, 0, 0, 5}, make([]byte, 31)), IPVersion},
		{"runt in IP", ethernet(etherIPv4, ipv4(protoIPv4, v4[:19])), IPShort},
		{"runt IPv6 in IP", ethernet(etherIPv4, ipv4(protoIPv6, v6[:39])), IPShort},
		{"header length 16 in IP", ethernet(etherIPv4, ipv4(protoIPv4, edit(innerIPv4(), 0, 0x44))), IPHeaderLength},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := Decoder{KeepOuter: true}
			var outer, p flow.Packet
			f := frameOf(LinkEthernet, c.data)
			if r := d.Decode(c.data, f, &outer); r != Decoded {
				t.Fatalf("the outer flow: %s", r)
			}
			d = Decoder{}
			if r := d.Decode(c.data, f, &p); r != c.reason || summary(&p) != summary(&outer) ||
				p.Tunnel != nil || p.Encaps != outer.Encaps || p.TTL != outer.TTL || string(p.Payload) != string(outer.Payload) {
				t.Errorf("%q: %s %s\nouter %s", r, summary(&p), tunnelSummary(&p), summary(&outer))
			}
		})
	}
}

func make40Tags() (b []byte) {
	for range 40 {
		b = append(b, 0, 1, 0x81, 0)
	}
	return b
}
