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

type convs map[convKey]*[2]side

func (c convs) add(proto uint8, src, dst netip.AddrPort, s side) {
	k, i := convKey{proto, src, dst}, 0
	if dst.Compare(src) < 0 {
		k.a, k.b, i = dst, src, 1
	}
	if c[k] == nil {
		c[k] = &[2]side{}
	}
	for j := range s {
		c[k][i][j] += s[j]
	}
}

type truthLine struct {
	Kind, Layer, Src, Dst string
	ProtoNum              *uint8 `json:"proto_num"`
	Sport, Dport          uint16
	Pkts                  int64 `json:"pkts"`
	BytesWire             int64 `json:"bytes_wire"`
	SrcPkts               int64 `json:"src_pkts"`
	SrcWire               int64 `json:"src_bytes_wire"`
	SrcIP                 int64 `json:"src_bytes_ip"`
	SrcPayload            int64 `json:"src_bytes_payload"`
	DstPkts               int64 `json:"dst_pkts"`
	DstWire               int64 `json:"dst_bytes_wire"`
	DstIP                 int64 `json:"dst_bytes_ip"`
	DstPayload            int64 `json:"dst_bytes_payload"`
}

// readTruth returns the conversations and the totals that tshark found, or false where there is none.
func readTruth(t *testing.T, dir, file string) (convs, truthLine, bool) {
	f, err := os.Open(filepath.Join(dir, "oracle", "tshark", file+".truth.jsonl.gz"))
	if errors.Is(err, os.ErrNotExist) {
		return nil, truthLine{}, false
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	c, sum := convs{}, truthLine{}
	for sc := json.NewDecoder(bufio.NewReader(z)); ; {
		var l truthLine
		if err := sc.Decode(&l); err == io.EOF {
			return c, sum, true
		} else if err != nil {
			t.Fatal(err)
		}
		if l.Layer != "outer" {
			continue
		}
		if l.Kind == "summary" {
			sum = l
		}
		if l.Kind == "conv" {
			src, dst := netip.AddrPortFrom(netip.MustParseAddr(l.Src).WithZone(""), l.Sport), netip.AddrPortFrom(netip.MustParseAddr(l.Dst).WithZone(""), l.Dport)
			c.add(*l.ProtoNum, src, dst, side{l.SrcPkts, l.SrcWire, l.SrcIP, l.SrcPayload})
			c.add(*l.ProtoNum, dst, src, side{l.DstPkts, l.DstWire, l.DstIP, l.DstPayload})
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
	m.convs.add(p.Proto, netip.AddrPortFrom(p.SrcAddr(), sp), netip.AddrPortFrom(p.DstAddr(), dp), s)
}

// TestCorpus holds every capture of the corpus against the packet counts of its index and against
// tshark's conversations: tuple, packets, frame, IP and payload octets of each side.
func TestCorpus(t *testing.T) {
	dir := corpusDir(t)
	for _, row := range corpusIndex(t, dir) {
		t.Run(row["file"], func(t *testing.T) { corpusFile(t, dir, row) })
	}
}

func corpusFile(t *testing.T, dir string, row map[string]string) {
	src, err := OpenFile(filepath.Join(dir, "pcap", row["file"]))
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	var (
		d       Decoder
		f       Frame
		p       flow.Packet
		packets uint64
		wire    int
		m       = meter{convs{}, map[string][2]uint16{}}
	)
	for {
		data, err := src.Next(&f, 0)
		if err != nil {
			if err != io.EOF {
				t.Log(err)
			}
			break
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
	var sum uint64
	for r, n := range d.Counts() {
		sum += n
		if n > 0 && r != 0 {
			t.Logf("%s: %d", Reason(r), n)
		}
	}
	if sum != packets {
		t.Errorf("%d frames counted of %d", sum, packets)
	}
	want, _, ok := readTruth(t, dir, row["file"])
	if !ok {
		return
	}
	for k, w := range want {
		if g := m.convs[k]; g == nil {
			t.Errorf("missing %v %v", k, *w)
		} else if *g != *w {
			t.Errorf("%v: got %v, want %v", k, *g, *w)
		}
		delete(m.convs, k)
	}
	for k, g := range m.convs {
		t.Errorf("extra %v %v", k, *g)
	}
}
