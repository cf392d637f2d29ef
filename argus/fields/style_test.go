package fields

import (
	"bytes"
	"math"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/flow"
)

// FuzzReal: a number is written as strconv does it.
func FuzzReal(f *testing.F) {
	for _, v := range []float64{0, 1, 0.5, 1.5, 2.5, 0.125, 1.005, -0.0000004, -1e-9, 123456.7890625, 1e15, 4503599627.370496, math.MaxFloat64, math.Inf(1), math.NaN(), 0.0000005, 1e-320} {
		for _, precision := range []int{0, 2, 6, 9} {
			f.Add(v, precision)
		}
	}
	f.Fuzz(func(t *testing.T, v float64, precision int) {
		precision = (precision%10 + 10) % 10
		want := strconv.FormatFloat(v, 'f', precision, 64)
		if strings.Trim(want, "-0.") == "" {
			want = strings.TrimPrefix(want, "-") // a zero has no sign
		}
		if got := string(appendReal(nil, v, precision)); got != want {
			t.Errorf("%v with %d digits: %s, want %s", v, precision, got, want)
		}
	})
}

func TestTimes(t *testing.T) {
	for _, c := range []struct {
		ns            int64
		precision     int
		span, seconds string
	}{
		{0, 0, "0", "0"}, {1_500_000_000, 0, "2", "1"}, {2_500_000_000, 0, "2", "2"}, {999_999_000, 3, "1.000", "0.999"},
		{3_399_900_000, 3, "3.400", "3.399"}, {1_234_567_891, 9, "1.234567891", "1.234567891"}, {1_234_567_891, 6, "1.234567", "1.234567"},
		{-1_500_000_000, 1, "-1.5", "-1.5"}, {math.MinInt64, 0, "-9223372036", "-9223372036"}, {math.MaxInt64, 9, "9223372036.854775807", "9223372036.854775807"},
	} {
		if got := string(appendSpan(nil, c.ns, c.precision)); got != c.span {
			t.Errorf("duration of %d ns with %d digits: %s, want %s", c.ns, c.precision, got, c.span)
		}
		if got := string(appendSeconds(nil, c.ns, c.precision)); got != c.seconds {
			t.Errorf("time of %d ns with %d digits: %s, want %s", c.ns, c.precision, got, c.seconds)
		}
	}
}

// TestServices: names are those of services(5), first name first, whatever else stands in the file.
func TestServices(t *testing.T) {
	s := parseServices([]byte("# head\nhttp\t80/tcp www # web\nworld 80/tcp\ndomain 53/udp\ndomain 53/tcp\nbad 70000/tcp\nbad x/udp\nalone\nsctp 9/sctp\ne\x1bvil 7/udp\n#off 90/tcp\nlast 65535/tcp"))
	for _, c := range []struct {
		port  uint16
		proto uint8
		want  string
	}{{80, 6, "http"}, {80, 17, ""}, {53, 17, "domain"}, {53, 6, "domain"}, {4464, 6, ""}, {9, 132, ""}, {7, 17, "e.vil"}, {90, 6, ""}, {65535, 6, "last"}} {
		if got := s.name(c.port, c.proto); got != c.want {
			t.Errorf("%d/%d is %q, want %q", c.port, c.proto, got, c.want)
		}
	}
	if name := (&services{}).name(80, 6); name != "" {
		t.Errorf("without a file port 80 is %q", name)
	}
}

func FuzzServices(f *testing.F) {
	f.Add([]byte("http 80/tcp www\n#\n"), uint16(80))
	f.Fuzz(func(t *testing.T, text []byte, port uint16) {
		name := parseServices(text).name(port, flow.ProtoTCP)
		if strings.ContainsAny(name, " \n\t\x1b") || name != "" && !bytes.Contains(text, []byte(strconv.Itoa(int(port)))) {
			t.Errorf("port %d is %q", port, name)
		}
	})
}

// records returns copies of the flows of the sample.
func records(t *testing.T) []*argus.Record {
	t.Helper()
	b, err := os.ReadFile(sampleV5)
	if err != nil {
		t.Fatal(err)
	}
	var all []*argus.Record
	for r, err := range argus.Records(b) {
		if err != nil {
			t.Fatal(err)
		}
		if r.Kind == argus.KindFlow {
			c := *r
			all = append(all, &c)
		}
	}
	return all
}

// TestCompare sorts by every field and holds the printed values against the order.
func TestCompare(t *testing.T) {
	all := records(t)
	for _, f := range slices.Concat(tables[:]...) {
		compare, err := Compare(f.name)
		if f.kind == running {
			if err == nil || !strings.Contains(err.Error(), "cannot be sorted") {
				t.Errorf("%s: error %v", f.name, err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		slices.SortStableFunc(all, compare)
		for i := range all[1:] {
			if compare(all[i+1], all[i]) < 0 || compare(all[i], all[i]) != 0 {
				t.Errorf("%s: no order", f.name)
			}
			if a, b := plainText(&f, all[i]), plainText(&f, all[i+1]); !ordered(&f, a, b) {
				t.Errorf("%s: %q comes before %q", f.name, a, b)
			}
		}
	}
	near, far := &argus.Record{Has: argus.HasLocality}, &argus.Record{Has: argus.HasLocality}
	near.Added.Locality, far.Added.Locality = [2]int8{5, 5}, [2]int8{-1, -1}
	if compare, err := Compare("sloc"); err != nil || compare(far, near) >= 0 || compare(near, &argus.Record{}) <= 0 {
		t.Errorf("sloc: -1 does not come before 5, and nothing before both: %v", err)
	}
	if _, err := Compare(""); err == nil || strings.Contains(err.Error(), "did you mean") {
		t.Errorf("no name: %v", err)
	}
	if _, err := Compare("sbyte"); err == nil || !strings.Contains(err.Error(), "did you mean sbytes") {
		t.Errorf("error %v", err)
	}
}

func BenchmarkCompareAddresses(b *testing.B) {
	compare, err := Compare("saddr")
	if err != nil {
		b.Fatal(err)
	}
	x, y := &argus.Record{}, &argus.Record{}
	x.Flow.Family, y.Flow.Family = flow.FamilyIPv4, flow.FamilyIPv6
	b.ReportAllocs()
	for b.Loop() {
		compare(x, y)
	}
}

// ordered tells whether b may follow a.
func ordered(f *field, a, b string) bool {
	if a == "" || b == "" || a == b {
		return b != "" || a == ""
	}
	v, errV := netip.ParseAddr(a)
	w, errW := netip.ParseAddr(b)
	switch {
	case f.kind == hex:
		return a <= b
	case f.kind == port:
		x, _ := strconv.ParseInt(a, 0, 64)
		y, _ := strconv.ParseInt(b, 0, 64)
		return x <= y
	case f.isNumber():
		x, _ := strconv.ParseFloat(a, 64)
		y, _ := strconv.ParseFloat(b, 64)
		return x <= y
	case errV == nil && errW == nil:
		return v.Less(w)
	case errV == nil || errW == nil:
		return errV == nil
	}
	return a <= b
}

// TestShades: failed, unanswered and answered flows differ, and complaints stand out.
func TestShades(t *testing.T) {
	for state, want := range map[string]shade{"RST": red, "URP": red, "TIM": red, "REQ": yellow, "INT": yellow, "RSP": yellow, "CON": green, "FIN": green, "ECO": plain, "": plain} {
		if got := stateShade(state); got != want {
			t.Errorf("%s has shade %d, want %d", state, got, want)
		}
	}
	for flags, want := range map[string]shade{" e      ": plain, " eU     ": red, " e s    ": yellow, " e  D   ": yellow, " e   E  ": yellow, " eUs    ": red, "": plain} {
		if got := flagShade([]byte(flags)); got != want {
			t.Errorf("%q has shade %d, want %d", flags, got, want)
		}
	}
}

// TestColour: colours are escapes around the text and change nothing of it.
func TestColour(t *testing.T) {
	colourful := numbers
	colourful.Colour = true
	plainRow, colourRow := NewRow(Default(), numbers), NewRow(Default(), colourful)
	painted := 0
	for _, r := range records(t) {
		want, got := string(plainRow.Append(nil, r)), string(colourRow.Append(nil, r))
		bare := got
		for _, escape := range []string{"\x1b[0m", "\x1b[2m", "\x1b[31m", "\x1b[32m", "\x1b[33m", "\x1b[34m", "\x1b[36m"} {
			bare = strings.ReplaceAll(bare, escape, "")
		}
		if bare != want {
			t.Fatalf("with colours %q, without %q", got, want)
		}
		if strings.Count(got, "\x1b[0m")*2 != strings.Count(got, "\x1b[") {
			t.Errorf("a colour goes on: %q", got)
		}
		if state := r.State(); state == "RST" && strings.Contains(got, "\x1b[31m") || state == "FIN" && strings.Contains(got, "\x1b[32m") {
			painted++
		}
	}
	if painted < 3 {
		t.Errorf("only %d states painted", painted)
	}
	if titles := string(colourRow.Titles(nil)); !strings.HasPrefix(titles, "\x1b[1m") {
		t.Errorf("titles %q", titles)
	}
}

// TestRunning: what is counted over records, and what other fields make of it.
func TestRunning(t *testing.T) {
	columns, err := Parse("rank,rtime,dlstime,idle")
	if err != nil {
		t.Fatal(err)
	}
	row := NewRow(columns, Style{Precision: 0, Separator: ","})
	for i, c := range []struct {
		start int64
		want  string
	}{{1000, "1,0,,"}, {1005, "2,5,5,"}, {1003, "3,3,-2,"}} {
		r := &argus.Record{Kind: argus.KindFlow}
		r.Flow.Side[0] = flow.Side{Packets: 1, First: c.start * 1e9, Last: c.start * 1e9}
		got := string(row.Append(nil, r))
		if !strings.HasPrefix(got, c.want) || len(got) < len(c.want)+9 {
			t.Errorf("record %d: %s, want %s and the seconds since then", i+1, got, c.want)
		}
	}
}

// TestUserDataWidth: a width of user data is a number of octets, as with ra.
func TestUserDataWidth(t *testing.T) {
	r := &argus.Record{Kind: argus.KindFlow}
	r.Flow.Side[0].Data = []byte("GET /index.html HTTP/1.1\r\n")
	for spec, want := range map[string]string{"suser": "s[16]=GET /index.html ", "suser:4": "s[4]=GET ", "suser:100": "s[26]=GET /index.html HTTP/1.1.."} {
		columns, err := Parse(spec)
		if err != nil {
			t.Fatal(err)
		}
		if got := string(NewRow(columns, Style{Separator: ","}).Append(nil, r)); got != want {
			t.Errorf("%s: %q, want %q", spec, got, want)
		}
	}
}

// FuzzParse: a list is read or refused with a reason; what was read prints.
func FuzzParse(f *testing.F) {
	for _, spec := range []string{"stime,dur:10,+state", "+1srcid,-flgs", "all", "+all,-label", "+3all", "dur:0", "++x", "suser:4096", "+99999999999999999999dur"} {
		f.Add(spec)
	}
	r := &argus.Record{Kind: argus.KindFlow}
	f.Fuzz(func(t *testing.T, spec string) {
		columns, err := Parse(spec)
		if err != nil {
			if columns != nil || err.Error() == "" {
				t.Errorf("%q: %d columns and %v", spec, len(columns), err)
			}
			return
		}
		line := NewRow(columns, numbers).Append(nil, r)
		if len(columns) > 0 && len(line) < len(columns) {
			t.Errorf("%q: %d columns, line %q", spec, len(columns), line)
		}
	})
}
