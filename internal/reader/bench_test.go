package reader

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/flow"
)

// conversations writes n records of TCP conversations with every metric, as the agent makes them, to a file.
func conversations(b *testing.B, version argus.Version, n int) (name string) {
	b.Helper()
	e := argus.Encoder{Version: version, Monitor: uuid.UUID{15: 1}, Interface: "eth0"}
	at := time.Date(2026, 11, 21, 20, 0, 0, 0, time.UTC).UnixNano()
	stream := e.AppendManagement(nil, &argus.Management{Cause: flow.CauseStart, Start: at, Now: at, Interval: 60})
	for i := range n {
		at += 1_234_567
		r := flow.Record{ID: uint64(i), Cause: flow.CauseStatus, Start: at, HasMAC: true, EtherType: 0x800}
		r.Family, r.Proto, r.SrcPort, r.DstPort = flow.FamilyIPv4, flow.ProtoTCP, uint16(i), 443
		copy(r.Src[:], []byte{10, 0, byte(i >> 8), byte(i)})
		copy(r.Dst[:], []byte{192, 0, 2, byte(i >> 3)})
		for s := range r.Side {
			r.Side[s] = flow.Side{Packets: uint64(5 + i%9), Bytes: uint64(400 + i%1000), IPBytes: 300, Payload: 200, First: at, Last: at + 7_000_000, TTL: 64, MinSize: 60, MaxSize: 1500}
			r.Side[s].Active = flow.Intervals{N: 4, Min: 1e5, Mean: 1e6, Max: 3e6}
			r.TCP.Side[s] = flow.TCPSide{Base: uint32(i), Next: uint32(i) + 200, Payload: 200, Window: 500, Flags: flow.SYN | flow.ACK}
		}
		copy(r.History[:], "ShADad")
		stream = e.AppendFlow(stream, &r)
	}
	name = filepath.Join(b.TempDir(), "x.arg")
	if err := os.WriteFile(name, stream, 0o600); err != nil {
		b.Fatal(err)
	}
	return name
}

// BenchmarkFlows reads a file as flows -r does, to the end of its output.
func BenchmarkFlows(b *testing.B) {
	const n = 100_000
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		b.Fatal(err)
	}
	stdout := os.Stdout
	os.Stdout = null
	defer func() { os.Stdout = stdout }()
	file := conversations(b, argus.V5, n)
	for _, c := range []struct{ name, args string }{
		{"text", "-n"}, {"names", ""}, {"json", "--json"}, {"json-few", "--json -s stime,saddr,daddr,dport,bytes"}, {"csv", "--csv"}, {"write", "-w " + os.DevNull},
		{"write-gz", "-w " + filepath.Join(b.TempDir(), "x.gz")}, {"write-v3", "-w " + os.DevNull + " --argus-version 3"},
		{"count", "--count"}, {"aggregate", "-n --aggregate"}, {"key", "-n -m saddr/24,dport"}, {"sort", "-n --sort -bytes"}, {"filter", "-n tcp and dst port 443 and bytes gt 100000"},
	} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				o, err := parse(append([]string{"-r", file}, strings.Fields(c.args)...)...)
				if err == nil {
					err = o.Run(b.Context(), Sources{})
				}
				if err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "records/s")
		})
	}
}
