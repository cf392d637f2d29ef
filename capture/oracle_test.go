package capture

import (
	"bytes"
	"encoding/csv"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"github.com/argus-endpoint/argus-endpoint/flow"
)

// TestGopacketAgrees holds the decoder against gopacket/layers on every Ethernet packet of the corpus
// that gopacket decodes without complaint: addresses, ports, protocol, TTL, lengths, TCP header.
func TestGopacketAgrees(t *testing.T) {
	dir := corpusDir(t)
	compared := 0
	for _, row := range corpusIndex(t, dir) {
		if row["link_types"] != "EN10MB" {
			continue
		}
		s, err := OpenFile(filepath.Join(dir, "pcap", row["file"]))
		if err != nil {
			t.Fatal(err)
		}
		d := Decoder{KeepOuter: true}
		var f Frame
		var p flow.Packet
		for n := 1; ; n++ {
			data, err := s.Next(&f, 0)
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if d.Decode(data, &f, &p) == Decoded && agrees(t, data, &p, row["file"], n) {
				compared++
			}
		}
		s.Close()
	}
	if compared < 25_000 {
		t.Errorf("only %d packets were compared", compared)
	}
	t.Logf("%d packets compared", compared)
}

// agrees compares one packet; it reports whether gopacket had something to compare.
func agrees(t *testing.T, data []byte, p *flow.Packet, file string, n int) bool {
	t.Helper()
	if p.EtherType == 0x88be { // ERSPAN, a tunnel that we do not look into
		return false
	}
	ref := gopacket.NewPacket(data, layers.LayerTypeEthernet, gopacket.DecodeOptions{NoCopy: true, Lazy: true})
	var src, dst []byte
	wrong := func(what string, got, want any) {
		t.Helper()
		t.Errorf("%s packet %d: %s %v, gopacket %v", file, n, what, got, want)
	}
	network := ref.NetworkLayer()
	switch ip := network.(type) {
	case *layers.IPv4:
		src, dst = ip.SrcIP.To4(), ip.DstIP.To4()
		if p.TTL != ip.TTL || p.TOS != ip.TOS || p.IPID != ip.Id {
			wrong("TTL, TOS, id", []any{p.TTL, p.TOS, p.IPID}, []any{ip.TTL, ip.TOS, ip.Id})
		}
	case *layers.IPv6:
		src, dst = ip.SrcIP, ip.DstIP
		if p.TTL != ip.HopLimit || p.TOS != ip.TrafficClass {
			wrong("hop limit, class", []any{p.TTL, p.TOS}, []any{ip.HopLimit, ip.TrafficClass})
		}
	default:
		return false
	}
	if !bytes.Equal(p.Src[:len(src)], src) || !bytes.Equal(p.Dst[:len(dst)], dst) {
		wrong("addresses", []any{p.SrcAddr(), p.DstAddr()}, []any{src, dst})
	}
	if p.Has&flow.HasFragment != 0 {
		return true
	}
	switch l := ref.TransportLayer().(type) {
	case *layers.TCP:
		if p.Proto != flow.ProtoTCP { // behind a tunnel that we do not look into
			return false
		}
		if p.SrcPort != uint16(l.SrcPort) || p.DstPort != uint16(l.DstPort) || p.TCP.Seq != l.Seq || p.TCP.Ack != l.Ack ||
			p.TCP.Window != l.Window || p.TCP.Flags&flow.SYN != 0 != l.SYN || p.TCP.Flags&flow.RST != 0 != l.RST {
			wrong("TCP", summary(p), l)
		}
		for _, o := range l.Options {
			if o.OptionType == layers.TCPOptionKindMSS && len(o.OptionData) == 2 && p.TCP.MSS != be16(o.OptionData) {
				wrong("MSS", p.TCP.MSS, be16(o.OptionData))
			}
		}
		if !bytes.Equal(p.Payload, l.Payload) {
			wrong("payload", len(p.Payload), len(l.Payload))
		}
	case *layers.UDP:
		if p.Proto != flow.ProtoUDP {
			return false
		}
		if p.SrcPort != uint16(l.SrcPort) || p.DstPort != uint16(l.DstPort) || p.PayloadLen != uint32(l.Length)-8 && l.Length != 0 {
			wrong("UDP", summary(p), l)
		}
		if !bytes.Equal(p.Payload, l.Payload) {
			wrong("payload", len(p.Payload), len(l.Payload))
		}
	}
	return true
}

// corpusDir returns the folder of real captures with independent expected results, or skips.
func corpusDir(tb testing.TB) string {
	tb.Helper()
	dir := filepath.Join("..", "..", "shared", "corpus")
	if _, err := os.Stat(dir); err != nil {
		tb.Skipf("the corpus of captures is not beside the repository: %v", err)
	}
	return dir
}

func corpusIndex(tb testing.TB, dir string) []map[string]string {
	tb.Helper()
	f, err := os.Open(filepath.Join(dir, "INDEX.csv"))
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		tb.Fatal(err)
	}
	var out []map[string]string
	for _, row := range rows[1:] {
		m := map[string]string{}
		for i, name := range rows[0] {
			m[name] = row[i]
		}
		out = append(out, m)
	}
	return out
}
