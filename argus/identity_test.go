package argus

import (
	"testing"

	"github.com/gofrs/uuid/v5"
)

// TestHost: every kind of sensor has its place among hosts; those of 4 octets are found again, also on a v3 feed.
func TestHost(t *testing.T) {
	seen := map[uuid.UUID]string{}
	for _, c := range []struct {
		kind  uint8
		bytes string
		want  string // of String
		host  string
		back  bool
	}{
		{idIPv4, "\xc0\x00\x02\x4d", "192.0.2.77", "61726775-7300-8001-8000-0000c000024d", true},
		{idInt, "\xc0\x00\x02\x4d", "3221226061", "61726775-7300-8020-8000-0000c000024d", true},
		{idInt, "\x00\x00\x00\x00", "0", "61726775-7300-8020-8000-000000000000", true},
		{idString, "abc\x00", "abc", "61726775-7300-8021-8000-000061626300", true},
		{idUUID, "\x01\x23\x45\x67\x89\xab\xcd\xef\x01\x23\x45\x67\x89\xab\xcd\xef", "01234567-89ab-cdef-0123-456789abcdef", "01234567-89ab-cdef-0123-456789abcdef", true},
		{idIPv6, "\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x05", "2001:db8::5", "", false},
		{idEthernet, "\x02\x00\x00\x00\x00\x0a\x00\x00", "", "", false},
		{0, "", "", "00000000-0000-0000-0000-000000000000", true},
	} {
		id := ID{Kind: c.kind}
		copy(id.Bytes[:], c.bytes)
		host := id.Host()
		if c.back && host.String() != c.host || id.String() != c.want {
			t.Errorf("%v is kept as %v, want %v", id, host, c.host)
		}
		if other := seen[host]; other != "" {
			t.Errorf("%v has the host of %v", id, other)
		}
		seen[host] = id.String()
		if again := HostID(host); c.back && again != id {
			t.Errorf("%v comes back as %v", id, again)
		}
		if v := host.Version(); !c.back && v != 8 || host.Variant() != uuid.VariantRFC9562 && !host.IsNil() && c.kind != idUUID {
			t.Errorf("%v: %v is of version %d", id, host, v)
		}
		if host != id.Host() {
			t.Errorf("%v is another host each time", id)
		}
		if c.kind == idIPv4 && MonitorV3(host) != 0xc000024d {
			t.Errorf("a v3 feed says %#x of %v", MonitorV3(host), id)
		}
	}
	if n := MonitorV3(sampleHost); n != 0x62058445 { // what v3 streams have said of a host since there are any
		t.Errorf("%#x", n)
	}
	for _, u := range []string{"61726775-7300-8022-8000-0000c000024d", "61726775-7300-8001-8000-0001c000024d", "61726776-7300-8001-8000-0000c000024d"} {
		if id := HostID(uuid.FromStringOrNil(u)); id.Kind != idUUID || id.String() != u {
			t.Errorf("%s is a UUID like others, not %v", u, id)
		}
	}
}

// TestForeignSensor: a v3 sensor keeps its name on the way through a store of UUIDs and out on a v3 feed, and has it in v5 too.
func TestForeignSensor(t *testing.T) {
	for _, kind := range []uint8{idIPv4, idInt, idString} {
		r := addedRecord()
		r.Monitor = ID{Kind: kind, Bytes: [16]byte{'a', 'b', 'c', 'd'}}
		stored := r.Monitor.Host()
		for v, want := range map[Version]ID{V3: r.Monitor, V5: {idUUID, stored}} {
			r.Monitor, r.Raw = ID{idUUID, stored}, nil
			e := Encoder{Version: v}
			got := one(t, e.AppendRecord(nil, r))
			if got.Monitor != want {
				t.Errorf("v%d: the sensor became %v, want %v", v, got.Monitor, want)
			}
			mar := one(t, e.AppendRecord(nil, &Record{Kind: KindManagement, Monitor: r.Monitor, Management: Management{Cause: 0x20}}))
			if mar.Monitor != want {
				t.Errorf("v%d: its management record is of %v, want %v", v, mar.Monitor, want)
			}
			r.Monitor = HostID(stored)
		}
	}
}
