package fields

import (
	"strings"
	"testing"
	"time"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/flow"
)

// script meters a connection of segments like ">S", "<SA", ">A", ">PA100": who sends, the flags, octets of payload.
// Sequence and acknowledgement numbers follow from what was sent; a segment in brackets is sent and not seen.
func script(t *testing.T, text string) *argus.Record {
	t.Helper()
	tab := flow.NewTable(flow.DefaultConfig())
	next := [2]uint32{1000, 9000}
	at := time.Unix(1_700_000_000, 0).UnixNano()
	for step := range strings.FieldsSeq(text) {
		unseen := strings.HasPrefix(step, "[")
		step = strings.Trim(step, "[]")
		from := strings.IndexByte("><", step[0])
		p := flow.Packet{Time: at, FrameLen: 60, IPLen: 40, Segments: 1}
		p.Family, p.Proto, p.SrcPort, p.DstPort, p.Src[3], p.Dst[3] = flow.FamilyIPv4, flow.ProtoTCP, 40000, 80, 1, 2
		if from == 1 {
			p.SrcPort, p.DstPort, p.Src[3], p.Dst[3] = 80, 40000, 2, 1
		}
		for _, c := range step[1:] {
			if i := strings.IndexRune("FSRPA", c); i >= 0 {
				p.TCP.Flags |= 1 << i
			} else {
				p.PayloadLen = p.PayloadLen*10 + uint32(c-'0')
			}
		}
		p.TCP.Seq, p.TCP.Window = next[from], 1000
		next[from] += p.PayloadLen
		if p.TCP.Flags&(flow.SYN|flow.FIN) != 0 {
			next[from]++
		}
		if p.TCP.Flags&flow.ACK != 0 {
			p.TCP.Ack = next[1-from]
		}
		at += 1e6
		if !unseen {
			tab.Add(&p)
		}
	}
	for r := range tab.Flush(at) {
		return &argus.Record{Kind: argus.KindFlow, Has: argus.HasExtension, Flow: *r}
	}
	t.Fatal("no record")
	return nil
}

// What decides is told by the states in which both sides were left (docs.zeek.org, conn.log).
func TestConnState(t *testing.T) {
	for _, c := range []struct{ segments, state, history string }{
		{">S", "S0", "S"},
		{">S >PA10", "S0", "SD"},
		{">S <SA", "S1", "Sh"},
		{">S <SA >A >PA10 <A", "S1", "ShADa"},
		{">S <SA >A >PA10 <PA20 >FA <FA >A", "SF", "ShADdFf"},
		{">S <SA >A >FA <A", "S2", "ShAFa"},
		{">S <SA >A <FA >A", "S3", "ShAf"},
		{">S <RA", "REJ", "Sr"},
		{">P10 >SA <R", "REJ", "DHr"}, // an answer to nobody, refused
		{">S <SA >R", "RSTO", "ShR"},
		{">S <SA >A >PA10 >R", "RSTO", "ShADR"},
		{">S <SA >A >PA10 <R", "RSTR", "ShADr"},
		{">S <SA >A >R <R", "REJ", "ShARr"}, // both reset, nothing sent
		{">S <SA >A >PA10 >R <R", "RSTR", "ShADRr"},
		{">S <SA >A >FA >R <FA", "SF", "ShAFRf"}, // a RST after the FIN is none
		{">S <SA >A <FA >R", "RSTO", "ShAfR"},
		{">S >R", "RSTOS0", "SR"},
		{">S >PA10 >R", "RSTOS0", "SDR"},
		{"<P >S >R", "RSTOS0", "^SR"},
		{">S >A >R", "OTH", "SAR"},
		{"[>S] <SA <R", "RSTRH", "^hr"},
		{">S [<SA] >A >PA10 >FA", "SH", "SADF"},
		{"[>S] <SA <FA", "SHR", "^hf"},
		{"[>S] <SA >A >PA10 >FA <FA", "SF", "^hADFf"},
		{"[>S] <SA", "OTH", "^h"},
		{"[>S] <SA >A", "S1", "^hA"},
		{"[>S] [<SA] >PA10 <A", "OTH", "Da"},
		{"[>S] [<SA] <PA10", "OTH", "^d"}, // the client is the source: it has no server's port
		{"[>S] [<SA] >A >R", "OTH", "AR"},
		{"[>S] [<SA] >A <A <R", "RSTRH", "Aar"},
	} {
		r := script(t, c.segments)
		if got := ConnState(r); got != c.state || r.Flow.History.String() != c.history {
			t.Errorf("%s: %s %s, want %s %s", c.segments, got, r.Flow.History.String(), c.state, c.history)
		}
	}
}

func TestConnStateOfOthers(t *testing.T) {
	record := func(proto uint8, family flow.Family, src, dst uint64, has argus.Has) *argus.Record {
		r := &argus.Record{Kind: argus.KindFlow, Has: has}
		r.Flow.Proto, r.Flow.Family = proto, family
		r.Flow.Side[0].Packets, r.Flow.Side[1].Packets = src, dst
		return r
	}
	for _, c := range []struct {
		name string
		r    *argus.Record
		want string
	}{
		{"UDP, both", record(flow.ProtoUDP, flow.FamilyIPv4, 1, 1, argus.HasExtension), "SF"},
		{"UDP, source only", record(flow.ProtoUDP, flow.FamilyIPv6, 1, 0, argus.HasExtension), "S0"},
		{"UDP, destination only", record(flow.ProtoUDP, flow.FamilyIPv4, 0, 1, argus.HasExtension), "SHR"},
		{"ICMP", record(flow.ProtoICMP, flow.FamilyIPv4, 1, 1, argus.HasExtension), "OTH"},
		{"ARP", record(0, flow.FamilyARP, 1, 1, argus.HasExtension), ""},
		{"another sensor's", record(flow.ProtoTCP, flow.FamilyIPv4, 1, 1, argus.HasTCP), ""},
	} {
		if got := ConnState(c.r); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}
