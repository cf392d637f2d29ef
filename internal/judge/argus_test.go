package judge

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"maps"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/argus/fields"
	"github.com/argus-endpoint/argus-endpoint/flow"
)

// raTitles gives our names of the columns by ra's titles. Not compared are those that tell of the sensor (SrcId, Inf, Seq)
// and those of UDT alone (SrcRetra, DstRetra).
var raTitles = map[string]string{
	"Type": "type", "Cause": "cause", "StartTime": "stime", "LastTime": "ltime", "Dur": "dur", "Flgs": "flgs", "Proto": "proto",
	"SrcAddr": "saddr", "Sport": "sport", "Dir": "dir", "DstAddr": "daddr", "Dport": "dport", "TotPkts": "pkts", "SrcPkts": "spkts",
	"DstPkts": "dpkts", "TotBytes": "bytes", "SrcBytes": "sbytes", "DstBytes": "dbytes", "SAppBytes": "sappbytes", "DAppBytes": "dappbytes",
	"State": "state", "SrcMac": "smac", "DstMac": "dmac", "sVlan": "svlan", "dVlan": "dvlan", "sMpls": "smpls", "dMpls": "dmpls",
	"sTtl": "sttl", "dTtl": "dttl", "sTos": "stos", "dTos": "dtos", "sIpId": "sipid", "dIpId": "dipid", "sMaxPktSz": "smaxsz",
	"sMinPktSz": "sminsz", "dMaxPktSz": "dmaxsz", "dMinPktSz": "dminsz", "SrcWin": "swin", "DstWin": "dwin", "SrcTCPBase": "stcpb",
	"DstTCPBase": "dtcpb", "TcpRtt": "tcprtt", "SynAck": "synack", "AckDat": "ackdat", "TcpOpt": "tcpopt", "SrcLoss": "sloss",
	"DstLoss": "dloss", "SIntPkt": "sintpkt", "DIntPkt": "dintpkt", "SrcJitter": "sjit", "DstJitter": "djit", "sEnc": "senc",
	"dEnc": "denc", "srcUdata": "suser", "dstUdata": "duser", "Label": "label",
}

type row = map[string]string // a flow record's values by our names of the fields

// raRows reads what ra printed with -c and titles.
func raRows(tb testing.TB, text []byte) (rows []row) {
	tb.Helper()
	in := csv.NewReader(bytes.NewReader(text))
	in.LazyQuotes, in.FieldsPerRecord = true, -1
	lines, err := in.ReadAll()
	if err != nil || len(lines) == 0 {
		tb.Fatalf("what ra printed: %v\n%s", err, text)
	}
	for _, line := range lines[1:] {
		r := row{}
		for i, title := range lines[0] {
			if name, ok := raTitles[title]; ok && i < len(line) {
				r[name] = strings.TrimSpace(line[i])
			}
		}
		if r["proto"] != "man" {
			rows = append(rows, r)
		}
	}
	return rows
}

// ourRows prints columns of records with our own fields.
func ourRows(tb testing.TB, records []*argus.Record, names []string, style fields.Style) (rows []row) {
	tb.Helper()
	columns, err := fields.Parse(strings.Join(names, ","))
	if err != nil {
		tb.Fatal(err)
	}
	var out bytes.Buffer
	p := fields.NewCSV(&out, columns, style)
	for _, r := range records {
		if err := p.Print(r); err != nil {
			tb.Fatal(err)
		}
	}
	if err := p.Flush(); err != nil {
		tb.Fatal(err)
	}
	lines, err := csv.NewReader(&out).ReadAll()
	if err != nil {
		tb.Fatal(err)
	}
	for _, line := range lines[1:] {
		r := row{}
		for i, name := range names {
			r[name] = strings.TrimSpace(line[i])
		}
		rows = append(rows, r)
	}
	return rows
}

// debian returns the path of one of Debian's Argus programs, or skips.
func debian(tb testing.TB, name string) string {
	tb.Helper()
	p, err := exec.LookPath(name)
	if err != nil {
		if _, err := os.Stat("/usr/sbin/" + name); err == nil {
			return "/usr/sbin/" + name
		}
		if os.Getenv("CI") == "true" {
			tb.Fatalf("%s is missing: apt-get install argus-server argus-client", name)
		}
		tb.Skipf("skipped: %s is missing (apt-get install argus-server argus-client)", name)
	}
	return p
}

// printed has Debian's ra print a stream with the columns of the vectors.
func printed(tb testing.TB, stream []byte) []row {
	tb.Helper()
	file := filepath.Join(tb.TempDir(), "stream.arg")
	if err := os.WriteFile(file, stream, 0o600); err != nil {
		tb.Fatal(err)
	}
	names := slices.Sorted(maps.Values(raTitles))
	names = slices.DeleteFunc(names, func(name string) bool { return name == "type" || name == "smss" }) // ra 5's
	cmd := exec.Command(debian(tb, "ra"), "-F", "/dev/null", "-n", "-u", "-L", "0", "-c", ",", "-r", file, "-s", strings.Join(names, ","), "-", "not", "man")
	cmd.Env = []string{"TZ=UTC", "PATH=" + os.Getenv("PATH"), "HOME=/nonexistent"}
	out, err := cmd.Output()
	if err != nil {
		tb.Fatalf("%v: %v", cmd.Args, err)
	}
	return raRows(tb, out)
}

// difference is one value, or with field "records" the number of records, in which we and Argus do not agree.
type argusDifference struct{ where, capture, field, ours, theirs string }

func (d argusDifference) String() string {
	return fmt.Sprintf("%s %s %s ours=%q theirs=%q", d.where, d.capture, d.field, d.ours, d.theirs)
}

// argusVerdict compares rows and counts.
type argusVerdict struct {
	captures, records, compared int
	differences                 []argusDifference
}

func (v *argusVerdict) compare(where, capture string, ours, theirs []row) {
	v.captures++
	if len(ours) != len(theirs) {
		v.differences = append(v.differences, argusDifference{where, capture, "records", strconv.Itoa(len(ours)), strconv.Itoa(len(theirs))})
		return
	}
	order := func(a, b row) int {
		return strings.Compare(a["stime"]+a["sport"]+a["cause"], b["stime"]+b["sport"]+b["cause"])
	}
	slices.SortStableFunc(ours, order)
	slices.SortStableFunc(theirs, order)
	for i, r := range theirs {
		v.records++
		for _, name := range slices.Sorted(maps.Keys(r)) {
			v.compared++
			if !sameField(name, ours[i][name], r[name]) {
				v.differences = append(v.differences, argusDifference{where, capture, name, ours[i][name], r[name]})
			}
		}
	}
}

// sameField compares what we print with what ra does: 0 where there is nothing, single precision, 16 octets of user data.
func sameField(name, ours, theirs string) bool {
	if ours == theirs {
		return true
	}
	if strings.HasSuffix(name, "user") {
		_, ours, _ = strings.Cut(ours, "]=")
		_, theirs, _ = strings.Cut(theirs, "]=")
		return len(theirs) >= min(len(ours), 16) && strings.HasPrefix(ours, theirs)
	}
	if strings.HasSuffix(name, "time") {
		return false
	}
	number := func(s string) (float64, bool) {
		if s == "" {
			return 0, name != "sport" && name != "dport"
		}
		f, err := strconv.ParseFloat(s, 64)
		return f, err == nil
	}
	a, okA := number(ours)
	b, okB := number(theirs)
	return okA && okB && math.Abs(a-b) <= 2e-6*max(math.Abs(a), 1)
}

// TestArgus meters the captures of the vectors and compares our records with those of Argus 5.0.3 and 3.0.8, field by
// field: with what their clients printed, and with what Debian's programs print now.
func TestArgus(t *testing.T) {
	captures, _ := filepath.Glob(filepath.Join(shared(t, "formats", "argus-vectors"), "pcap", "*.pcap"))
	if len(captures) == 0 {
		t.Fatal("no captures in argus-vectors/pcap")
	}
	live := sensorRows(t, captures)
	config := flow.DefaultConfig()
	config.UserData = 32
	var v argusVerdict
	columns := slices.Sorted(maps.Values(raTitles))
	for _, file := range captures {
		name := strings.TrimSuffix(filepath.Base(file), ".pcap")
		setup := func(version argus.Version) func(*pipeline) {
			return func(p *pipeline) {
				p.enc.Version = version
				p.dec.DNSTransactions = true      // as Argus does (section 5.2)
				p.dec.KeepOuter = name == "vxlan" // which Argus opens only when told (section 5.11)
			}
		}
		p5 := newPipeline(config)
		setup(argus.V5)(p5)
		p5.read(t, file)
		v5 := p5.records(t)
		v3 := newPipeline(config)
		setup(argus.V3)(v3)
		v3.read(t, file)
		stream := v3.enc.AppendManagement(nil, &argus.Management{Cause: 0x10, Interval: 60})
		for _, version := range []string{"v5-argus5", "v3-argus3"} {
			text, err := os.ReadFile(filepath.Join(filepath.Dir(filepath.Dir(file)), version, name+".csv"))
			if err != nil {
				t.Fatal(err)
			}
			v.compare(version, name, ourRows(t, v5, columns, fields.DefaultStyle()), raRows(t, text))
			if version == "v3-argus3" {
				v.compare("by-ra3", name, printed(t, append(stream, v3.out...)), raRows(t, text))
			}
		}
		v.compare("live-argus3", name, ourRows(t, v5, columns, fields.DefaultStyle()), live[name])
	}
	v.judge(t, "argus-differences.txt")
}

// sensorRows has Debian's argus meter every capture now.
func sensorRows(t *testing.T, captures []string) map[string][]row {
	sensor := debian(t, "argus")
	config := filepath.Join(shared(t, "formats", "argus-vectors"), "argus3.conf")
	streams := make([][]byte, len(captures))
	var wg sync.WaitGroup
	slots := make(chan struct{}, 8) // it sleeps for a second each time
	for i, file := range captures {
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			streams[i], _ = exec.Command(sensor, "-F", config, "-r", file, "-w", "-").Output()
		})
	}
	wg.Wait()
	rows := map[string][]row{}
	for i, file := range captures {
		if len(streams[i]) == 0 {
			t.Fatalf("argus wrote nothing of %s", file)
		}
		rows[strings.TrimSuffix(filepath.Base(file), ".pcap")] = printed(t, streams[i])
	}
	return rows
}
