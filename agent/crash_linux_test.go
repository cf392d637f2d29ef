package agent

import (
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"github.com/argus-endpoint/argus-endpoint/internal/await"
	"github.com/argus-endpoint/argus-endpoint/internal/netns"
)

// inVXLAN puts a frame into a tunnel between the hosts of segment.
func inVXLAN(t *testing.T, frame []byte) []byte {
	t.Helper()
	eth := layers.Ethernet{SrcMAC: net.HardwareAddr{2, 0, 0, 0, 0, 1}, DstMAC: net.HardwareAddr{2, 0, 0, 0, 0, 2}, EthernetType: layers.EthernetTypeIPv4}
	ip := layers.IPv4{Version: 4, TTL: 64, Protocol: layers.IPProtocolUDP, SrcIP: net.IP{10, 1, 0, 1}, DstIP: net.IP{10, 1, 0, 2}}
	udp := layers.UDP{SrcPort: 5555, DstPort: 4789}
	if err := udp.SetNetworkLayerForChecksum(&ip); err != nil {
		t.Fatal(err)
	}
	b := gopacket.NewSerializeBuffer()
	options := gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}
	if err := gopacket.SerializeLayers(b, options, &eth, &ip, &udp, &layers.VXLAN{ValidIDFlag: true, VNI: 7}, gopacket.Payload(frame)); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// Fault 25: what panics three times is switched off: tunnel parsing where the packet came out of one, else the interface. The
// rest of the agent goes on, and says so; a restart within the day remembers it.
func TestThreePanicsSwitchOff(t *testing.T) {
	if !netns.Inside(t) {
		return
	}
	p := newPeer(t)
	p.link(t, "va", 1)
	p.link(t, "vb", 2)
	const poison = 666
	dir := ""
	boot := func() *running {
		return startAgent(t, func(c *Config) {
			c.MARInterval = 200 * time.Millisecond
			if dir != "" {
				c.State = dir
			}
			dir = c.State
		}, func(a *Agent) {
			a.local = func(_ netip.Addr, port uint16) (bool, bool) {
				if port == poison {
					panic("a defect in the flow table")
				}
				return false, false
			}
		})
	}
	r := boot()
	r.meters(5*time.Second, "lo", "va", "vb")
	off := func(what string) func() bool {
		return func() bool {
			s, err := ReadStatus(t.Context(), r.c.State)
			var paths []string
			for i := range s.SwitchedOff {
				paths = append(paths, s.SwitchedOff[i].Path)
			}
			return err == nil && strings.Join(paths, ",") == what
		}
	}
	poisoned := func(frame []byte, until string) {
		await.Event(t, 15*time.Second, until+" is off", func() bool {
			inject(t, "va", frame)
			return off(until)()
		})
	}
	poisoned(inVXLAN(t, tcpFrame(t, 5000, poison)), pathTunnels)
	r.meters(5*time.Second, "lo", "va", "vb")
	harmless, first := 0, uint64(0)
	await.Event(t, 5*time.Second, "the outer flow is metered", func() bool {
		s, _ := ReadStatus(t.Context(), r.c.State)
		for _, in := range s.Interfaces {
			if in.Name != "va" {
				continue
			}
			if harmless++; harmless == 1 {
				first = in.Accounts.Metered
			}
			inject(t, "va", inVXLAN(t, tcpFrame(t, 5000, poison)))
			return in.Panics == crashLimit && in.Accounts.Metered > first+20
		}
		return false
	})
	poisoned(tcpFrame(t, 5001, poison), pathTunnels+",interface va")
	s := r.meters(5*time.Second, "lo", "vb")
	for _, in := range s.Interfaces {
		if in.Name == "va" && !strings.Contains(in.Reason, "three crashes") {
			t.Errorf("va is not metered for the reason %q", in.Reason)
		}
	}
	reports := s.Totals.Reports
	await.Event(t, 5*time.Second, "the heartbeat goes on", func() bool {
		s, _ := ReadStatus(t.Context(), r.c.State)
		return s.Totals.Reports > reports+3
	})
	udp(t, "10.2.0.2:4000", 6, 100)
	r.end()
	r = boot()
	r.meters(5*time.Second, "lo", "vb")
	if !off(pathTunnels + ",interface va")() {
		t.Error("a restart forgot what is off")
	}
	r.end()
	got, _ := r.spooled()
	other := uint64(0)
	for key, s := range got {
		if strings.HasPrefix(key, "vb 17 ") && strings.HasSuffix(key, "10.2.0.2:4000") {
			other += s.spkts
		}
	}
	if other != 6 {
		t.Errorf("%d packets of the other interface: %v", other, got)
	}
	kinds := map[string]int{}
	for _, e := range r.events {
		kinds[e.Kind]++
	}
	if kinds["decoder-off"] != 4 { // two, and again after the restart
		t.Errorf("events %v", r.events)
	}
}
