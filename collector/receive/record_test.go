package receive

import (
	"bytes"
	"net/http"
	"os"
	"testing"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/flow"
	"github.com/argus-endpoint/argus-endpoint/uplink/wire"
)

// richest returns a record with everything that an agent can tell of a flow, as large as it can be.
func richest() *flow.Record {
	const most = 1 << 40 // takes eight octets
	r := record(1)
	r.Family, r.Proto, r.Src[15], r.Dst[15] = flow.FamilyIPv6, flow.ProtoTCP, 1, 2
	r.History = flow.History([]byte("^SsHhAaDdFfRrTtGgWwIiQqSs"))
	r.HasMAC, r.MultiMAC, r.EtherType = true, true, 0x86dd
	r.Tunnel = flow.Tunnel{Key: r.Key, Encaps: flow.EncapsGRE, ID: 7, Proto: 0x86dd}
	r.ICMP = flow.ICMPReport{Type: 1, Code: 4, Family: flow.FamilyIPv6, From: r.Dst, To: r.Src}
	spread := flow.Intervals{N: most >> 16, Min: 1, Mean: 2, StdDev: 1, Max: 3, Bins: 1 << 28}
	for i := range r.Side {
		r.Side[i] = flow.Side{Packets: most, Bytes: most, IPBytes: most, Payload: most, First: 1e18 + 1, Last: 2e18, TTL: 64, Fragments: true,
			HasVLAN: true, HasMPLS: true, IPOptions: 1, Encaps: flow.EncapsGRE, MinSize: 60, MaxSize: 1514, Sizes: 1 << 28, Active: spread, Idle: spread,
			Data: bytes.Repeat([]byte{0xaa}, 1<<10)} // package agent allows no more
		r.TCP.Side[i] = flow.TCPSide{OutOfOrder: 1, Duplicates: 1, Gap: 1, Keystrokes: 1, Flags: 0x1f}
	}
	return r
}

// TestRecordsOfAgentsAreTaken: the richest record passes the limit of size; what agents of older layouts of our extension write is taken, and
// a record of a layout to come.
func TestRecordsOfAgentsAreTaken(t *testing.T) {
	enc := argus.Encoder{Monitor: monitor, Interface: "eth0", FlowHash: true, Label: bytes.Repeat([]byte{'x'}, 1016)}
	rich := enc.AppendFlow(nil, richest())
	if len(rich) > wire.MaxRecord {
		t.Errorf("the richest record has %d octets, more than a collector takes", len(rich))
	}
	later := stream(t, monitor, 1, 1)
	at := bytes.LastIndex(later, []byte{0x7e, 3, 0xaf}) // docs/argus-extension.md
	if at < 0 {
		t.Fatal("no extension")
	}
	later[at+1] = 99
	for name, b := range map[string][]byte{
		"richest":   append(stream(t, monitor, 1, 0), rich...),
		"layout 99": later,
		"layout 1":  sample(t, "layout1_v5.arg"),
		"layout 2":  sample(t, "layout2_v5.arg"),
	} {
		n := uint64(0)
		for r, err := range argus.Records(b) {
			if err != nil || r.Kind == argus.KindFlow && !r.Extension() {
				t.Errorf("%s: read as %+v, %v", name, r, err)
			}
			n++
		}
		head := len(stream(t, monitor, 1, 0)) // which every one of them begins with
		if _, err := argus.Number(b[head:], 1); err != nil {
			t.Fatal(err)
		}
		h, _ := newHandler(nil)
		if w := serve(h, post(compress(t, b), 1, n-1)); w.Code != http.StatusNoContent {
			t.Errorf("%s: status %d: %s", name, w.Code, w.Body)
		}
	}
}

// sample returns what an older agent wrote, of the monitor that the tests have.
func sample(t *testing.T, name string) []byte {
	b, err := os.ReadFile("../../argus/testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
