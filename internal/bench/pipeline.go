//go:build linux

package main

import (
	"errors"
	"fmt"
	"io"
	"runtime"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/capture"
	"github.com/argus-endpoint/argus-endpoint/flow"
)

// pipeline is the packet path in this process: decoder, table, encoder.
type pipeline struct {
	dec    capture.Decoder
	packet flow.Packet
	table  *flow.Table
	enc    argus.Encoder
	buf    []byte
	record func([]byte) // takes each encoded record; may be nil
}

func newPipeline() *pipeline {
	return &pipeline{table: flow.NewTable(flow.DefaultConfig()), enc: argus.Encoder{Version: argus.V5, Interface: "eth0"}}
}

func (p *pipeline) frame(data []byte, f *capture.Frame) {
	p.dec.Decode(data, f, &p.packet)
	if !p.table.Add(&p.packet) {
		return
	}
	for r := range p.table.Due(p.packet.Time) {
		p.buf = p.enc.AppendFlow(p.buf[:0], r)
		if p.record != nil {
			p.record(p.buf)
		}
	}
}

// warmUp is after how many packets a table has its size.
const warmUp = 500_000

// allocations measures P3: heap allocations a packet, once the table has its size.
func allocations(t *table, trace string) error {
	src, err := capture.OpenFile(trace)
	if err != nil {
		return err
	}
	defer src.Close()
	p := newPipeline()
	var f capture.Frame
	var before, after runtime.MemStats
	packets, warm := 0, 0
	for {
		data, err := src.Next(&f, 0)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		p.frame(data, &f)
		if packets++; packets == warmUp {
			warm = packets
			runtime.ReadMemStats(&before)
		}
	}
	runtime.ReadMemStats(&after)
	if warm == 0 {
		t.add(row{id: "P3", what: "allocations a packet", who: ours, value: "-", note: fmt.Sprintf("not measured: the trace is shorter than %d packets", warmUp)})
		return nil
	}
	n := float64(after.Mallocs-before.Mallocs) / float64(packets-warm)
	t.add(row{id: "P3", what: "allocations a packet", who: ours, value: fmt.Sprintf("%.6f", n), note: "<= 0"})
	return nil
}
