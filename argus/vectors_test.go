package argus

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gofrs/uuid/v5"

	"github.com/argus-endpoint/argus-endpoint/flow"
)

const vectors = "../../shared/formats/argus-vectors/"

// TestVectors reads every stream that real sensors wrote, to its end and without a DSR left over.
func TestVectors(t *testing.T) {
	files, _ := filepath.Glob(vectors + "*/*.arg")
	if len(files) == 0 {
		t.Skip("skipped: ../shared/formats/argus-vectors is not there")
	}
	kinds := map[Kind]int{}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !IsStream(b) {
			t.Errorf("%s is not known as an Argus stream", file)
		}
		for r, err := range Records(b) {
			if err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			kinds[r.Kind]++
			unknown := 0
			if strings.HasSuffix(file, "times.arg") && r.Flow.DstPort == 7 {
				unknown = 1 // a DSR of type 0x7b stands there on purpose
			}
			if r.Unknown != unknown || r.Kind == KindFlow && (r.Flow.Family == flow.FamilyNone || r.Flow.Side[0].Packets+r.Flow.Side[1].Packets == 0) {
				t.Errorf("%s: %d DSRs not understood in %+v", file, r.Unknown, r.Flow)
			}
			if r.Kind == KindFlow { // and it can be written by us
				roundTrip(t, &r.Flow, r.Label, V5)
			}
		}
	}
	t.Logf("%d streams: %d flow, %d management, %d event records", len(files), kinds[KindFlow], kinds[KindManagement], kinds[KindEvent])
	if kinds[KindOther] != 0 || kinds[KindEvent] == 0 {
		t.Errorf("kinds %v", kinds)
	}
}

// TestMinimal compares with the stream that section 8 of the format's description spells out.
func TestMinimal(t *testing.T) {
	b, err := os.ReadFile(vectors + "encoder/mini_v5.arg")
	if err != nil {
		t.Skip("skipped: ../shared/formats/argus-vectors is not there")
	}
	e := Encoder{Version: V5, Monitor: uuid.Must(uuid.FromString("01234567-89ab-cdef-0123-456789abcdef")), Interface: "eth0"}
	m := Management{Cause: flow.CauseStart, Sequence: 1, Start: base, Now: base, LinkType: 1, FlowInterval: 5, Interval: 60}
	mar := e.AppendManagement(nil, &m)
	if !bytes.Equal(mar, b[:128]) {
		t.Errorf("START record\n% x, want\n% x", mar, b[:128])
	}
	r := flow.Record{Cause: flow.CauseStatus, Key: key(flow.FamilyIPv4, 17, "10.1.0.1", 5555, "10.1.0.53", 53, 0)}
	r.Side[0] = flow.Side{Packets: 1, Bytes: 70, Payload: 28, First: base, Last: base}
	r.Side[1] = flow.Side{Packets: 1, Bytes: 130, Payload: 88, First: base + 20e6, Last: base + 20e6}
	udp := e.AppendFlow(nil, &r)
	if _, err := Number(udp, 1); err != nil {
		t.Fatal(err)
	}
	for name, dsr := range map[string][]byte{"transport": b[0x84:0xa0], "flow": b[0xa0:0xb4], "metric": b[0xd8:0xe4]} {
		if !bytes.Contains(udp, dsr) {
			t.Errorf("the %s DSR % x is not in\n% x", name, dsr, udp)
		}
	}
}

// TestDebianReaders: the 3.0.8 tools take our v3 stream with its extension as it is: raevent prints the event,
// racluster merges by key, and what ra copies (with relative times, and without our extension) we read back.
func TestDebianReaders(t *testing.T) {
	run := func(name string, args ...string) string {
		return debian(t, name, append([]string{"-r", "testdata/sample_v3.arg"}, args...)...)
	}
	if out := run("raevent"); !strings.Contains(out, "prog=/usr/bin/x\nhello=1") {
		t.Errorf("raevent prints %q", out)
	}
	if out := run("racluster", "-n", "-L", "-1", "-s", "spkts,dpkts", "-", "tcp", "and", "port", "443"); strings.Fields(out)[0] != "7" {
		t.Errorf("racluster prints %q", out)
	}
	copied := filepath.Join(t.TempDir(), "copy.arg")
	run("ra", "-w", copied)
	b, err := os.ReadFile(copied)
	if err != nil {
		t.Fatal(err)
	}
	// What ra spoils: TCP flows whose SYN was not seen, which it turns round, and the second address of RARP.
	spoiled := map[int]bool{4: true, 5: true, 17: true}
	want, n := sampleRecords(), 0
	for r, err := range Records(b) {
		if err != nil {
			t.Fatal(err)
		}
		if r.Kind != KindFlow {
			continue
		}
		f, w := &r.Flow, &want[n]
		w0, w1 := w.Span()
		f0, f1 := f.Span()
		if ours := spoiled[n]; !ours && (f.Src != w.Src || f.Dst != w.Dst || f.Proto != w.Proto || r.Unknown != 0 || r.Extension() ||
			f.Side[0].Packets != w.Side[0].Packets || f.Side[1].Bytes != w.Side[1].Bytes || f0/1000 != w0/1000 || f1/1000 != w1/1000) {
			t.Errorf("record %d came back from ra as %+v", n, r.Flow)
		}
		n++
	}
	if n != len(want) {
		t.Errorf("%d of %d flows came back from ra", n, len(want))
	}
}

// debian runs one of Debian's programs, or skips.
func debian(t *testing.T, name string, args ...string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("%s is missing: apt-get install argus-client", name)
		}
		t.Skipf("skipped: %s is missing (apt-get install argus-client)", name)
	}
	out, err := exec.Command(path, append([]string{"-F", "/dev/null"}, args...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
	return string(out)
}

// TestDebianAdded: ra prints what clients and other sensors add, of the DSRs that we write.
func TestDebianAdded(t *testing.T) {
	const everything = "12,0.500000,0.250000,1.000000,0.125000,6.000000,15169,64512,US,DE,-0.000005,-1"
	want := []string{
		"wlan,02:00:00:00:00:0a,02:00:00:00:00:0b,xy,02:00:00:00:00:0a,0,0," + everything,
		"rtcp,10.1.0.1,10.1.0.2,,,0,0," + everything,
		"rtp,10.1.0.1,10.1.0.2,,,3,4," + everything,
		"udt,10.1.0.1,10.1.0.2,,,9,0," + everything,
		"udp,10.1.0.1,10.1.0.2,,,0,0," + everything,
		"rtp,10.1.0.1,10.1.0.2,,,3,4," + everything, // of many correlated
		"udp,10.1.0.1,10.1.0.2,,,0,0,1,1.000000,1.000000,1.000000,,1.000000,,,,,,",
		"rtp,10.1.0.1,10.1.0.2,,,3,4," + everything, // of another format
		"rtp,10.1.0.1,10.1.0.2,,,3,4,12,0.500000,0.250000,1.000000,0.125000,6.000000,,5,US,DE,-0.000005,-1",
		"udp,10.1.0.1,10.1.0.2,,,0,0," + everything,
	}
	got := debian(t, "ra", "-r", "testdata/added_v3.arg", "-n", "-L", "-1", "-c", ",", "-s",
		"proto,saddr,daddr,ssid,bssid,sloss,dloss,trans,mean,min,max,stddev,sum,sas,das,sco,dco,dldur,dspkts", "-", "not", "man")
	lines := strings.Split(strings.TrimSpace(got), "\n")
	if len(lines) != len(want) {
		t.Fatalf("%d records:\n%s", len(lines), got)
	}
	for i, line := range lines {
		if i == 6 { // of a record that was not merged ra prints the deviation of the one before
			columns := strings.Split(line, ",")
			columns[11] = ""
			line = strings.Join(columns, ",")
		}
		if line != want[i] {
			t.Errorf("record %d:\n got %s\nwant %s", i, line, want[i])
		}
	}
}
