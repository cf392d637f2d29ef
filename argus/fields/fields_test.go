package fields

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/flow"
)

// numbers is the style of a judge: nothing depends on the machine.
var numbers = Style{Numbers: true, Precision: 6}

func TestTable(t *testing.T) {
	seen := map[string]bool{}
	for _, table := range tables {
		for _, f := range table {
			whole := f.isNumber() == (f.number != nil) || f.kind == running
			if seen[f.name] || f.title == "" || f.width < 1 || !whole || (f.text != nil) != (f.kind <= port) {
				t.Errorf("field %+v is not whole or stands twice", f.name)
			}
			seen[f.name] = true
		}
	}
}

func TestParse(t *testing.T) {
	for spec, want := range map[string]string{
		"stime,dur:10,state":    "stime dur state",
		"saddr daddr":           "saddr daddr",
		"+label":                strings.ReplaceAll(defaultNames, ",", " ") + " label",
		"+1srcid,-flgs,-bytes":  "srcid stime proto saddr sport dir daddr dport pkts state",
		"stime,dur:10,+state":   "stime dur state",
		"stime,ltime,+2seq,dur": "stime seq ltime dur",
		"dur,dur:20":            "dur dur",
	} {
		c, err := Parse(spec)
		if err != nil || strings.Join(c.Names(), " ") != want {
			t.Errorf("%q: %v %v, want %s", spec, c.Names(), err, want)
		}
	}
	for spec, want := range map[string]string{
		"": "no field", "stme": "did you mean stime?", "sbyte": "did you mean sbytes?", "qqqqqqqq": `unknown field "qqqqqqqq"`, "dur:x": "width", "dur:0": "width",
		"++dur": "sign", "+0dur": "count from 1", strings.Repeat("x", 100): "unknown field",
	} {
		if _, err := Parse(spec); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.20q: error %v does not say %q", spec, err, want)
		}
	}
	if got := strings.Join(Default().Names(), ","); got != defaultNames {
		t.Errorf("default %s", got)
	}
}

// TestAll: all fields are those that a record fills, behind or instead of others.
func TestAll(t *testing.T) {
	all := All().Names()
	for _, unwanted := range []string{"node", "rank", "idle", "retrans", "offset"} {
		if slices.Contains(all, unwanted) {
			t.Errorf("%s is among all fields", unwanted)
		}
	}
	for spec, want := range map[string]int{"all": len(all), "+all": 11 + len(all), "rank,all,+1idle": len(all) + 2, "all,-label": len(all) - 1} {
		if c, err := Parse(spec); err != nil || len(c) != want {
			t.Errorf("%q: %d fields and %v, want %d", spec, len(c), err, want)
		}
	}
	for _, spec := range []string{"-all", "all:5"} {
		if c, err := Parse(spec); err == nil {
			t.Errorf("%q: %d fields", spec, len(c))
		}
	}
}

func TestWidths(t *testing.T) {
	c, err := Parse("bytes:4,saddr:10,sport,proto:9,state:2")
	if err != nil {
		t.Fatal(err)
	}
	got := print(t, sampleV5, func(w io.Writer) Printer { return NewText(w, c, numbers) })
	for i, want := range []string{"TotB    SrcAddr  Sport     Proto St ", "1245   10.1.0.1.40001        tcp F*", "705* 2001:db8:*.40002        tcp C*"} {
		if got[i] != want {
			t.Errorf("line %d: %q, want %q", i, got[i], want)
		}
	}
}

// TestJSON: every line is one object whose numbers are numbers, and nothing of a record is lost or changed.
func TestJSON(t *testing.T) {
	lines := print(t, sampleV5, func(w io.Writer) Printer { return NewJSON(w, nil, numbers) })
	if len(lines) != sampleFlows {
		t.Fatalf("%d lines for %d flows", len(lines), sampleFlows)
	}
	var first map[string]any
	for i, line := range lines {
		var o map[string]any
		if err := json.Unmarshal([]byte(line), &o); err != nil {
			t.Fatalf("line %d is not JSON: %v\n%s", i, err, line)
		}
		for name, v := range o {
			if _, isNumber := v.(float64); isNumber != find(name).isNumber() {
				t.Errorf("line %d: %s is %v", i, name, v)
			}
		}
		if i == 0 {
			first = o
		}
	}
	want := map[string]any{"stime": 1700000000.0, "ltime": 1700000000.185, "proto": "tcp", "saddr": "10.1.0.1", "sport": 40001.0, "dir": "->", "daddr": "10.1.0.2",
		"dport": 443.0, "spkts": 7.0, "dpkts": 4.0, "sbytes": 478.0, "dbytes": 767.0, "sipbytes": 380.0, "dipbytes": 711.0, "sappbytes": 56.0, "dappbytes": 519.0,
		"state": "FIN", "flgs": " e s", "inf": "eth0", "sid": "01234567-89ab-cdef-0123-456789abcdef", "seq": 1.0, "cause": "Start", "end": "detected",
		"flowid": "0000010000000000", "label": `{"proc":"curl","pid":4711}`, "sipid": float64(0x1234), "sttl": 64.0, "smss": 1460.0, "synack": 0.030000, "sloss": 1.0}
	for name, v := range want {
		if first[name] != v {
			t.Errorf("%s is %v, want %v", name, first[name], v)
		}
	}
	for _, absent := range []string{"svlan", "smpls"} {
		if v, ok := first[absent]; ok {
			t.Errorf("%s is %v in a record without it", absent, v)
		}
	}
}

// TestProtocolNames: a name is one that tools know, or the protocol's number.
func TestProtocolNames(t *testing.T) {
	known := strings.Fields("icmp igmp ipip tcp udp gre esp ah ipv6-icmp ospf pim vrrp sctp udplite")
	for proto := range 256 {
		r := argus.Record{Kind: argus.KindFlow}
		r.Flow.Family, r.Flow.Proto = flow.FamilyIPv4, uint8(proto)
		got := string(appendProto(nil, &r, sum))
		if strings.Trim(got, "0123456789") != "" && !slices.Contains(known, got) {
			t.Errorf("protocol %d is called %q", proto, got)
		}
	}
}

// hostile returns a stream with a record whose label, interface and id are those of an attacker.
func hostile(label string) []byte {
	r := flow.Record{Cause: flow.CauseStart}
	r.Family, r.Proto, r.Side[0].Packets, r.Side[0].Bytes = flow.FamilyIPv4, flow.ProtoUDP, 1, 60
	e := argus.Encoder{Interface: "\x1b[2J", Label: []byte(label)}
	return e.AppendFlow(nil, &r)
}

// check prints every flow of b in all three ways with all fields and asserts what must hold for any bytes.
func check(t *testing.T, b []byte) {
	t.Helper()
	var text, lines, cells bytes.Buffer
	printers := []Printer{NewText(&text, All(), DefaultStyle()), NewJSON(&lines, nil, numbers), NewCSV(&cells, All(), numbers)}
	flows := 0
	for r, err := range argus.Records(b) {
		if err != nil {
			break
		}
		if r.Kind != argus.KindOther {
			flows++
		}
		for _, p := range printers {
			if err := p.Print(r); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, p := range printers {
		if err := p.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range text.String() {
		if c != '\n' && !unicode.IsPrint(c) {
			t.Fatalf("text holds %q:\n%q", c, text.String())
		}
	}
	if n := bytes.Count(text.Bytes(), []byte("\n")); n != flows+1 {
		t.Fatalf("text has %d lines for %d flows", n, flows)
	}
	n := 0
	for line := range bytes.Lines(lines.Bytes()) {
		if n++; !json.Valid(line) || !utf8.Valid(line) {
			t.Fatalf("no JSON: %q", line)
		}
	}
	if n != flows {
		t.Fatalf("JSON has %d lines for %d flows", n, flows)
	}
	rows, err := csv.NewReader(bytes.NewReader(cells.Bytes())).ReadAll()
	if err != nil || len(rows) != flows+1 {
		t.Fatalf("CSV has %d rows for %d flows: %v", len(rows), flows, err)
	}
	for _, row := range rows {
		for _, cell := range row {
			if _, err := strconv.ParseFloat(cell, 64); err != nil && cell != "" && strings.ContainsRune("=+-@\t\r", rune(cell[0])) {
				t.Fatalf("a spreadsheet would run %q", cell)
			}
		}
	}
}

func TestHostile(t *testing.T) {
	for _, label := range []string{`=cmd|' /C calc'!A0`, "+1", "@SUM(A1)", "-2", "\t=1", "a,b\"c\nd\re", "\x1b]0;title\a", "\xff\xfe", "\u2028", `"},{"x":"`, "\u202eabc", strings.Repeat("ä", 508)} {
		check(t, hostile(label))
	}
}

func FuzzPrint(f *testing.F) {
	for _, file := range []string{sampleV3, sampleV5} {
		b, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for r, err := range argus.Records(b) {
			if err != nil {
				f.Fatal(err)
			}
			f.Add(r.Raw)
		}
	}
	f.Add(hostile("=1+\"\n\x1b\xff"))
	f.Fuzz(check)
}

func TestAllocations(t *testing.T) {
	b, err := os.ReadFile(sampleV5)
	if err != nil {
		t.Fatal(err)
	}
	for name, p := range map[string]Printer{"text": NewText(io.Discard, Default(), DefaultStyle()), "JSON": NewJSON(io.Discard, nil, DefaultStyle()), "CSV": NewCSV(io.Discard, All(), DefaultStyle())} {
		if n := testing.AllocsPerRun(10, func() {
			for r, err := range argus.Records(b) {
				if err != nil || p.Print(r) != nil {
					t.Fatal(err)
				}
			}
		}); n > 1 { // the one Record, which goes through the interface
			t.Errorf("%s: %v allocations for 37 flows", name, n)
		}
	}
}

func BenchmarkJSON(b *testing.B) { benchmark(b, NewJSON(io.Discard, nil, DefaultStyle())) }
func BenchmarkText(b *testing.B) { benchmark(b, NewText(io.Discard, Default(), DefaultStyle())) }

func benchmark(b *testing.B, p Printer) {
	stream, err := os.ReadFile(sampleV5)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		for r, err := range argus.Records(stream) {
			if err != nil || p.Print(r) != nil {
				b.Fatal(err)
			}
			n++
		}
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "records/s")
}
