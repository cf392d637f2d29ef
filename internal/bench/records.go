//go:build linux

package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/gofrs/uuid/v5"
	"github.com/klauspost/compress/zstd"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/capture"
	"github.com/argus-endpoint/argus-endpoint/flow"
)

// scanBesideATransfer measures P5: the memory that a scan takes at the default table limit, and what the records then say
// of a transfer that went on all the time.
func scanBesideATransfer(t *table, probes int) error {
	trace, out := filepath.Join(t.scratch, "beside.pcap"), filepath.Join(t.scratch, "beside.arg")
	if err := writeTrace(trace, probes, 2, (*traceWriter).scanBeside); err != nil {
		return err
	}
	u, err := run([]string{"bin/argus-endpoint", "flows", "-r", trace, "-w", out})
	if err != nil {
		return err
	}
	sent, err := count(trace)
	if err != nil {
		return err
	}
	seen, flows, evicted, err := recorded(out)
	if err != nil {
		return err
	}
	exact := "exact"
	if seen != sent || flows != 1 {
		exact = fmt.Sprintf("WRONG: %+v in %d flows, sent %+v", seen, flows, sent)
	}
	t.add(row{
		id: "P5", what: fmt.Sprintf("memory, scan of %d with a transfer of %d packets", probes, sent.packets), who: ours, memory: u.peak,
		value: fmt.Sprintf("%.1f MB", float64(u.peak)/1e6), note: fmt.Sprintf("<= 64 MB; %d evicted, the transfer's counts %s", evicted, exact),
	})
	return nil
}

// recorded returns what the records of a file say of the transfer and in how many flows, and how many flows were evicted.
func recorded(name string) (m moved, flows, evicted int, err error) {
	f, err := os.Open(name)
	if err != nil {
		return m, 0, 0, err
	}
	defer f.Close()
	ids := map[uint64]bool{}
	for records := argus.NewReader(f); ; {
		r, err := records.Next()
		if errors.Is(err, io.EOF) {
			return m, len(ids), evicted, nil
		}
		if err != nil {
			return m, 0, 0, err
		}
		if r.Kind == argus.KindFlow && r.Flow.End == flow.EndResources {
			evicted++
		}
		if s := &r.Flow.Side; r.Kind == argus.KindFlow && r.Flow.SrcPort == 50000 {
			ids[r.Flow.ID] = true
			m.packets += s[0].Packets + s[1].Packets
			m.octets += s[0].Bytes + s[1].Bytes
			m.payload += s[0].Payload + s[1].Payload
		}
	}
}

// moved is what a connection has sent both ways.
type moved struct{ packets, octets, payload uint64 }

// count reads the transfer's own packets from a trace.
func count(trace string) (m moved, err error) {
	src, err := capture.OpenFile(trace)
	if err != nil {
		return m, err
	}
	defer src.Close()
	var dec capture.Decoder
	var f capture.Frame
	var p flow.Packet
	for {
		data, err := src.Next(&f, 0)
		if errors.Is(err, io.EOF) {
			return m, nil
		}
		if err != nil {
			return m, err
		}
		if dec.Decode(data, &f, &p); p.SrcPort == 50000 || p.DstPort == 50000 {
			m = moved{m.packets + 1, m.octets + uint64(p.FrameLen), m.payload + uint64(p.PayloadLen)}
		}
	}
}

// uplinkWindow is the octets of zstd's window on the way to a collector.
const uplinkWindow = 128 << 10

// recordSize measures P8: octets on the wire a flow record, numbered and in batches compressed as the uplink does.
func recordSize(t *table, trace string) error {
	src, err := capture.OpenFile(trace)
	if err != nil {
		return err
	}
	defer src.Close()
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(uplinkWindow))
	if err != nil {
		return err
	}
	defer enc.Close()
	p := newPipeline()
	p.enc.Monitor = uuid.Must(uuid.NewV4())
	batches := []*batch{{size: 100}, {size: 1000}}
	records := uint64(0)
	p.record = func(b []byte) {
		if _, err := argus.Number(b, records); err != nil {
			panic(err) // the encoder's own
		}
		records++
		for _, o := range batches {
			o.add(enc, b)
		}
	}
	var f capture.Frame
	for {
		data, err := src.Next(&f, 0)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		p.frame(data, &f)
	}
	for _, b := range batches {
		if b.records == 0 { // the trace fills none
			continue
		}
		t.add(row{
			id: "P8", what: fmt.Sprintf("octets a record, batches of %d", b.size), who: ours,
			value: fmt.Sprintf("%.1f", float64(b.compressed)/float64(b.records)),
			note:  fmt.Sprintf("<= 65; %.0f before compression", float64(b.octets)/float64(b.records)),
		})
	}
	return nil
}

// batch adds up what records cost that are compressed so many at a time.
type batch struct {
	size               int
	records            int // in whole batches
	octets, compressed int
	waiting            []byte
	inside             int
	out                []byte
}

func (b *batch) add(enc *zstd.Encoder, record []byte) {
	b.waiting = append(b.waiting, record...)
	if b.inside++; b.inside < b.size {
		return
	}
	b.out = enc.EncodeAll(b.waiting, b.out[:0])
	b.records += b.inside
	b.octets += len(b.waiting)
	b.compressed += len(b.out)
	b.waiting, b.inside = b.waiting[:0], 0
}
