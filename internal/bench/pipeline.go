//go:build linux

package main

import (
	"encoding/binary"
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
}

func (p *pipeline) frame(data []byte, f *capture.Frame) {
	p.dec.Decode(data, f, &p.packet)
	if !p.table.Add(&p.packet) {
		return
	}
	for r := range p.table.Due(p.packet.Time) {
		p.buf = p.enc.AppendFlow(p.buf[:0], r)
	}
}

// allocations measures P3: heap allocations a packet, once the table has its size.
func allocations(t *table, trace string) error {
	src, err := capture.OpenFile(trace)
	if err != nil {
		return err
	}
	defer src.Close()
	p := pipeline{table: flow.NewTable(flow.DefaultConfig()), enc: argus.Encoder{Version: argus.V5, Interface: "eth0"}}
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
		if packets++; packets == 500_000 {
			warm = packets
			runtime.ReadMemStats(&before)
		}
	}
	runtime.ReadMemStats(&after)
	n := float64(after.Mallocs-before.Mallocs) / float64(packets-warm)
	t.add(row{id: "P3", what: "allocations a packet", who: ours, value: fmt.Sprintf("%.6f", n), note: "<= 0"})
	return nil
}

// memoryPerFlow measures P4: what the heap grows by, with n concurrent TCP flows open.
func memoryPerFlow(t *table) {
	for _, n := range []int{1_000, 10_000, 100_000, 1_000_000} {
		config := flow.DefaultConfig()
		config.MaxFlows = n
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		tab := flow.NewTable(config)
		p := flow.Packet{Time: 1_700_000_000e9, FrameLen: 66, IPLen: 52, Segments: 1}
		p.Family, p.Proto, p.TCP.Flags = flow.FamilyIPv4, flow.ProtoTCP, flow.ACK
		for i := range n {
			binary.BigEndian.PutUint32(p.Src[:], uint32(i))
			if tab.Add(&p) {
				for range tab.Due(p.Time) {
				}
			}
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		each := float64(after.HeapInuse-before.HeapInuse) / float64(n)
		t.add(row{id: "P4", what: fmt.Sprintf("octets a flow, %d flows", n), who: ours, value: fmt.Sprintf("%.0f", each), note: "<= 450"})
		runtime.KeepAlive(tab)
	}
}
