package judge

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/argus/fields"
	"github.com/argus-endpoint/argus-endpoint/flow"
)

// zeekFile is what Zeek's own tests expect of one capture.
type zeekFile struct {
	Capture   string
	Baselines []struct {
		Log, Test string
		Flags     []string
		Rows      []zeekRow
	}
}

// zeekRow is a line of conn.log. What Zeek left out is nil.
type zeekRow struct {
	OrigHost    string `json:"id.orig_h"`
	OrigPort    uint16 `json:"id.orig_p"`
	RespHost    string `json:"id.resp_h"`
	RespPort    uint16 `json:"id.resp_p"`
	Proto       string
	OrigBytes   *uint64 `json:"orig_bytes"`
	RespBytes   *uint64 `json:"resp_bytes"`
	State       string  `json:"conn_state"`
	Missed      *uint64 `json:"missed_bytes"`
	History     *string
	OrigPackets uint64 `json:"orig_pkts"`
	OrigIPBytes uint64 `json:"orig_ip_bytes"`
	RespPackets uint64 `json:"resp_pkts"`
	RespIPBytes uint64 `json:"resp_ip_bytes"`
}

func (r *zeekRow) String() string {
	return fmt.Sprintf("%s %s %s", r.Proto, netip.AddrPortFrom(netip.MustParseAddr(r.OrigHost), r.OrigPort), netip.AddrPortFrom(netip.MustParseAddr(r.RespHost), r.RespPort))
}

// key returns the conversation of the row, and which end of it is the originator.
func (r *zeekRow) key() (convKey, int) {
	proto := map[string]int{"tcp": flow.ProtoTCP, "udp": flow.ProtoUDP, "icmp": flow.ProtoICMP}[r.Proto]
	orig, resp := netip.MustParseAddr(r.OrigHost), netip.MustParseAddr(r.RespHost)
	if proto == flow.ProtoICMP && orig.Is6() {
		proto = flow.ProtoICMPv6
	}
	return keyOf(proto, netip.AddrPortFrom(orig, r.OrigPort), netip.AddrPortFrom(resp, r.RespPort))
}

// icmpAnswers are the types that Zeek shows for the responder's port, by the originator's; other messages show their code.
var icmpAnswers = map[uint8]map[uint8]uint16{
	flow.ProtoICMP:   {8: 0, 0: 8, 13: 14, 15: 16, 17: 18, 10: 9, 9: 10},
	flow.ProtoICMPv6: {128: 129, 129: 128, 131: 130, 130: 131, 133: 134, 134: 133, 135: 136, 136: 135, 139: 140},
}

// zeekKey returns the conversation to which a flow belongs for Zeek: that of ICMP is by type, whatever the identifier.
func zeekKey(f *flow.Record) (k convKey, ok bool) {
	answers, icmp := icmpAnswers[f.Proto]
	if !icmp || !f.SrcAddr().IsValid() {
		k, _, ok = keyOfRecord(f)
		return k, ok
	}
	typ, code := uint8(f.Type>>8), f.Type&0xff
	if answer, ok := answers[typ]; ok {
		code = answer
	}
	k, _ = keyOf(int(f.Proto), netip.AddrPortFrom(f.SrcAddr(), uint16(typ)), netip.AddrPortFrom(f.DstAddr(), code))
	return k, true
}

// TestZeek holds the flows of Zeek's test captures against the lines of its conn.log: conn_state, history, packets, IP
// octets, payload by sequence numbers, and the octets that nobody saw.
func TestZeek(t *testing.T) {
	files, err := filepath.Glob(shared(t, "corpus", "oracle", "zeek") + "/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no baselines: %v", err)
	}
	var v verdict
	fieldsCompared := 0
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var file zeekFile
		if err := json.Unmarshal(text, &file); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		v.captures++
		flows := zeekFlows(aggregated(meter(t, pcap(t, file.Capture), nil)))
		outer := zeekFlows(aggregated(meter(t, pcap(t, file.Capture), func(p *pipeline) { p.dec.KeepOuter = true })))
		for k, records := range outer { // Zeek has the tunnels themselves too
			if flows[k] == nil {
				flows[k] = records
			}
		}
		for _, b := range file.Baselines {
			if b.Log != "conn" {
				continue
			}
			fieldsCompared += v.zeek(file.Capture+": "+b.Test, b.Rows, flows)
		}
	}
	excused := v.excuse(t, "zeek-differences.json")
	t.Logf("judge: zeek: %d captures, %d connections, %d equal, %d excused; %d fields compared",
		v.captures, v.conversations, v.equal, v.conversations-v.equal, fieldsCompared)
	for _, line := range excused {
		t.Logf("judge: zeek: %s", line)
	}
}

// zeekFlows sorts flows by conversation.
func zeekFlows(records []*argus.Record) map[convKey][]*argus.Record {
	flows := map[convKey][]*argus.Record{}
	for _, r := range records {
		if k, ok := zeekKey(&r.Flow); ok {
			flows[k] = append(flows[k], r)
		}
	}
	return flows
}

// zeek compares the rows of one conn.log. Rows of the same tuple stand in the order of time, as our flows do; the last row
// takes all that are left, as our timeouts are shorter.
func (v *verdict) zeek(where string, rows []zeekRow, flows map[convKey][]*argus.Record) (fields int) {
	left := map[convKey]int{}
	for i := range rows {
		k, _ := rows[i].key()
		left[k]++
	}
	taken := map[convKey]int{}
	for i := range rows {
		row := &rows[i]
		v.conversations++
		before := len(v.differences)
		k, _ := row.key()
		mine := flows[k][taken[k]:]
		if left[k]--; left[k] > 0 && len(mine) > 1 {
			mine = mine[:1]
		}
		taken[k] += len(mine)
		if len(mine) == 0 {
			v.differences = append(v.differences, fmt.Sprintf("%s: %s: missing", where, row))
			continue
		}
		got, want := zeekValues(mine), row.values()
		for _, name := range zeekNames {
			if want[name] == "" {
				continue
			}
			fields++
			if got[name] != want[name] {
				v.differences = append(v.differences, fmt.Sprintf("%s: %s: %s %s, zeek %s", where, row, name, got[name], want[name]))
			}
		}
		if len(v.differences) == before {
			v.equal++
		}
	}
	return fields
}

var zeekNames = []string{"orig", "conn_state", "history", "packets", "ip_bytes", "orig_bytes", "resp_bytes", "missed_bytes"}

// values returns what is compared, by name; "" where Zeek says nothing.
func (r *zeekRow) values() map[string]string {
	number := func(n *uint64) string {
		if n == nil {
			return ""
		}
		return fmt.Sprint(*n)
	}
	v := map[string]string{
		"orig": r.OrigHost, "conn_state": r.State,
		"packets":    fmt.Sprint(r.OrigPackets, "/", r.RespPackets),
		"ip_bytes":   fmt.Sprint(r.OrigIPBytes, "/", r.RespIPBytes),
		"orig_bytes": number(r.OrigBytes), "resp_bytes": number(r.RespBytes), "missed_bytes": number(r.Missed),
	}
	if r.History != nil {
		v["history"] = *r.History
	}
	return v
}

// zeekValues returns the same of our flows, one after the other.
func zeekValues(records []*argus.Record) map[string]string {
	var packets, ip, payload [2]uint64
	var missed uint64
	first, last := &records[0].Flow, records[len(records)-1]
	for _, r := range records {
		f := &r.Flow
		turned := 0
		if f.Src != first.Src {
			turned = 1
		}
		for i := range f.Side {
			s := &f.Side[i^turned]
			packets[i] += s.Packets
			ip[i] += s.IPBytes
			payload[i] += zeekPayload(f, i^turned)
			missed += uint64(f.TCP.Side[i].Gap)
		}
	}
	return map[string]string{
		"orig": first.SrcAddr().String(), "conn_state": fields.ConnState(last), "history": last.Flow.History.String(),
		"packets":    fmt.Sprint(packets[0], "/", packets[1]),
		"ip_bytes":   fmt.Sprint(ip[0], "/", ip[1]),
		"orig_bytes": fmt.Sprint(payload[0]), "resp_bytes": fmt.Sprint(payload[1]), "missed_bytes": fmt.Sprint(missed),
	}
}

// zeekPayload returns what Zeek calls the payload of a side: of TCP the sequence numbers between SYN and FIN.
func zeekPayload(f *flow.Record, side int) uint64 {
	s := &f.Side[side]
	switch f.Proto {
	case flow.ProtoTCP:
		c := &f.TCP.Side[side]
		if s.Packets == 0 {
			return 0
		}
		used := c.Next - c.Base - 1
		if c.Flags&flow.FIN != 0 {
			used--
		}
		return uint64(used)
	case flow.ProtoICMP, flow.ProtoICMPv6:
		return s.Payload - 8*s.Packets
	}
	return s.Payload
}
