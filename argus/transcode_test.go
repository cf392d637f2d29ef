package argus

import (
	"bytes"
	"encoding/hex"
	"math"
	"strings"
	"testing"

	"github.com/argus-endpoint/argus-endpoint/flow"
)

// wireRecord returns a flow record of DSRs in hexadecimal digits; spaces between them count nothing.
func wireRecord(t *testing.T, v Version, dsrs ...string) []byte {
	t.Helper()
	b := []byte{typeFlow | byte(v), 0x20, 0, 0}
	for _, d := range dsrs {
		octets, err := hex.DecodeString(strings.ReplaceAll(d, " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		b = append(b, octets...)
	}
	return closeRecord(b, 0)
}

// TestTranscodeDSRs spells out what the versions have of their own.
func TestTranscodeDSRs(t *testing.T) {
	block := strings.Repeat("11", 48)
	for name, c := range map[string]struct {
		from      Version
		dsr, want string
	}{
		"nanoseconds to v3": {V5, "037a1909 00000001 075bcd15 00000002 3b9ac9ff 00000003 000003e7 00000004 000003e8",
			"037a1809 00000001 0001e240 00000002 000f423f 00000003 00000000 00000004 00000001"},
		"relative nanoseconds to v3":    {V5, "031a1b04 00000001 075bcd15 fffffc18", "031a1a04 00000001 0001e240 ffffffff"},
		"relative ones, three times":    {V5, "033a1b05 00000001 075bcd15 000007d0 00000bb8", "033a1a05 00000001 0001e240 00000002 00000003"},
		"the old relative form":         {V5, "03031b04 00000001 075bcd15 000007d0", "03031a04 00000001 0001e240 00000002"},
		"microseconds to v3":            {V5, "03091803 00000001 000f423f", "03091803 00000001 000f423f"},
		"nanoseconds to v5":             {V3, "03091903 00000001 075bcd15", "03091903 00000001 075bcd15"},
		"a first packet to v3":          {V5, "30030206 00000001 00000002 00000003 00040205 05b40000", "30030005 00000001 00000002 00000003 00040205"},
		"a first packet to v5":          {V3, "30030005 00000001 00000002 00000003 00040205", "30030206 00000001 00000002 00000003 00040205 00000000"},
		"performance to v3":             {V5, "30050220" + strings.Repeat("22", 20) + block + "05b40000" + block + "05a00000", "3005001e" + strings.Repeat("22", 20) + block + block},
		"performance to v5":             {V3, "3005001e" + strings.Repeat("22", 20) + block + block, "30050220" + strings.Repeat("22", 20) + block + "00000000" + block + "00000000"},
		"performance of another length": {V5, "30050221" + strings.Repeat("22", 128), "30050221" + strings.Repeat("22", 128)},
		"TCP status to v3":              {V5, "30040203 00000001 02120000", "30040203 00000001 02120000"},
		"jitter of 7 words to v3":       {V5, "46000108" + strings.Repeat("33", 20) + "4444444455555555", "46000106" + strings.Repeat("33", 20)},
		"jitter of 5 words to v5":       {V3, "4600050b" + strings.Repeat("33", 20) + strings.Repeat("44", 20), "4601050d" + strings.Repeat("33", 20) + "00000000" + strings.Repeat("44", 20) + "00000000"},
		"jitter of 10 words to v5": {V3, "46010a15" + strings.Repeat("33", 24) + strings.Repeat("ee", 16) + strings.Repeat("44", 24) + strings.Repeat("ee", 16),
			"46010a0d" + strings.Repeat("33", 24) + strings.Repeat("44", 24)},
		"jitter of 10 words to v3": {V5, "46010a15" + strings.Repeat("33", 24) + strings.Repeat("ee", 16) + strings.Repeat("44", 24) + strings.Repeat("ee", 16),
			"46000a0b" + strings.Repeat("33", 20) + strings.Repeat("44", 20)},
		"jitter with its distribution to v3":  {V5, "4601050d" + strings.Repeat("33", 24) + strings.Repeat("44", 24), "4600050b" + strings.Repeat("33", 20) + strings.Repeat("44", 20)},
		"jitter with its distribution to v5":  {V3, "46010107" + strings.Repeat("33", 24), "46010107" + strings.Repeat("33", 24)},
		"jitter of 8 words stays":             {V5, "46010109" + strings.Repeat("33", 32), "46010109" + strings.Repeat("33", 32)},
		"what is not known":                   {V5, "7d010203 00000001 00000002", "7d010203 00000001 00000002"},
		"a UUID, an interface, no number":     {V5, "01013206 0123456789abcdef0123456789abcdef 65746830", "01010102 62058445"},
		"a number of the sensor to v5":        {V3, "01032003 00001267 00000007", "01032003 00001267 00000007"},
		"a sequence number without an id":     {V5, "01023202 00000007", "01030103 00000000 00000007"},
		"a damaged DSR is left, others stand": {V5, "03091803 00000001 000f423f 66000009", "03091803 00000001 000f423f"},
	} {
		to := V3
		if c.from == V3 {
			to = V5
		}
		r := one(t, wireRecord(t, c.from, c.dsr))
		if got, want := (&Encoder{Version: to}).AppendRecord(nil, &r), wireRecord(t, to, c.want); !bytes.Equal(got, want) {
			t.Errorf("%s:\n got %x\nwant %x", name, got, want)
		}
	}
}

// TestTranscodeTooLong: a record that would not fit any more loses what is too much, and stays a record.
func TestTranscodeTooLong(t *testing.T) {
	b := wireRecord(t, V3, "02010105 0a010001 0a010002 06001770 00160000")
	const room = maxRecord - 4 - 20 - 120 - 8
	b = append(b, dsrUserData, 0x90)
	b = be.AppendUint16(b, room/4)
	b = append(b, make([]byte, room-4)...)
	b = append(b, wireRecord(t, V3, "3005001e"+strings.Repeat("22", 116), "66000002 61620000")[4:]...)
	r := one(t, closeRecord(b, 0))
	if len(b) != maxRecord || r.Unknown != 0 || string(r.Label) != "ab" || r.Has&HasTCPPerf == 0 {
		t.Fatalf("%d octets: %+v", len(b), r)
	}
	got := one(t, (&Encoder{Version: V5}).AppendRecord(nil, &r))
	if len(got.Raw) != maxRecord || got.Unknown != 0 || got.Has&HasTCPPerf == 0 || len(got.Label) != 0 {
		t.Errorf("%d octets: %d DSRs unknown, label %q", len(got.Raw), got.Unknown, got.Label)
	}
}

// TestTurnedARP: of ARP the one who asks stands first; a reversed key says that the packets went the other way (ra prints it so).
func TestTurnedARP(t *testing.T) {
	dsrs := []string{"03091803 6553f100 00000000", "10040502 051e0a00", "42000005 02000000000b 02000000000a 08060000", "20000003 00000002 00000000", "48000102 40001234"}
	for key, want := range map[string]string{
		"02060407 00010800 06040001 0a010001 0a010002 02000000000a0000": "10.1.0.1 10.1.0.2 5 0 02000000000a",
		"02460407 00010800 06040001 0a010001 0a010002 02000000000a0000": "10.1.0.1 10.1.0.2 0 5 02000000000b",
		"02460507 00010800 06040003 00000000 02000000000a 02000000000b": " 0 5 02000000000b",
		"02410105 0a010001 0a010002 11001770 17710000":                  "10.1.0.2 10.1.0.1 5 0 02000000000a",
		"02410305 02000000000b 02000000000a 88cc0000 ":                  " 5 0 02000000000a",
	} {
		r := one(t, wireRecord(t, V3, append([]string{key}, dsrs...)...))
		f := &r.Flow
		got := ""
		if f.Family != flow.FamilyRARP && f.Family != flow.FamilyEthernet {
			got = f.SrcAddr().String() + " " + f.DstAddr().String()
		}
		got += " " + string(rune('0'+f.Side[0].Packets)) + " " + string(rune('0'+f.Side[1].Packets)) + " " + hex.EncodeToString(f.SrcMAC[:])
		turned := f.Side[1].Packets > 0
		if got != want || f.Side[0].Encaps != flow.EncapsEthernet || f.Side[1].Encaps != 0 || turned != (r.Has&HasDst != 0) || turned == (r.Has&HasSrc != 0) || turned != (f.Side[1].TTL == 64) {
			t.Errorf("%s:\n got %s, %+v\nwant %s", key, got, f.Side, want)
		}
	}
}

// TestCopiedJitter: what radium, rasort and ra -w of 3.0.8.2 make of two sections of 6 words is read as these.
func TestCopiedJitter(t *testing.T) {
	section := func(n, mean string) string { return n + "3f800000" + mean + "00000000" + "42c80000" + "78563412" }
	first, second, junk := section("00000005", "40000000"), section("00000007", "40400000"), strings.Repeat("ee", 16)
	written := one(t, wireRecord(t, V3, "46010a0d"+first+second))
	copied := one(t, wireRecord(t, V3, "46010a15"+first+junk+second+junk))
	s, d := &copied.Flow.Side[0], &copied.Flow.Side[1]
	if s.Idle != written.Flow.Side[0].Idle || d.Idle != written.Flow.Side[1].Idle || s.Idle.N != 5 || d.Idle.N != 7 || d.Idle.Mean != 3 || d.Idle.Bins != 0x12345678 {
		t.Errorf("%+v, %+v", s.Idle, d.Idle)
	}
}

// TestJitterInV3: our own v3 records have the sections of Argus 3, 5 words without a distribution, which 3.0.8.2 writes again unharmed.
func TestJitterInV3(t *testing.T) {
	r := flow.Record{Key: key(flow.FamilyIPv4, 17, "10.0.0.1", 1, "10.0.0.2", 2, 0)}
	r.Side[0] = flow.Side{Packets: 9, Active: flow.Intervals{N: 5, Min: 1, Mean: 2, StdDev: 0, Max: 100, Bins: 0x12345678}}
	r.Side[1] = flow.Side{Packets: 9, Idle: flow.Intervals{N: 7, Min: 1, Mean: 3, StdDev: 0, Max: 100, Bins: 0x87654321}}
	const want = "4600090b" + "00000005" + "3f800000" + "40000000" + "00000000" + "42c80000" + "00000007" + "3f800000" + "40400000" + "00000000" + "42c80000"
	e := Encoder{Version: V3}
	b := e.AppendFlow(nil, &r)
	read := one(t, b)
	read.Raw = nil
	if got, fields := dsrOf(t, b, dsrJitter), dsrOf(t, e.AppendRecord(nil, &read), dsrJitter); got != want || fields != want {
		t.Errorf("%s, from its fields %s, want %s", got, fields, want)
	}
}

// TestNoTime: sensors write a time DSR without a time for packets that have none.
func TestNoTime(t *testing.T) {
	r := one(t, wireRecord(t, V3, "02010105 0a010001 0a010002 11001770 17710000", "03011801", "10040502 051e0a00"))
	if r.Unknown != 0 || r.Flow.Side[0].First != 0 || r.Flow.Side[0].Packets != 5 {
		t.Errorf("%+v", r)
	}
}

// TestNoNumbers: what is no number, or none that can be printed, becomes 0.
func TestNoNumbers(t *testing.T) {
	nan, inf, less := "7fc00000", "7f800000", "bf800000"
	r := one(t, wireRecord(t, V5, "68000305"+nan+inf+less+"3f800000",
		"60010014 00000003 00000000 00000000 00000000 00000000 00000003"+nan+inf+less+"3f800000 0000000000000000 00000000"+strings.Repeat("00", 24)))
	if p := r.Added.Position; p[0] != (Position{0, 0, true}) || p[1] != (Position{-1, 1, true}) || p[2].Known {
		t.Errorf("positions %+v", p)
	}
	if a := r.Added.Aggregate; a.Count != 3 || a.Active != (Statistic{N: 3, Max: 1}) || math.IsNaN(a.Idle.Sum) {
		t.Errorf("%+v", a)
	}
}

// TestConnectionState: the number of the state is none that hides the losses from ra.
func TestConnectionState(t *testing.T) {
	for status, want := range map[uint32]byte{0: 1, 1: 2, 3: 3, 7: 4, 0xf: 6, 0x1f: 9, 0x1007: 7, 0x201f: 7} {
		r := flow.Record{Key: key(flow.FamilyIPv4, flow.ProtoTCP, "10.0.0.1", 1, "10.0.0.2", 2, 0)}
		r.Side[1].Packets, r.TCP.Status = 1, status
		if d := dsrOf(t, new(Encoder).AppendFlow(nil, &r), dsrNet); d[16:24] != hex.EncodeToString([]byte{0, 0, 0, want}) {
			t.Errorf("status %#x: state %s, want %d", status, d[16:24], want)
		}
	}
}
