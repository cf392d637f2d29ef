package judge

import (
	"encoding/binary"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/flow"
)

// A flow record on the way to a collector may cost so many octets, compressed in batches of a hundred. Measured 90.6 of
// the endpoint trace with every metric on, on 2026-11-22; docs/argus-extension.md says what of.
const maxRecordOctets = 95

// TestRecordSize says what each DSR costs, and holds the whole to its limit.
func TestRecordSize(t *testing.T) {
	trace := filepath.Join(t.TempDir(), "endpoint.pcap")
	gen := exec.Command("go", "run", shared(t, "tools", "gen.go"), "-mode", "endpoint", "-packets", "300000", "-flows", "6000",
		"-mean", "700", "-seed", "1", "-out", trace)
	if out, err := gen.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", gen.Args, err, out)
	}
	p := newPipeline(flow.DefaultConfig())
	p.read(t, trace)
	n, err := argus.Number(p.out, 1)
	if err != nil {
		t.Fatal(err)
	}
	raw, compressed := cost(t, p.out)
	t.Logf("judge: size: %d packets, %d records: %.1f octets a record, %.1f compressed", p.frames, n, raw, compressed)
	types := map[uint8]bool{}
	eachDSR(p.out, func(d []byte) { types[d[0]] = true })
	for typ := range types {
		less, packed := cost(t, without(p.out, typ))
		t.Logf("DSR %#02x: %5.1f octets a record, %4.1f compressed", typ, raw-less, compressed-packed)
	}
	if compressed > maxRecordOctets {
		t.Errorf("a record costs %.1f octets, %d are allowed", compressed, maxRecordOctets)
	}
}

// cost returns the octets of a record of stream, as it is and in batches of a hundred as the uplink compresses them.
func cost(t *testing.T, stream []byte) (raw, compressed float64) {
	t.Helper()
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(128<<10))
	if err != nil {
		t.Fatal(err)
	}
	n, octets, inBatch := 0, 0, 0
	var batch []byte
	for rest := stream; len(rest) > 0; {
		size := int(binary.BigEndian.Uint16(rest[2:])) * 4
		batch, rest = append(batch, rest[:size]...), rest[size:]
		n++
		if inBatch++; inBatch == 100 || len(rest) == 0 {
			octets += len(enc.EncodeAll(batch, nil))
			batch, inBatch = batch[:0], 0
		}
	}
	return float64(len(stream)) / float64(n), float64(octets) / float64(n)
}

// eachDSR calls f with every DSR of a stream.
func eachDSR(stream []byte, f func([]byte)) {
	for len(stream) > 0 {
		size := int(binary.BigEndian.Uint16(stream[2:])) * 4
		for d := stream[4:size]; len(d) > 0; {
			n := int(d[3]) * 4
			f(d[:n])
			d = d[n:]
		}
		stream = stream[size:]
	}
}

// without returns a stream without the DSRs of a type.
func without(stream []byte, typ uint8) (left []byte) {
	for len(stream) > 0 {
		size := int(binary.BigEndian.Uint16(stream[2:])) * 4
		start := len(left)
		left = append(left, stream[:4]...)
		eachDSR(slices.Concat(stream[:4:4], stream[4:size]), func(d []byte) {
			if d[0] != typ {
				left = append(left, d...)
			}
		})
		binary.BigEndian.PutUint16(left[start+2:], uint16((len(left)-start)/4))
		stream = stream[size:]
	}
	return left
}
