package flow

import (
	"net/netip"
	"slices"
	"testing"
)

// A TCP connection that is older than the capture: alice's packet comes first, bob answers.
func TestWhoBeganAnOldConnection(t *testing.T) {
	host := func(here [16]byte, listens ...uint16) func(netip.Addr, uint16) (bool, bool) {
		return func(a netip.Addr, port uint16) (bool, bool) {
			if a != netip.AddrFrom4([4]byte(here[:4])) {
				return false, false
			}
			if slices.Contains(listens, port) {
				return true, true
			}
			return true, false
		}
	}
	everywhere := func(_ netip.Addr, port uint16) (bool, bool) { return true, port == 7000 }
	for _, c := range []struct {
		name         string
		local        func(netip.Addr, uint16) (bool, bool)
		sport, dport uint16
		swap         bool
		by           Initiator
	}{
		{"the source listens", host(alice, 40000), 40000, 50000, true, InitiatorListener},
		{"the destination listens", host(bob, 40000), 50000, 40000, false, InitiatorListener},
		{"the source does not listen on its ephemeral port", host(alice, 22), 40000, 50000, false, InitiatorListener},
		{"the destination does not", host(bob), 50000, 40000, true, InitiatorListener},
		{"a listener on a port that looks like a client's, against a server's port", host(alice, 50000), 50000, 443, true, InitiatorListener},
		{"no listener, no ephemeral port, no server's port", host(alice), 20000, 20001, false, InitiatorGuessed},
		{"no listener on a server's port (it has ended)", host(alice), 8080, 50000, true, InitiatorPort},
		{"both ends here, the source listens", everywhere, 7000, 50000, true, InitiatorListener},
		{"both ends here, the destination listens", everywhere, 50000, 7000, false, InitiatorListener},
		{"both ends here, both listen", func(netip.Addr, uint16) (bool, bool) { return true, true }, 40000, 50000, false, InitiatorGuessed},
		{"both ends here, no listener", everywhere, 50000, 50001, false, InitiatorGuessed},
		{"neither end here: ports decide", host(ip4(9, 9, 9, 9), 40000), 443, 40000, true, InitiatorPort},
		{"server's port first", nil, 443, 1024, true, InitiatorPort},
		{"client's port first", nil, 60000, 22, false, InitiatorPort},
		{"a registered port", nil, 5432, 50000, true, InitiatorPort},
		{"both are servers'", nil, 443, 80, false, InitiatorGuessed},
		{"neither is", nil, 50000, 40000, false, InitiatorGuessed},
		{"no port", nil, 0, 40000, false, InitiatorGuessed},
	} {
		t.Run(c.name, func(t *testing.T) {
			config := DefaultConfig()
			config.Local = c.local
			m := &meter{Table: NewTable(config)}
			first := packet(t0, ProtoTCP, alice, bob, c.sport, c.dport, 154, 100)
			first.TCP = TCPHeader{Flags: PSH | ACK, Seq: 1000, Ack: 9000, Window: 1000}
			first.Has, first.SrcMAC, first.DstMAC = HasMAC, [6]byte{2, 1}, [6]byte{2, 2}
			answer := packet(t0+1e6, ProtoTCP, bob, alice, c.dport, c.sport, 54, 0)
			answer.TCP = TCPHeader{Flags: ACK, Seq: 9000, Ack: 1100, Window: 1000}
			answer.Has, answer.SrcMAC, answer.DstMAC = HasMAC, first.DstMAC, first.SrcMAC
			m.add(first, answer)
			all := m.end()
			if len(all) != 1 {
				t.Fatalf("%d records", len(all))
			}
			r, src, from, letters := &all[0], alice, 0, "Da"
			if c.swap {
				src, from, letters = bob, 1, "^dA"
			}
			if r.Src != src || r.Initiator != c.by {
				t.Errorf("source %v by %d, want %v by %d", r.Src[:4], r.Initiator, src[:4], c.by)
			}
			if r.Side[from].Payload != 100 || r.TCP.Side[from].Payload != 100 || r.Side[1-from].Packets != 1 {
				t.Errorf("sides %+v", r.Side)
			}
			if r.History.String() != letters || r.MultiMAC || [2][6]byte{r.SrcMAC, r.DstMAC}[from] != first.SrcMAC {
				t.Errorf("history %s, want %s; addresses %x %x, several: %v", r.History, letters, r.SrcMAC, r.DstMAC, r.MultiMAC)
			}
			if r.TCP.Status&(TCPSawSYN|TCPSawSYNACK) != 0 {
				t.Errorf("status %#x tells of a SYN", r.TCP.Status)
			}
		})
	}
}

// A SYN that is seen, or the answer to one, tells more than any port.
func TestSYNBeatsPorts(t *testing.T) {
	config := DefaultConfig()
	config.Local = func(netip.Addr, uint16) (bool, bool) { t.Error("asked for the local ports"); return true, true }
	for flags, src := range map[uint8][16]byte{SYN: alice, SYN | ACK: bob} {
		m := &meter{Table: NewTable(config)}
		p := packet(t0, ProtoTCP, alice, bob, 443, 50000, 54, 0)
		p.TCP.Flags = flags
		m.add(p)
		if r := m.end()[0]; r.Src != src {
			t.Errorf("flags %#x: source %v, want %v", flags, r.Src[:4], src[:4])
		}
	}
}
