//go:build linux

package main

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/argus-endpoint/argus-endpoint/capture"
)

// BenchmarkPipeline is the packet path from a file's frames to encoded records, for profiles: of an endpoint trace and of
// a scan, or of TRACE, which names a pcap file.
func BenchmarkPipeline(b *testing.B) {
	traces := map[string]string{"trace": os.Getenv("TRACE")}
	if traces["trace"] == "" {
		traces = map[string]string{}
		for name, write := range map[string]func(*traceWriter){"endpoint": (*traceWriter).endpoint, "scan": (*traceWriter).scan} {
			traces[name] = filepath.Join(b.TempDir(), name)
			if err := writeTrace(traces[name], 500_000, 1, write); err != nil {
				b.Fatal(err)
			}
		}
	}
	for name, trace := range traces {
		b.Run(name, func(b *testing.B) {
			packets := 0
			for b.Loop() {
				packets += pipe(b, trace)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(packets), "ns/packet")
		})
	}
}

func pipe(b *testing.B, trace string) (packets int) {
	src, err := capture.OpenFile(trace)
	if err != nil {
		b.Fatal(err)
	}
	defer src.Close()
	p := newPipeline()
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
