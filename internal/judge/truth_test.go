package judge

import (
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/netip"
	"os"
	"testing"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/flow"
)

// convKey is a conversation as the truth counts it: protocol and two ends, the smaller one first. ARP is protocol -1.
type convKey struct {
	proto int
	a, b  netip.AddrPort
}

const arp = -1

func (k convKey) String() string {
	if k.proto == arp {
		return fmt.Sprintf("arp %v %v", k.a.Addr(), k.b.Addr())
	}
	return fmt.Sprintf("%d %v %v", k.proto, k.a, k.b)
}

// keyOf returns the key, and which of its ends src is.
func keyOf(proto int, src, dst netip.AddrPort) (k convKey, end int) {
	if dst.Compare(src) < 0 {
		return convKey{proto, dst, src}, 1
	}
	return convKey{proto, src, dst}, 0
}

// sent is what one end sent: packets, and octets of frames, of IP and of payload.
type sent [4]uint64

// conversation is what both ends did, and when, in nanoseconds since 1970.
type conversation struct {
	sides       [2]sent
	first, last int64
	estimated   bool        // ours: packets of a super-frame were reckoned, not counted
	initiator   int         // TCP: who sent the SYN: an end, or one of the following
	shakes      []handshake // TCP, in order
	fragments   bool        // theirs: some of it are
	communityID []string    // theirs: of the conversation or, of an ICMP exchange, of each of its kinds
	keys        []flow.Key  // ours: of the flows, in order
}

const (
	nobody = 2 + iota // no handshake was seen
	both
)

// handshake is the time from SYN to SYN/ACK and from there to the ACK, ns; 0 when not both ends of it were seen.
type handshake struct{ synack, ackdat int64 }

type conversations map[convKey]*conversation

func (c conversations) get(k convKey, first, last int64) *conversation {
	x := c[k]
	if x == nil {
		x = &conversation{first: first, last: last, initiator: nobody}
		c[k] = x
	}
	x.first, x.last = min(x.first, first), max(x.last, last)
	return x
}

// truthLine is a line of the truth, of which shared/corpus/ORACLE.md tells the meaning.
type truthLine struct {
	Kind, Layer, Src, Dst string
	ProtoNum              *int `json:"proto_num"`
	Sport, Dport          uint16
	First                 int64  `json:"first_ns"`
	Last                  int64  `json:"last_ns"`
	SrcPkts               uint64 `json:"src_pkts"`
	SrcWire               uint64 `json:"src_bytes_wire"`
	SrcIP                 uint64 `json:"src_bytes_ip"`
	SrcPayload            uint64 `json:"src_bytes_payload"`
	DstPkts               uint64 `json:"dst_pkts"`
	DstWire               uint64 `json:"dst_bytes_wire"`
	DstIP                 uint64 `json:"dst_bytes_ip"`
	DstPayload            uint64 `json:"dst_bytes_payload"`
	Initiator             string
	Handshakes            []struct {
		SynAck float64 `json:"syn_synack"`
		AckDat float64 `json:"synack_ack"`
	}
	SrcFragments int      `json:"src_frag_pkts"`
	DstFragments int      `json:"dst_frag_pkts"`
	CommunityID  []string `json:"community_id"`
}

// readTruth returns what tshark found in a capture, of the layers "outer" and "inner", or nil where nobody asked it.
func readTruth(t *testing.T, path string) map[string]conversations {
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	w := map[string]conversations{"outer": {}, "inner": {}}
	for lines := json.NewDecoder(z); ; {
		var l truthLine
		if err := lines.Decode(&l); errors.Is(err, io.EOF) {
			return w
		} else if err != nil {
			t.Fatal(err)
		}
		if l.Kind == "conv" || l.Kind == "arp" {
			w[l.Layer].truth(&l)
		}
	}
}

func (c conversations) truth(l *truthLine) {
	proto := arp
	if l.ProtoNum != nil {
		proto = *l.ProtoNum
	}
	src := netip.AddrPortFrom(netip.MustParseAddr(l.Src), l.Sport)
	dst := netip.AddrPortFrom(netip.MustParseAddr(l.Dst), l.Dport)
	k, i := keyOf(proto, src, dst)
	x := c.get(k, l.First, l.Last)
	x.sides[i].add(sent{l.SrcPkts, l.SrcWire, l.SrcIP, l.SrcPayload})
	x.sides[1-i].add(sent{l.DstPkts, l.DstWire, l.DstIP, l.DstPayload})
	switch l.Initiator {
	case "src", "both": // of two SYNs the first one counts
		x.initiator = i
	case "dst":
		x.initiator = 1 - i
	}
	for _, h := range l.Handshakes {
		if h.SynAck == 0 && h.AckDat == 0 { // only one of the three packets was seen, or all in one nanosecond
			continue
		}
		x.shakes = append(x.shakes, handshake{int64(math.Round(h.SynAck * 1e9)), int64(math.Round(h.AckDat * 1e9))})
	}
	x.fragments = x.fragments || l.SrcFragments+l.DstFragments > 0
	x.communityID = append(x.communityID, l.CommunityID...)
}

func (s *sent) add(o sent) {
	for i, n := range o {
		s[i] += n
	}
}

// ours sums records by conversation.
func ours(records []*argus.Record) conversations {
	c := conversations{}
	final := map[uint64]*flow.Record{} // the last record of each flow tells of the whole connection
	var order []uint64
	for _, r := range records {
		f := &r.Flow
		k, i, ok := keyOfRecord(f)
		if !ok {
			continue
		}
		first, last := f.Span()
		x := c.get(k, first, last)
		for side := range f.Side {
			s := &f.Side[side]
			x.sides[i^side].add(sent{s.Packets, s.Bytes, ipOctets(k.proto, s), payloadOctets(k.proto, s)})
		}
		x.estimated = x.estimated || f.EstimatedSegments
		if final[f.ID] == nil {
			order = append(order, f.ID)
		}
		final[f.ID] = f
	}
	for _, id := range order {
		f := final[id]
		k, i, _ := keyOfRecord(f)
		c[k].connection(f, i)
	}
	return c
}

// keyOfRecord returns the conversation of a record and which of its ends the source is, or false when the truth has none.
func keyOfRecord(f *flow.Record) (convKey, int, bool) {
	proto := int(f.Proto)
	switch f.Family {
	case flow.FamilyARP:
		proto = arp
	case flow.FamilyIPv4, flow.FamilyIPv6:
	default:
		return convKey{}, 0, false
	}
	var sp, dp uint16
	if f.HasPorts() && f.Proto != flow.ProtoDCCP { // of DCCP the truth has no ports
		sp, dp = f.SrcPort, f.DstPort
	}
	k, i := keyOf(proto, netip.AddrPortFrom(f.SrcAddr(), sp), netip.AddrPortFrom(f.DstAddr(), dp))
	return k, i, true
}

// connection adds what the last record of a flow, whose source is end i, tells of all of it.
func (x *conversation) connection(f *flow.Record, i int) {
	x.keys = append(x.keys, f.Key)
	if !f.IsTCP() {
		return
	}
	if (f.Initiator == flow.InitiatorSeen || f.Initiator == flow.InitiatorAnswer) && f.TCP.Status&(flow.TCPSawSYN|flow.TCPSawSYNACK) != 0 {
		switch x.initiator {
		case nobody:
			x.initiator = i
		case 1 - i:
			x.initiator = both
		}
	}
	if f.TCP.SynAck != 0 || f.TCP.AckDat != 0 {
		x.shakes = append(x.shakes, handshake{f.TCP.SynAck, f.TCP.AckDat})
	}
}

func ipOctets(proto int, s *flow.Side) uint64 {
	if proto == arp {
		return 0
	}
	return s.IPBytes
}

// payloadOctets is what the truth counts: none of protocols without ports, which have a payload of ours.
func payloadOctets(proto int, s *flow.Side) uint64 {
	switch proto {
	case flow.ProtoTCP, flow.ProtoUDP, flow.ProtoUDPLite:
		return s.Payload
	}
	return 0
}
