package judge

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"fmt"
	"maps"
	"math"
	"os"
	"os/exec"
	"path"
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

// ourRows prints records with our own fields.
func ourRows(tb testing.TB, records []*argus.Record) (rows []row) {
	tb.Helper()
	names := slices.Sorted(maps.Values(raTitles))
	columns, err := fields.Parse(strings.Join(names, ","))
	if err != nil {
		tb.Fatal(err)
	}
	var out bytes.Buffer
	p := fields.NewCSV(&out, columns)
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

// rule excuses differences: those of its judges, captures and fields (patterns of path.Match) with the value that Argus
// has, "*" for any.
type argusRule struct {
	where, capture, field, theirs, cause string
	used                                 int
}

// relations are ways in which a value of theirs may depend on ours, for the last word of a rule.
var relations = map[string]func(ours, theirs string) bool{
	"*":     func(_, _ string) bool { return true },
	"empty": func(_, theirs string) bool { return theirs == "" },
	"swapped": func(ours, theirs string) bool {
		return len(ours) == 6 && len(theirs) == 6 && ours[2:4] == theirs[4:] && ours[4:] == theirs[2:4]
	},
	"thousandfold": func(ours, theirs string) bool {
		a, _ := strconv.ParseFloat(ours, 64)
		b, _ := strconv.ParseFloat(theirs, 64)
		return math.Abs(a*1000-b) <= 1e-4*math.Abs(b)
	},
}

func (r *argusRule) excuses(d argusDifference) bool {
	match := func(pattern, name string) bool { ok, err := path.Match(pattern, name); return ok && err == nil }
	if !match(r.where, d.where) || !match(r.capture, d.capture) || !match(r.field, d.field) {
		return false
	}
	if relation, ok := relations[r.theirs]; ok {
		return relation(d.ours, d.theirs)
	}
	return r.theirs == strings.ReplaceAll(d.theirs, " ", "_")
}

// rules reads argus-differences.txt: a line that begins with # is the cause of the rules under it.
func argusRules(tb testing.TB) (list []*argusRule) {
	tb.Helper()
	f, err := os.Open("argus-differences.txt")
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	cause := ""
	for in := bufio.NewScanner(f); in.Scan(); {
		line := strings.TrimSpace(in.Text())
		switch words := strings.Fields(line); {
		case line == "":
		case line[0] == '#': // the last one above a rule
			cause = strings.TrimSpace(line[1:])
		case len(words) == 4 && cause != "":
			list = append(list, &argusRule{words[0], words[1], words[2], words[3], cause, 0})
		default:
			tb.Fatalf("argus-differences.txt: %q is not WHERE CAPTURE FIELD THEIRS under a cause", line)
		}
	}
	return list
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
			v.compare(version, name, ourRows(t, v5), raRows(t, text))
			if version == "v3-argus3" {
				v.compare("by-ra3", name, printed(t, append(stream, v3.out...)), raRows(t, text))
			}
		}
		v.compare("live-argus3", name, ourRows(t, v5), live[name])
	}
	v.judge(t)
}

func (v *argusVerdict) judge(t *testing.T) {
	list, causes := argusRules(t), map[string]int{}
	unlisted := 0
next:
	for _, d := range v.differences {
		for _, r := range list {
			if r.excuses(d) {
				r.used++
				causes[r.cause]++
				continue next
			}
		}
		unlisted++
		t.Errorf("not listed: %v", d)
	}
	for _, r := range list {
		if r.used == 0 {
			t.Errorf("argus-differences.txt: %s %s %s %s does not occur any more", r.where, r.capture, r.field, r.theirs)
		}
	}
	t.Logf("Argus: %d comparisons of captures, %d records, %d values, %d equal, %d differ for a listed cause, %d unlisted",
		v.captures, v.records, v.compared, v.compared-len(v.differences), len(v.differences)-unlisted, unlisted)
	for _, cause := range slices.Sorted(maps.Keys(causes)) {
		t.Logf("%5d  %s", causes[cause], cause)
	}
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
