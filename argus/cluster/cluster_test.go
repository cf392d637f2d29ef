package cluster

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/gofrs/uuid/v5"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/flow"
)

// record returns a record as it comes off the wire: of flow id, from second from to second to.
func record(t *testing.T, id uint64, port uint16, from, to int64, cause flow.Cause, status uint32) *argus.Record {
	t.Helper()
	r := flow.Record{ID: id, Start: 1e18 + from*1e9, Cause: cause}
	r.Family, r.Proto, r.SrcPort, r.DstPort = flow.FamilyIPv4, flow.ProtoTCP, port, 443
	r.Side[0] = flow.Side{Packets: 3, Bytes: 300, IPBytes: 258, Payload: 100, First: 1e18 + from*1e9, Last: 1e18 + to*1e9, TTL: uint8(64 - from)}
	r.TCP.Status = status
	r.TCP.Side[0] = flow.TCPSide{Base: 1, Payload: 100, Flags: uint8(status), Interval: uint8(status)}
	e := argus.Encoder{Monitor: uuid.UUID{1}, Interface: "eth0"}
	for got, err := range argus.Records(e.AppendFlow(nil, &r)) {
		if err != nil {
			t.Fatal(err)
		}
		one := *got
		return &one
	}
	return nil
}

func TestMerge(t *testing.T) {
	for name, order := range map[string][]int{"in order": {0, 1, 2}, "out of order": {2, 0, 1}} {
		records := []*argus.Record{
			record(t, 7, 1000, 0, 4, flow.CauseStart, 0x7), record(t, 7, 1000, 5, 9, flow.CauseStatus, 0x4), record(t, 7, 1000, 10, 12, flow.CauseTimeout, 0x18)}
		c := New(10)
		c.Add(record(t, 8, 1000, 3, 3, flow.CauseStart, 1)) // the same tuple, another flow
		for _, i := range order {
			if c.Add(records[i]) != nil {
				t.Errorf("%s: a flow was given out", name)
			}
		}
		var got []*argus.Record
		for r := range c.All() {
			got = append(got, r)
		}
		if len(got) != 2 || got[0].Flow.ID != 7 || got[1].Flow.ID != 8 {
			t.Fatalf("%s: flows %v", name, got)
		}
		f := &got[0].Flow
		first, last := f.Span()
		if s := f.Side[0]; s.Packets != 9 || s.Bytes != 900 || s.IPBytes != 774 || s.Payload != 300 || s.TTL != 54 || last-first != 12e9 {
			t.Errorf("%s: %+v", name, s)
		}
		if f.TCP.Status != 0x1f || f.TCP.Side[0].Flags != 0x1f || f.TCP.Side[0].Payload != 300 || got[0].Cause != flow.CauseTimeout {
			t.Errorf("%s: cause %#x, %+v", name, got[0].Cause, f.TCP)
		}
	}
}

func TestFull(t *testing.T) {
	c := New(2)
	for i := range uint64(1000) {
		oldest := c.Add(record(t, i, 1, int64(i), int64(i), flow.CauseStart, 1))
		if i < 2 && oldest != nil || i >= 2 && (oldest == nil || oldest.Flow.ID != i-2) {
			t.Fatalf("flow %d pushed out %v", i, oldest)
		}
	}
	if len(c.flows) != 2 || len(c.queue) != 2 {
		t.Errorf("%d flows held, 2 allowed", len(c.flows))
	}
}

// TestOtherSensors merges what real sensors wrote: the records of one connection must add up to its packets.
func TestOtherSensors(t *testing.T) {
	for version, flows := range map[string]int{"v5-argus5": 1, "v3-argus3": 1} {
		b, err := os.ReadFile(filepath.Join("../../../shared/formats/argus-vectors", version, "tcp4_long.arg"))
		if err != nil {
			t.Skip("skipped: ../shared/formats/argus-vectors is not there")
		}
		c := New(10)
		for r, err := range argus.Records(b) {
			if err != nil {
				t.Fatal(err)
			}
			c.Add(r)
		}
		n := 0
		for r := range c.All() {
			n++
			s, d := &r.Flow.Side[0], &r.Flow.Side[1]
			if s.Packets != 30 || d.Packets != 2 || s.Bytes != 1918 || s.Payload != 260 || r.Flow.TCP.Side[0].Payload != 260 || r.Flow.TCP.Side[0].Base != 1 {
				t.Errorf("%s: %+v %+v", version, s, r.Flow.TCP.Side[0])
			}
		}
		if n != flows {
			t.Errorf("%s: %d flows, want %d", version, n, flows)
		}
	}
}
