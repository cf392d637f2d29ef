//go:build linux

package main

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/capture"
	"github.com/argus-endpoint/argus-endpoint/flow"
)

// BenchmarkPipeline is the packet path from a file's frames to encoded records, for profiles: TRACE names a pcap file,
// else an endpoint trace is made.
func BenchmarkPipeline(b *testing.B) {
	trace := os.Getenv("TRACE")
	if trace == "" {
		trace = filepath.Join(b.TempDir(), "endpoint.pcap")
		if err := writeTrace(trace, 500_000, 1, (*traceWriter).endpoint); err != nil {
			b.Fatal(err)
		}
	}
	packets := 0
	for b.Loop() {
		packets += pipe(b, trace)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(packets), "ns/packet")
}

func pipe(b *testing.B, trace string) (packets int) {
	src, err := capture.OpenFile(trace)
	if err != nil {
		b.Fatal(err)
	}
	defer src.Close()
	p := pipeline{table: flow.NewTable(flow.DefaultConfig()), enc: argus.Encoder{Version: argus.V5, Interface: "eth0"}}
	var f capture.Frame
	for {
		data, err := src.Next(&f, 0)
		if errors.Is(err, io.EOF) {
			return packets
		}
		if err != nil {
			b.Fatal(err)
		}
		p.frame(data, &f)
		packets++
	}
}
