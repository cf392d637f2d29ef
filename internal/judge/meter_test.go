package judge

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/gofrs/uuid/v5"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/argus/cluster"
	"github.com/argus-endpoint/argus-endpoint/capture"
	"github.com/argus-endpoint/argus-endpoint/flow"
)

// shared returns the path of what stands beside the repository under the names given, or skips.
func shared(tb testing.TB, names ...string) string {
	tb.Helper()
	path := filepath.Join(append([]string{"..", "..", "..", "shared"}, names...)...)
	if _, err := os.Stat(path); err != nil {
		tb.Skipf("the judges' material is not beside the repository: %v", err)
	}
	return path
}

// corpus returns the rows of the corpus' index, by column name.
func corpus(tb testing.TB) (rows []map[string]string) {
	tb.Helper()
	f, err := os.Open(shared(tb, "corpus", "INDEX.csv"))
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	table, err := csv.NewReader(f).ReadAll()
	if err != nil {
		tb.Fatal(err)
	}
	for _, line := range table[1:] {
		row := make(map[string]string, len(line))
		for i, name := range table[0] {
			row[name] = line[i]
		}
		rows = append(rows, row)
	}
	return rows
}

// pcap returns the path of a capture of the corpus.
func pcap(tb testing.TB, name string) string { return shared(tb, "corpus", "pcap", name) }

// pipeline is the packet's way of the agent: decoder, table, encoder.
type pipeline struct {
	dec    capture.Decoder
	packet flow.Packet
	table  *flow.Table
	enc    argus.Encoder
	out    []byte // the records made so far
	clock  int64  // of the last packet
	frames uint64
	wire   uint64 // octets of the frames on the wire
	lost   uint64 // frames of no flow
	flows  totals // what the packets of flows add up to
}

// totals are packets on the wire, where a super-frame counts its segments, and octets of frames.
type totals struct{ packets, octets uint64 }

// add adds what a record says.
func (s *totals) add(r *flow.Record) {
	s.packets += r.Side[0].Packets + r.Side[1].Packets
	s.octets += r.Side[0].Bytes + r.Side[1].Bytes
}

// newPipeline returns one that gives complete records of the version of today; its fields may still be changed.
func newPipeline(config flow.Config) *pipeline {
	return &pipeline{
		table: flow.NewTable(config),
		enc:   argus.Encoder{Version: argus.V5, Monitor: uuid.NewV5(uuid.NamespaceDNS, "judge"), Interface: "eth0"},
	}
}

// add meters one frame.
func (p *pipeline) add(data []byte, f *capture.Frame) {
	p.dec.Decode(data, f, &p.packet)
	p.frames++
	p.wire += uint64(p.packet.FrameLen)
	p.clock = p.packet.Time
	if p.packet.Family == flow.FamilyNone {
		p.lost++
		return
	}
	due := p.table.Add(&p.packet)
	p.flows.packets += uint64(p.packet.Segments) // the table may know better than the decoder
	p.flows.octets += uint64(p.packet.FrameLen)
	if due {
		for r := range p.table.Due(p.clock) {
			p.out = p.enc.AppendFlow(p.out, r)
		}
	}
}

// end reports every flow that is open.
func (p *pipeline) end() {
	for r := range p.table.Flush(p.clock) {
		p.out = p.enc.AppendFlow(p.out, r)
	}
}

// read meters a capture file to its end.
func (p *pipeline) read(tb testing.TB, path string) {
	tb.Helper()
	src, err := capture.OpenFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	defer src.Close()
	var f capture.Frame
	for {
		data, err := src.Next(&f, 0)
		if errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			break
		}
		if err != nil {
			tb.Fatal(err)
		}
		p.add(data, &f)
	}
	p.end()
}

// records decodes what was made and returns records that may be kept.
func (p *pipeline) records(tb testing.TB) (kept []*argus.Record) {
	tb.Helper()
	for r, err := range argus.Records(p.out) {
		if err != nil {
			tb.Fatalf("our own record: %v", err)
		}
		if r.Unknown > 0 {
			tb.Errorf("our own record has %d DSRs that we do not understand", r.Unknown)
		}
		k := *r
		k.Label, k.Raw = bytes.Clone(r.Label), bytes.Clone(r.Raw)
		for i := range k.Flow.Side {
			k.Flow.Side[i].Data = bytes.Clone(r.Flow.Side[i].Data)
		}
		kept = append(kept, &k)
	}
	return kept
}

// meter returns the records of a capture file as `argus-endpoint flows -r` makes them, after setup changed what it wants.
func meter(tb testing.TB, path string, setup func(*pipeline)) []*argus.Record {
	tb.Helper()
	p := newPipeline(flow.DefaultConfig())
	if setup != nil {
		setup(p)
	}
	p.read(tb, path)
	return p.records(tb)
}

// aggregated merges the records of each flow into one, as --aggregate does, in the order of their first packets.
func aggregated(records []*argus.Record) (flows []*argus.Record) {
	c := cluster.New(1<<20, cluster.Key{})
	for _, r := range records {
		c.Add(r)
	}
	for r := range c.All() {
		flows = append(flows, r)
	}
	return flows
}
