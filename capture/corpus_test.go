package capture

import (
	"bufio"
	"compress/gzip"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/argus-endpoint/argus-endpoint/flow"
)

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

// convKey is a conversation as the truth counts it: protocol and two ends, smaller first.
type convKey struct {
	proto uint8
	a, b  netip.AddrPort
}

// side is what one end sent: packets, frame, IP and payload octets.
type side [4]int64

// conv is what both did, and when, in nanoseconds since 1970.
type conv struct {
	sides       [2]side
	first, last int64
}

type convs map[convKey]*conv

func (k convKey) String() string { return fmt.Sprintf("%d %v %v", k.proto, k.a, k.b) }

func (c convs) add(proto uint8, src, dst netip.AddrPort, s side, first, last int64) {
	k, i := convKey{proto, src, dst}, 0
	if dst.Compare(src) < 0 {
		k.a, k.b, i = dst, src, 1
	}
	if c[k] == nil {
		c[k] = &conv{first: first, last: last}
	}
	x := c[k]
	x.first, x.last = min(x.first, first), max(x.last, last)
	for j := range s {
		x.sides[i][j] += s[j]
	}
}

type truthLine struct {
	Kind, Layer, Src, Dst string
	ProtoNum              *uint8 `json:"proto_num"`
	Sport, Dport          uint16
	First                 int64 `json:"first_ns"`
	Last                  int64 `json:"last_ns"`
	SrcPkts               int64 `json:"src_pkts"`
	SrcWire               int64 `json:"src_bytes_wire"`
	SrcIP                 int64 `json:"src_bytes_ip"`
	SrcPayload            int64 `json:"src_bytes_payload"`
	DstPkts               int64 `json:"dst_pkts"`
	DstWire               int64 `json:"dst_bytes_wire"`
	DstIP                 int64 `json:"dst_bytes_ip"`
	DstPayload            int64 `json:"dst_bytes_payload"`
}

// readTruth returns the conversations that tshark found, or false where there is none.
func readTruth(t *testing.T, dir, file string) (convs, bool) {
	f, err := os.Open(filepath.Join(dir, "oracle", "tshark", file+".truth.jsonl.gz"))
	if errors.Is(err, os.ErrNotExist) {
		return nil, false
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	c := convs{}
	for sc := json.NewDecoder(bufio.NewReader(z)); ; {
		var l truthLine
		if err := sc.Decode(&l); err == io.EOF {
			return c, true
		} else if err != nil {
			t.Fatal(err)
		}
		if l.Layer == "outer" && l.Kind == "conv" {
			src := netip.AddrPortFrom(netip.MustParseAddr(l.Src), l.Sport)
			dst := netip.AddrPortFrom(netip.MustParseAddr(l.Dst), l.Dport)
			c.add(*l.ProtoNum, src, dst, side{l.SrcPkts, l.SrcWire, l.SrcIP, l.SrcPayload}, l.First, l.Last)
			c.add(*l.ProtoNum, dst, src, side{l.DstPkts, l.DstWire, l.DstIP, l.DstPayload}, l.First, l.Last)
		}
	}
}

// meter does with packets what the truth does with tshark's: it sums by conversation and joins later fragments.
type meter struct {
	convs     convs
	fragments map[string][2]uint16
}

func (m *meter) add(p *flow.Packet) {
	if p.Family != flow.FamilyIPv4 && p.Family != flow.FamilyIPv6 {
		return
	}
	s := side{1, int64(p.FrameLen), int64(p.IPLen), 0}
	var sp, dp uint16
	switch p.Proto {
	case flow.ProtoTCP, flow.ProtoUDP, protoUDPLite:
		s[3] = int64(p.PayloadLen)
		sp, dp = p.SrcPort, p.DstPort
	case flow.ProtoSCTP:
		sp, dp = p.SrcPort, p.DstPort
	}
	if p.Has&flow.HasFragment != 0 {
		proto := p.Proto
		if p.Family == flow.FamilyIPv6 {
			proto = 0
		}
		id := fmt.Sprint(p.SrcAddr(), p.DstAddr(), proto, p.FragID)
		if sp != 0 || dp != 0 {
			m.fragments[id] = [2]uint16{sp, dp}
		} else if ports, ok := m.fragments[id]; ok && p.Has&flow.HasLaterFragment != 0 {
			sp, dp = ports[0], ports[1]
		}
	}
	m.convs.add(p.Proto, netip.AddrPortFrom(p.SrcAddr(), sp), netip.AddrPortFrom(p.DstAddr(), dp), s, p.Time, p.Time)
}

// knownDifferences are the conversations in which we and tshark disagree, with the cause.
var knownDifferences = map[string]string{
	"libpcap__AH-IPcomp-IPv4.pcap 51 30.0.0.1:0 40.0.0.2:0":  "tshark's truth stops at AH before IPComp; we look through it",
	"libpcap__AH-IPcomp-IPv4.pcap 108 30.0.0.1:0 40.0.0.2:0": "ours of the same packets",

	"libpcap__ipv6_ext_headers.pcap 17 [2001:db8::1]:12345 [2001:db8::2]:54321": "a chain of 100 extension headers; we stop at 16 and count it",
	"libpcap__ipv6_ext_headers.pcap 43 [2001:db8::1]:0 [2001:db8::2]:0":         "ours of the same packet",

	"pcpp__ipv4-options.pcap 1 10.0.0.6:0 10.0.0.138:0": "tshark takes the last address of a source route for the destination; we take the header's",
	"pcpp__ipv4-options.pcap 1 0.0.0.0:0 10.0.0.6:0":    "tshark's of the same packets",

	"sv__drop-protocol-change--input.pcap 6 10.9.0.2:58038 139.162.123.134:80": "a TCP data offset of 8 octets: tshark counts a payload, we do not trust it",

	"tcpdump__bigtcp-ipv6-geneve-ipv6.pcap 17 [2604:1380:4091:ce00::b]:0 [2604:1380:4091:ce00::d]:0":        "tshark loses the ports of a UDP length of 0 in a jumbogram",
	"tcpdump__bigtcp-ipv6-geneve-ipv6.pcap 17 [2604:1380:4091:ce00::b]:6081 [2604:1380:4091:ce00::d]:23733": "ours of the same packet",
}

// TestCorpus holds every capture of the corpus against the packet counts of its index and against tshark's
// conversations: tuple, times, packets, frame, IP and payload octets of each side.
func TestCorpus(t *testing.T) {
	dir := corpusDir(t)
	used, files, conversations := map[string]bool{}, 0, 0
	for _, row := range corpusIndex(t, dir) {
		t.Run(row["file"], func(t *testing.T) {
			files++
			got := corpusFile(t, dir, row)
			want, ok := readTruth(t, dir, row["file"])
			if !ok {
				return
			}
			conversations += len(want)
			for _, k := range got.differences(want) {
				id := row["file"] + " " + k
				if knownDifferences[id] == "" {
					t.Errorf("%q", id)
				}
				used[id] = true
			}
		})
	}
	for id := range knownDifferences {
		if !used[id] {
			t.Errorf("%s is no difference any more", id)
		}
	}
	t.Logf("%d captures, %d conversations, %d known differences", files, conversations, len(knownDifferences))
}

// differences returns the conversations that are not the same in both.
func (c convs) differences(want convs) []string {
	var out []string
	for k, w := range want {
		g := c[k]
		if g != nil && w.first == 0 { // simple packet blocks carry no time: tshark's is 0, ours that of the packet before
			w.first, w.last = g.first, max(w.last, g.last)
		}
		if g == nil || *g != *w {
			out = append(out, k.String())
		}
	}
	for k := range c {
		if want[k] == nil {
			out = append(out, k.String())
		}
	}
	return out
}

// corpusFile meters one capture and checks that every packet of the index was counted once.
func corpusFile(t *testing.T, dir string, row map[string]string) convs {
	src, err := OpenFile(filepath.Join(dir, "pcap", row["file"]))
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	var (
		d       = Decoder{KeepOuter: true}
		f       Frame
		p       flow.Packet
		packets uint64
		wire    int
		m       = meter{convs{}, map[string][2]uint16{}}
	)
	for {
		data, err := src.Next(&f, 0)
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		packets++
		wire += f.Length
		d.Decode(data, &f, &p)
		m.add(&p)
	}
	if want, _ := strconv.ParseUint(row["packets"], 10, 64); packets != want {
		t.Errorf("%d packets, the index says %d", packets, want)
	}
	if want, _ := strconv.Atoi(row["wire_bytes"]); wire != want {
		t.Errorf("%d octets, the index says %d", wire, want)
	}
	countedOnce(t, &d, src, packets)
	return m.convs
}

// countedOnce checks that the decoder's counters and the source's add up to the packets read.
func countedOnce(t *testing.T, d *Decoder, src Source, packets uint64) {
	t.Helper()
	var sum uint64
	for r, n := range d.Counts() {
		sum += n
		if n > 0 && Reason(r) != Decoded {
			t.Logf("%s: %d", Reason(r), n)
		}
	}
	if st, err := src.Stats(); err != nil || sum != packets || st.Received != packets {
		t.Errorf("%d frames counted and %d lent of %d: %v", sum, st.Received, packets, err)
	}
}
