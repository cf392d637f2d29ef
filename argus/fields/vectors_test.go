package fields

import (
	"encoding/csv"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// vectors returns the sample streams of real Argus programs, or skips.
func vectors(t *testing.T, pattern string) []string {
	t.Helper()
	files, _ := filepath.Glob("../../../shared/formats/argus-vectors/" + pattern)
	if len(files) == 0 {
		t.Skip("skipped: ../shared/formats/argus-vectors is not there")
	}
	return files
}

// defects says where the clients that printed the vectors show something else than the record holds, and why.
// A key is FIELD, FIELD=VALUE or FILE:FIELD, FILE a part of the name.
var defects = map[string]string{
	"dport=0x2020beef":                          "the readers put masks over the SPI (section 2.2); the record has 0xdeadbeef",
	"sctp:sport":                                "ra prints no SCTP ports",
	"sctp:dport":                                "the same",
	"encoder/v3.arg:sport=":                     "the same",
	"encoder/v3.arg:dport=":                     "the same",
	"encoder/v5.arg:sport=":                     "the same",
	"encoder/v5.arg:dport=":                     "ra 5 prints no ICMP identifier and no ICMPv6 code; we do what ra 3 does",
	"v5-argus5/icmp4:sport=0x0003":              "ra 5 prints the ICMP type without its code",
	"v5-argus5/icmp4:dport":                     "ra 5 prints no ICMP identifier",
	"v5-argus5/icmp6:dport":                     "ra 5 prints no ICMPv6 code",
	"v5-argus5/icmp6:state=EER":                 "ra 5 takes the sensor's zero addresses for an error; the record is a neighbour solicitation",
	"encoder/sid.arg:dport=":                    "ra 5 leaves port 0 empty",
	"dmac=Broadcast":                            "ra 3 names the broadcast address",
	"v3-argus3/llc_stp.arg:saddr":               "ra 3 does not turn a reversed key of MAC addresses round; the source MAC shows who is right",
	"v3-argus3/llc_stp.arg:daddr":               "the same",
	"v3-argus3/lldp.arg:saddr":                  "the same",
	"v3-argus3/lldp.arg:daddr":                  "the same",
	"cause=Unknown":                             "ra 5 has no name for FLUSH and CLOSED",
	"encoder/times.arg:ltime=1700000001.000000": "ra 5 drops the fraction of a relative end",
	"encoder/times.arg:dur=1.000000":            "the same",
	"encoder/v3.arg:stime=1700000005.000010":    "the readers give a record of one packet one time; the record has two",
	"encoder/v3.arg:dur=0.000000":               "the same",
	"encoder/v5.arg:stime=1700000005.000010":    "the same",
	"encoder/v5.arg:dur=0.000000":               "the same",
	"tcp4_long.arg:sjit":                        "the readers mix units where they join the active and the idle intervals",
	"tcp4_reuse.arg:sjit":                       "the same",
	"v3-argus3/tcp4_synack_first.arg:":          "ra 3 turns a flow round that begins with a SYN/ACK; the record has the server as its source",
}

// TestVectors compares what real sensors wrote and real clients printed with what we read, field by field.
func TestVectors(t *testing.T) {
	files := append(append(vectors(t, "v5-argus5/*.arg"), vectors(t, "v3-argus3/*.arg")...), vectors(t, "encoder/*.arg")...)
	compared, excused := 0, 0
	used := map[string]bool{}
	for _, file := range files {
		name := filepath.Join(filepath.Base(filepath.Dir(file)), filepath.Base(file))
		columns, want := printed(t, strings.TrimSuffix(file, ".arg"))
		got := values(t, file, columns)
		if len(got) == 0 && !strings.Contains(name, "event") {
			t.Errorf("%s: no flow record", name)
		}
		if want == nil {
			continue // no output of a client is kept
		}
		if len(got) != len(want) {
			t.Errorf("%s: %d flow records, the client has %d", name, len(got), len(want))
			continue
		}
		for i := range want {
			for j, c := range columns {
				compared++
				if sameValue(c.name, got[i][j], want[i][j]) {
					continue
				}
				if key := defect(name, c.name, want[i][j]); key != "" {
					excused++
					used[key] = true
					continue
				}
				t.Errorf("%s record %d: %s is %q, the client has %q", name, i+1, c.name, got[i][j], want[i][j])
			}
		}
	}
	for key := range defects {
		if !used[key] {
			t.Errorf("the known difference %q is none any more", key)
		}
	}
	t.Logf("%d streams, %d values compared, %d differ for a known reason", len(files), compared, excused)
}

func defect(file, field, value string) string {
	for key := range defects {
		where, what, ok := strings.Cut(key, ":")
		if !ok {
			where, what = "", key
		}
		if strings.Contains(file, where) && (what == "" || what == field || what == field+"="+strings.TrimSpace(value)) {
			return key
		}
	}
	return ""
}

// printed returns the columns that the client's output and our table share, and the flow records' values.
func printed(t *testing.T, stem string) (c Columns, rows [][]string) {
	t.Helper()
	separator, file := ',', stem+".csv"
	if _, err := os.Stat(file); err != nil {
		separator, file = '|', stem+".psv"
	}
	b, err := os.ReadFile(file)
	if os.IsNotExist(err) {
		return nil, nil
	}
	if err != nil {
		t.Fatal(err)
	}
	in := csv.NewReader(strings.NewReader(string(b)))
	in.Comma, in.LazyQuotes, in.FieldsPerRecord = separator, true, -1
	lines, err := in.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	titles := lines[0]
	var places []int
	for i, title := range titles {
		for _, table := range tables[:len(tables)-1] {
			for j := range table {
				if table[j].title == title {
					c, places = append(c, column{&table[j], 0}), append(places, i)
				}
			}
		}
	}
	for _, line := range lines[1:] {
		if n := len(titles); len(line) > n { // a label with a separator in it
			line = append(line[:n-1:n-1], strings.Join(line[n-1:], string(separator)))
		}
		row := make([]string, len(places))
		isFlow := true
		for i, place := range places {
			row[i] = line[place]
			isFlow = isFlow && !(c[i].name == "proto" && row[i] == "man")
		}
		if isFlow {
			rows = append(rows, row)
		}
	}
	return c, rows
}
