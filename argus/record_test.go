package argus

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/argus-endpoint/argus-endpoint/flow"
)

// meaning returns what a record says, without how it stood in its stream.
func meaning(r *Record) Record {
	m := *r
	m.Raw, m.Skipped, m.Unknown, m.Version = nil, 0, 0, 0
	return m
}

// inMicroseconds takes from a record's times what no version carries of another sensor's record written from its fields.
func inMicroseconds(m *Record) {
	for i := range m.Flow.Side {
		s := &m.Flow.Side[i]
		s.First, s.Last = s.First/1000*1000, s.Last/1000*1000
	}
	m.Flow.Start = m.Flow.Start / 1000 * 1000
}

// inV3 takes from a record what a v3 stream has no room for.
func inV3(m *Record) {
	m.Monitor, m.Interface = m.Monitor.inV3(), [4]byte{}
	if m.Kind != KindManagement && m.Monitor.Kind == 0 && m.Has&HasSequence != 0 {
		m.Monitor.Kind = idIPv4
	}
	m.Has &^= HasConverted
	withoutV5(&m.Flow)
}

// TestAppendRecordVectors: whatever real sensors and clients wrote means the same once written by us, in either version.
func TestAppendRecordVectors(t *testing.T) {
	files, _ := filepath.Glob(vectors + "*/*.arg")
	if len(files) == 0 {
		t.Skip("skipped: ../shared/formats/argus-vectors is not there")
	}
	files = append(files, "testdata/sample_v5.arg", "testdata/sample_v3.arg")
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for r, err := range Records(b) {
			if err != nil {
				t.Fatal(err)
			}
			for _, v := range []Version{V3, V5} {
				e := Encoder{Version: v}
				want := meaning(r)
				if v == V3 {
					inV3(&want)
				}
				inMicroseconds(&want)
				for name, fields := range map[string]bool{"copied": false, "from its fields": true} {
					in := *r
					if fields {
						in.Raw = nil
					}
					out := e.AppendRecord(nil, &in)
					got := meaning(new(one(t, out)))
					inMicroseconds(&got)
					if !reflect.DeepEqual(got, want) {
						t.Errorf("%s, v%d, %s:\n got %+v\nwant %+v", filepath.Base(file), v, name, got, want)
					}
					if ours := strings.HasPrefix(file, "testdata"); (!fields || ours) && v == r.Version && !bytes.Equal(out, r.Raw) {
						t.Errorf("%s, %s: a record of the same version is not as it stood:\n% x\n% x", file, name, out, r.Raw)
					}
				}
			}
		}
	}
}

// addedRecord returns a record of another sensor with everything that clients add.
func addedRecord() *Record {
	r := &Record{Kind: KindFlow, Version: V5, Cause: flow.CauseStatus, Monitor: ID{Kind: idUUID, Bytes: sampleHost}, Interface: [4]byte{'e', 't', 'h', '0'},
		Sequence: 7, Has: HasSequence | HasSrc | HasLocality | HasNetFlow | HasHash, Hash: 5, HashIndex: 6, Label: []byte(`{"a":"b"}`)}
	r.Flow = flow.Record{Cause: flow.CauseStatus, Start: base, Key: key(flow.FamilyIPv4, 17, "10.1.0.1", 5004, "10.1.0.2", 5004, 0)}
	r.Flow.Side[0] = flow.Side{Packets: 5, Bytes: 500, Payload: 100, First: base, Last: base + 1e9, TTL: 64, IPID: 1}
	statistic := func(n uint32, mean float64) Statistic {
		return Statistic{N: n, Min: mean / 2, Mean: mean, StdDev: mean / 4, Max: mean * 2, Sum: mean * float64(n)}
	}
	r.Added = Added{
		AS: [3]uint32{15169, 64512, 3356}, Country: [2][2]byte{{'U', 'S'}, {'D', 'E'}}, Locality: [2]int8{-1, 5}, Organisation: [2]uint16{7, 8},
		Position: [3]Position{{37.5, -122.25, true}, {}, {0, 0, true}}, Score: [8]uint8{1, 2, 3, 4, 5, 6, 7, 8},
		Aggregate: Aggregate{Count: 12, Active: statistic(12, 0.5), Idle: statistic(11, 4)},
		Correlate: Correlate{Count: 2, Monitor: [4]byte{192, 0, 2, 1}, Duration: -5, Start: 6, Last: 7, Packets: [2]int32{-1, 1}},
		Guess:     GuessRTP, Lost: [2]uint32{3, 4},
	}
	return r
}

// additions are the kinds of records with something that clients or other sensors add.
var additions = map[string]func(*Record){
	"RTP":  func(*Record) {},
	"RTCP": func(r *Record) { r.Added.Guess, r.Added.Lost = GuessRTCP, [2]uint32{} },
	"UDT": func(r *Record) {
		r.Added.Guess, r.Added.Lost, r.Added.UDT = GuessUDT, [2]uint32{9, 0}, UDT{1, 2, 3, 4, 5}
	},
	"a fragment":           func(r *Record) { r.Added.Guess, r.Added.Lost, r.Added.Fragment = 0, [2]uint32{}, 'f' },
	"overlapping ones":     func(r *Record) { r.Added.Guess, r.Added.Lost, r.Added.Fragment = 0, [2]uint32{}, 'V' },
	"of another format":    func(r *Record) { r.Has ^= HasNetFlow | HasConverted },
	"many correlated":      func(r *Record) { r.Added.Correlate.Count = 42 },
	"one AS":               func(r *Record) { r.Added.AS = [3]uint32{0, 5, 0} },
	"nothing but locality": func(r *Record) { r.Added = Added{Locality: [2]int8{1, 0}} },
	"802.11": func(r *Record) {
		r.Flow.Key = key(flow.FamilyWLAN, 0, "A", 0, "B", 0, 0)
		r.Has, r.Flow.Side[0].TTL, r.Flow.Side[0].IPID = r.Has&^(HasSrc|HasNetFlow), 0, 0 // ra looks for the name in flow records only
		r.Added.BSSID, r.Added.SSID = macA, [32]byte{'x', 'y'}
	},
}

// TestAdded: what clients add comes back from either version.
func TestAdded(t *testing.T) {
	for name, change := range additions {
		for _, v := range []Version{V3, V5} {
			want := addedRecord()
			change(want)
			e := Encoder{Version: v}
			got := meaning(new(one(t, e.AppendRecord(nil, want))))
			if v == V3 {
				inV3(want)
			}
			want.Version = 0
			if !reflect.DeepEqual(got, *want) {
				t.Errorf("%s, v%d:\n got %+v\nwant %+v", name, v, got, *want)
			}
		}
	}
}

// TestAggregateOctets spells out DSR 0x60: little-endian in v3, as racluster 3.0.8 writes it and ra prints it, big-endian in v5.
func TestAggregateOctets(t *testing.T) {
	r := addedRecord()
	r.Added = Added{Aggregate: Aggregate{Count: 3, Active: Statistic{N: 3, Min: 3.02, Mean: 4.0166664, StdDev: 0.7048555, Max: 4.53}, Idle: Statistic{N: 2, Max: 13.03}}}
	for v, want := range map[Version]string{
		V3: "60040114" + "00000003" + "00000000000000000000000000000000" +
			"03000000" + "ae474140" + "88888040" + "6971343f" + "c3f59040" + "0000000000000000" +
			"02000000" + "00000000" + "00000000" + "00000000" + "70d2464b" + "0000000000000000",
		V5: "60010014" + "00000003" + "00000000000000000000000000000000" +
			"00000003" + "404147ae" + "40808888" + "3f347169" + "4090f5c3" + "0000000000000000" +
			"00000002" + "00000000" + "00000000" + "00000000" + "4b46d270" + "0000000000000000",
	} {
		if got := dsrOf(t, (&Encoder{Version: v}).AppendRecord(nil, r), dsrAggregate); got != want {
			t.Errorf("v%d:\n got %s\nwant %s", v, got, want)
		}
	}
}

// TestManyCorrelated: of more sensors than a DSR has room for there are as many as it has.
func TestManyCorrelated(t *testing.T) {
	r := addedRecord()
	r.Added.Correlate.Count = 1000
	if got := one(t, new(Encoder).AppendRecord(nil, r)); got.Added.Correlate.Count != 42 || got.Unknown != 0 || got.Added.Aggregate.Count != 12 {
		t.Errorf("%+v", got.Added)
	}
}

// TestTypes: ra 3 ends a stream at a record of a type that it does not know, so a v3 stream has none.
func TestTypes(t *testing.T) {
	for typ, want := range map[byte]byte{0x10: 0x13, 0x30: 0x33, 0x40: 0x43, 0x50: 0x13, 0x20: 0, 0x60: 0, 0x70: 0} {
		raw := wireRecord(t, V5, "03091803 00000001 000f423f")
		raw[0] = typ | 5
		r := one(t, raw)
		got := (&Encoder{Version: V3}).AppendRecord(nil, &r)
		if want == 0 && len(got) > 0 || want != 0 && got[0] != want {
			t.Errorf("type %#x becomes % x", typ, got)
		}
		if got := (&Encoder{Version: V5}).AppendRecord(nil, &r); !bytes.Equal(got, raw) {
			t.Errorf("type %#x is not as it stood", typ)
		}
	}
}

// TestNothingToWrite: what has neither octets nor a kind that can be written adds nothing.
func TestNothingToWrite(t *testing.T) {
	if b := new(Encoder).AppendRecord([]byte("x"), &Record{Kind: KindOther}); string(b) != "x" {
		t.Errorf("% x", b)
	}
}

// TestTranscodeAllocations: a feed in the other version costs no garbage.
func TestTranscodeAllocations(t *testing.T) {
	stream, buf := sampleStream(V5), make([]byte, 0, 1<<16)
	for _, v := range []Version{V3, V5} {
		e := Encoder{Version: v}
		for _, fields := range []bool{false, true} {
			if n := testing.AllocsPerRun(50, func() {
				for r, err := range Records(stream) {
					if err != nil {
						t.Fatal(err)
					}
					if fields {
						r.Raw = nil
					}
					buf = e.AppendRecord(buf[:0], r)
				}
			}); n > 1 {
				t.Errorf("v%d, fields %v: %v allocations", v, fields, n)
			}
		}
	}
}

// BenchmarkAppendRecord writes our records in version 3: as they stand, and from their fields.
func BenchmarkAppendRecord(b *testing.B) {
	stream, buf := sampleStream(V5), make([]byte, 0, 1<<16)
	e := Encoder{Version: V3}
	for name, fields := range map[string]bool{"copied": false, "fields": true} {
		write := func() (n int) {
			buf = buf[:0]
			for r, err := range Records(stream) {
				if err != nil {
					b.Fatal(err)
				}
				if fields {
					r.Raw = nil
				}
				buf = e.AppendRecord(buf, r)
				n++
			}
			return n
		}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			total := 0
			for b.Loop() {
				total += write()
			}
			b.ReportMetric(float64(total)/b.Elapsed().Seconds()/1e6, "Mrecords/s")
		})
	}
}

// TestTimesOutOfRange: what 32 bits of seconds do not reach is written as the moment next to it.
func TestTimesOutOfRange(t *testing.T) {
	first, last := time.Unix(0, 0), time.Date(2106, 2, 7, 6, 28, 15, 999999999, time.UTC)
	for wrong, want := range map[time.Time]time.Time{
		time.Unix(-1, 0): first, last: last, last.Add(1): last, last.Add(100 * 365 * 24 * time.Hour): last,
	} {
		r := sampleRecords()[6]
		r.Side[0].First, r.Side[0].Last = wrong.UnixNano(), wrong.UnixNano()
		for back, err := range Records(new(Encoder).AppendFlow(nil, &r)) {
			if got := time.Unix(0, back.Flow.Side[0].First); err != nil || !got.Equal(want) {
				t.Errorf("%v comes back as %v, want %v: %v", wrong.UTC(), got.UTC(), want.UTC(), err)
			}
		}
	}
}
