package agent

import (
	"os"
	"strings"
	"testing"

	"github.com/gofrs/uuid/v5"

	"github.com/argus-endpoint/argus-endpoint/argus"
)

// What Argus has as four octets is the srcid of a v3 stream; the kind and the octets come back.
func TestMonitorID(t *testing.T) {
	const id = "5d9f3b52-7c1e-4a8e-9f10-2b3c4d5e6f70"
	name, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	named := func(s string) string { return uuid.NewV5(monitorSpace, s).String() }
	for value, want := range map[string]string{
		"": uuid.Nil.String(), "`hostuuid`": uuid.Nil.String(), "`hostuuid`/inf": uuid.Nil.String(), "`hostname`": named(name),
		id: id, `"` + id + `"`: id, strings.ToUpper(id): id, "uuid:/" + id: id, "uuid:/" + id + "/en0": id, id + "/en0": id,
		"web-1.example.org": named("web-1.example.org"), `"web-1"`: named("web-1"), `str:/"web-1"/en0`: named("web-1"), `"a/b/c"`: named("a/b/c"),
	} {
		if got, err := monitorID(value); err != nil || got.String() != want {
			t.Errorf("%s: %s %v, want %s", value, got, err, want)
		}
	}
	for value, want := range map[string]struct {
		kind   uint8
		octets string
		v3     uint32
	}{
		"192.0.2.77": {idIPv4, "\xc0\x00\x02\x4d", 0xc000024d}, "ipv4:/192.0.2.77/arg0": {idIPv4, "\xc0\x00\x02\x4d", 0xc000024d},
		"2435": {idInt, "\x00\x00\x09\x83", 2435}, "2345/en0": {idInt, "\x00\x00\x09\x29", 2345}, "int:/7": {idInt, "\x00\x00\x00\x07", 7},
		`"en0"`: {idString, "en0\x00", 0x656e3000}, `"2435"`: {idString, "2435", 0x32343335}, "en0": {idString, "en0\x00", 0x656e3000},
	} {
		got, err := monitorID(value)
		back := argus.HostID(got)
		if err != nil || back.Kind != want.kind || string(back.Bytes[:4]) != want.octets || argus.MonitorV3(got) != want.v3 {
			t.Errorf("%s: %s %v, stands for %+v, in v3 %08x", value, got, err, back, argus.MonitorV3(got))
		}
	}
	six, err := monitorID("fe80::1")
	if again, _ := monitorID("ipv6:/fe80::1/en0"); err != nil || six.IsNil() || again != six {
		t.Errorf("%s %v, then %s", six, err, again)
	}
	for _, bad := range []string{
		"`rm -rf /`", "`hostid`", "99999999999", "-1", "some host", "a;b", "-x", `""`, "\"a\x00b\"", "fe80::1%eth0", "int:/x", "ipv4:/7", "uuid:/7", "mac:/7",
		"00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff", "5d9f3b52-7c1e",
	} {
		if got, err := monitorID(bad); err == nil {
			t.Errorf("%q was taken as %s", bad, got)
		}
	}
}
