package capture

import (
	"bytes"
	"encoding/binary"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/argus-endpoint/argus-endpoint/flow"
)

var update = flag.Bool("update", false, "write testdata/tunnels.* anew, by tshark")

// tsharkColumns are the last network and transport header that tshark finds in a packet.
const tsharkColumns = "ip.src ip.dst ip.len ipv6.src ipv6.dst ipv6.plen udp.srcport udp.dstport"

// notByTshark are the tunnels that tshark does not open, each with the cause.
var notByTshark = map[string]string{
	"VXLAN of old":                    "it takes 8472 for OTV",
	"VXLAN-GPE Ethernet":              "it wants the next protocol to be valid",
	"ERSPAN III of IP":                "it knows frames only",
	"L2TPv3 over UDP":                 "it wants to have seen the session begin",
	"L2TPv3 over IP":                  "it wants to have seen the session begin",
	"L2TPv3 with cookie and sublayer": "it wants to have seen the session begin",
	"L2TPv3 PPP":                      "it wants to have seen the session begin",
}

// TestTunnelsByTshark holds the hand-made tunnels against what tshark 4.0.17 found in the same frames: testdata/tunnels.pcap
// and testdata/tunnels.tshark, a line for each. Run with -update after a change of the frames.
func TestTunnelsByTshark(t *testing.T) {
	file := tunnelFile()
	if *update {
		if err := os.WriteFile("testdata/tunnels.pcap", file, 0o644); err != nil {
			t.Fatal(err)
		}
		args := []string{"-n", "-r", "testdata/tunnels.pcap", "-T", "fields", "-E", "occurrence=l"}
		for c := range strings.FieldsSeq(tsharkColumns) {
			args = append(args, "-e", c)
		}
		out, err := exec.Command("tshark", args...).Output()
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile("testdata/tunnels.tshark", out, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if have, err := os.ReadFile("testdata/tunnels.pcap"); err != nil || !bytes.Equal(have, file) {
		t.Fatalf("testdata/tunnels.pcap has other frames (%v): go test ./capture -run TunnelsByTshark -update", err)
	}
	out, err := os.ReadFile("testdata/tunnels.tshark")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
	all := tunnels()
	if len(lines) != len(all) {
		t.Fatalf("%d lines for %d frames", len(lines), len(all))
	}
	for i, c := range all {
		p, _ := decode(LinkEthernet, c.data)
		v := strings.Split(lines[i], "\t")
		want := fmt.Sprintf("%s:%s %s:%s %s", v[0], v[6], v[1], v[7], v[2])
		length := p.IPLen
		if v[3] != "" { // none has IPv4 in IPv6
			want = fmt.Sprintf("%s:%s %s:%s %s", v[3], v[6], v[4], v[7], v[5])
		}
		if p.Family == flow.FamilyIPv6 {
			length -= 40
		}
		got := fmt.Sprintf("%s:%d %s:%d %d", p.SrcAddr(), p.SrcPort, p.DstAddr(), p.DstPort, length)
		if same := got == want; same != (notByTshark[c.name] == "") {
			t.Errorf("%s: %s, tshark %s", c.name, got, want)
		}
	}
}

// tunnelFile is a capture file of tunnels.
func tunnelFile() []byte {
	b := append([]byte{0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0}, make([]byte, 8)...)
	b = append(b, 0, 0, 4, 0, 1, 0, 0, 0)
	for i, c := range tunnels() {
		for _, v := range []int{1700000000 + i, 0, len(c.data), len(c.data)} {
			b = binary.LittleEndian.AppendUint32(b, uint32(v))
		}
		b = append(b, c.data...)
	}
	return b
}
