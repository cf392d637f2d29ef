package argus

import (
	"bytes"
	"encoding/hex"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/argus-endpoint/argus-endpoint/flow"
)

// withoutV5 takes from a flow what is not in a v3 stream: the MSS, and how the times between packets were distributed.
func withoutV5(r *flow.Record) {
	r.TCP.Side[0].MSS, r.TCP.Side[1].MSS = 0, 0
	for _, v := range intervals(&r.Side) {
		v.Bins = 0
	}
}

// TestRoundTrip proves what is kept of a flow record on the wire: all in version 5.
func TestRoundTrip(t *testing.T) {
	for _, v := range []Version{V3, V5} {
		for i, want := range sampleRecords() {
			e := Encoder{Version: v, Monitor: sampleHost, Interface: "wlan0", Label: []byte(`{"a":"b"}`)}
			b := e.AppendFlow(nil, &want)
			got := one(t, b)
			if v == V3 {
				withoutV5(&want)
			}
			if !reflect.DeepEqual(got.Flow, want) {
				t.Errorf("v%d record %d:\n got %+v\nwant %+v", v, i, got.Flow, want)
			}
			if !got.Extension() || got.Unknown != 0 || got.Skipped != 0 || got.Kind != KindFlow || got.Version != v || string(got.Label) != `{"a":"b"}` {
				t.Errorf("v%d record %d: %+v", v, i, got)
			}
			if v == V5 && (got.Monitor.String() != sampleHost.String() || string(got.InterfaceName()) != "wlan") {
				t.Errorf("record %d comes from %v %q", i, got.Monitor, got.InterfaceName())
			}
			if again := e.AppendFlow(nil, &got.Flow); !bytes.Equal(again, b) {
				t.Errorf("v%d record %d is written differently after reading", v, i)
			}
		}
	}
}

// one decodes the single record of b.
func one(t testing.TB, b []byte) Record {
	t.Helper()
	n := 0
	var got Record
	for r, err := range Records(b) {
		if err != nil {
			t.Fatal(err)
		}
		got = *r
		n++
	}
	if n != 1 {
		t.Fatalf("%d records instead of 1", n)
	}
	return got
}

func TestManagementRoundTrip(t *testing.T) {
	want := Management{Cause: flow.CauseStatus, Option: 8, Sequence: 9, Start: base, Now: base + 61e9 + 5000, LocalNet: 0x0a000000, NetMask: 0xff000000,
		LinkType: 1, LinkStatus: 2, FlowInterval: 5, Interval: 60, Packets: 1 << 40, Bytes: 1 << 50, Interfaces: 3, Fallow: 4, Records: 5,
		Flows: 6, Dropped: 7, Open: 8, Queue: 9, Clients: 10, Buffers: 11, Memory: 12, SrcData: 13, DstData: 14}
	for _, v := range []Version{V3, V5} {
		e := Encoder{Version: v, Monitor: sampleHost}
		b := e.AppendManagement(nil, &want)
		if len(b) != 128 {
			t.Errorf("v%d: %d bytes, the readers demand 128", v, len(b))
		}
		if got := one(t, b); got.Kind != KindManagement || got.Management != want || got.Sequence != 9 {
			t.Errorf("v%d:\n got %+v\nwant %+v", v, got.Management, want)
		}
		for to, major := range map[Version]byte{V3: 3, V5: 5} { // and in the other version
			r := one(t, b)
			c := one(t, (&Encoder{Version: to}).AppendRecord(nil, &r))
			if c.Management != want || c.Version != to || c.Raw[0x28] != major || c.Raw[0x29] != 0 || len(c.Raw) != 128 {
				t.Errorf("v%d to v%d: % x", v, to, c.Raw)
			}
		}
		start := want
		start.Cause = flow.CauseStart
		if b := e.AppendManagement(nil, &start); !IsStream(b[:12]) || IsStream(b[:11]) {
			t.Errorf("v%d: a START record must be known as the begin of a stream by its first 12 bytes", v)
		}
	}
	for cause, octets := range map[flow.Cause]string{flow.CauseStart: "e5712dcb 62058445", flow.CauseStatus: "62058445 00000000", flow.CauseStop: "62058445 00000000", 0x80: "e5712dcb 62058445"} {
		b := (&Encoder{Version: V3, Monitor: sampleHost}).AppendManagement(nil, &Management{Cause: cause}) // as argus 3.0.8.2, and as ra prints it
		if got := hex.EncodeToString(b[8:12]) + " " + hex.EncodeToString(b[0x78:0x7c]); got != octets || one(t, b).Monitor.String() != "98.5.132.69" {
			t.Errorf("cause %#x: %s, sensor %v", cause, got, one(t, b).Monitor)
		}
	}
	if IsStream([]byte("\xd4\xc3\xb2\xa1 a pcap file")) {
		t.Error("a pcap file is taken for an Argus stream")
	}
}

func TestNumber(t *testing.T) {
	for _, v := range []Version{V3, V5} {
		b := sampleStream(v)
		want := len(sampleRecords()) + 3
		n, err := Number(b, 1<<32-2)
		if err != nil || n != want {
			t.Fatalf("v%d: %d records, %v; want %d", v, n, err, want)
		}
		seq := uint32(1<<32 - 2)
		for r, err := range Records(b) {
			if err != nil || r.Sequence != seq {
				t.Fatalf("v%d: sequence %d, %v; want %d", v, r.Sequence, err, seq)
			}
			seq++
		}
	}
	if _, err := Number([]byte{0x15, 0x20, 0, 2, 3, 9, 0x18, 3}, 1); !errors.Is(err, ErrFormat) {
		t.Errorf("a record without a sequence number: %v", err)
	}
}

func TestLabelLimit(t *testing.T) {
	r := sampleRecords()[0]
	for label, want := range map[string]int{strings.Repeat("x", 1016): 1016, strings.Repeat("x", 2000): 1016, strings.Repeat("x", 1015) + "äö": 1015} {
		e := Encoder{Label: []byte(label)}
		if got := one(t, e.AppendFlow(nil, &r)); string(got.Label) != label[:want] {
			t.Errorf("label of %d bytes came back with %d, want %d", len(label), len(got.Label), want)
		}
	}
}

func TestReader(t *testing.T) {
	stream := sampleStream(V5)
	var want []Record
	for r, err := range Records(stream) {
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, *r)
	}
	for name, in := range map[string]io.Reader{
		"at once": bytes.NewReader(stream), "byte by byte": iotest.OneByteReader(bytes.NewReader(stream)),
	} {
		rd := NewReader(in)
		for i := range want {
			got, err := rd.Next()
			if err != nil || !reflect.DeepEqual(*got, want[i]) {
				t.Fatalf("%s: record %d: %v", name, i, err)
			}
		}
		if _, err := rd.Next(); err != io.EOF {
			t.Errorf("%s: the end is %v", name, err)
		}
	}
	_, err := NewReader(bytes.NewReader(stream[:300])).Next()
	for rd := NewReader(bytes.NewReader(stream[:300])); err == nil; {
		_, err = rd.Next()
	}
	if !errors.Is(err, ErrFormat) || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a stream cut off within a record: %v", err)
	}
	large := append([]byte{0x45, 0x20, 0xff, 0xff}, make([]byte, 65534*4)...)
	rd := NewReader(iotest.HalfReader(bytes.NewReader(append(large, stream...))))
	if r, err := rd.Next(); err != nil || len(r.Raw) != 65535*4 {
		t.Errorf("the largest record: %v", err)
	}
	if r, err := rd.Next(); err != nil || r.Kind != KindManagement {
		t.Errorf("after the largest record: %v", err)
	}
}

// TestDamaged: what is broken inside one record is counted and the rest of the record kept.
func TestDamaged(t *testing.T) {
	r := sampleRecords()[0]
	whole := new(Encoder).AppendFlow(nil, &r)
	for name, tail := range map[string][]byte{"a DSR of length 0": {0x66, 0, 0, 0}, "one longer than the record": {0x66, 0, 0, 9}, "an unknown one": {0x7d, 0, 0, 1}} {
		b := append(bytes.Clone(whole), tail...)
		be.PutUint16(b[2:], uint16(len(b)/4))
		if got := one(t, b); !reflect.DeepEqual(got.Flow, r) || got.Unknown != 1 {
			t.Errorf("%s: %d unknown, %+v", name, got.Unknown, got.Flow)
		}
	}
	for name, b := range map[string][]byte{"length 0": {0x15, 0x20, 0, 0}, "version 2": {0x12, 0x20, 0, 1}, "short": {0x15}, "cut": {0x15, 0x20, 0, 2}} {
		for _, err := range Records(b) {
			if !errors.Is(err, ErrFormat) {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

func TestAllocations(t *testing.T) {
	records, stream, buf := sampleRecords(), sampleStream(V5), make([]byte, 0, 1<<16)
	e := Encoder{Monitor: sampleHost, Interface: "eth0", Label: []byte("label")}
	if n := testing.AllocsPerRun(100, func() {
		buf = buf[:0]
		for i := range records {
			buf = e.AppendFlow(buf, &records[i])
		}
	}); n != 0 {
		t.Errorf("AppendFlow: %v allocations", n)
	}
	packets := uint64(0)
	if n := testing.AllocsPerRun(100, func() {
		for r, err := range Records(stream) {
			if err != nil {
				t.Fatal(err)
			}
			packets += r.Flow.Side[0].Packets
		}
	}); n != 0 {
		t.Errorf("Records: %v allocations", n)
	}
	rd := NewReader(&endless{b: stream})
	if n := testing.AllocsPerRun(100, func() {
		if _, err := rd.Next(); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("Reader.Next: %v allocations", n)
	}
}

// endless repeats a stream for ever.
type endless struct {
	b  []byte
	at int
}

func (e *endless) Read(p []byte) (int, error) {
	n := copy(p, e.b[e.at:])
	e.at = (e.at + n) % len(e.b)
	return n, nil
}

func BenchmarkAppendFlow(b *testing.B) {
	records, buf := sampleRecords(), make([]byte, 0, 1<<16)
	e := Encoder{Monitor: sampleHost, Interface: "eth0"}
	for name, r := range map[string]*flow.Record{"TCP": &records[0], "UDP": &records[6]} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				buf = e.AppendFlow(buf[:0], r)
			}
		})
	}
}

func BenchmarkRecords(b *testing.B) {
	var stream, plain []byte
	for r := range Records(sampleStream(V5)) { // as another sensor writes them
		r.Raw, r.Has = nil, r.Has&^HasExtension
		plain = new(Encoder).AppendRecord(plain, r)
	}
	read := func() (n int, packets uint64) { // by itself, because Loop keeps its calls from being inlined
		for r, err := range Records(stream) {
			if err != nil {
				b.Fatal(err)
			}
			packets += r.Flow.Side[0].Packets
			n++
		}
		return n, packets
	}
	for name, s := range map[string][]byte{"ours": sampleStream(V5), "plain": plain} {
		stream = s
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			total := 0
			for b.Loop() {
				n, _ := read()
				total += n
			}
			b.ReportMetric(float64(total)/b.Elapsed().Seconds()/1e6, "Mrecords/s")
		})
	}
}
