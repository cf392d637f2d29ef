package receive

import (
	"bytes"
	"net/http"
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

// TestRecordsOfAgentsAreTaken: the richest record passes the limit of size; a record of the first layout of our extension is taken, and
// one of a layout to come.
func TestRecordsOfAgentsAreTaken(t *testing.T) {
	enc := argus.Encoder{Monitor: monitor, Interface: "eth0", FlowHash: true, Label: bytes.Repeat([]byte{'x'}, 1016)}
	rich := enc.AppendFlow(nil, richest())
	enc = argus.Encoder{Monitor: monitor, Interface: "eth0"}
	plain := enc.AppendFlow(nil, record(1))
	const words = 13 // of the extension, which is the last of a record, without parts
	extension := len(plain) - 4*words
	first := bytes.Clone(plain)
	first[extension+1] = 1
	later := append(bytes.Clone(plain), 99, 1, 0, 0)
	later[3]++
	later[extension+1], later[extension+3] = 3, words+1
	for name, b := range map[string][]byte{"richest": rich, "layout 1": first, "layout 3": later} {
		if len(b) > wire.MaxRecord {
			t.Errorf("%s: %d octets, more than a collector takes", name, len(b))
		}
		body := enc.AppendManagement(nil, &argus.Management{Cause: flow.CauseStart, Sequence: 1})
		if _, err := argus.Number(b, 1); err != nil {
			t.Fatal(err)
		}
		body = append(body, b...)
		h, _ := newHandler(nil)
		if w := serve(h, post(compress(t, body), 1, 1)); w.Code != http.StatusNoContent {
			t.Errorf("%s: status %d: %s", name, w.Code, w.Body)
		}
		for r, err := range argus.Records(b) {
			if err != nil || !r.Extension() || r.Unknown != 0 || r.Flow.ID != 1 || r.Flow.Initiator != flow.InitiatorGuessed {
				t.Errorf("%s: read as %+v, %v", name, r, err)
			}
		}
		t.Logf("%s: %d octets", name, len(b))
	}
}
