package fields

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/argus-endpoint/argus-endpoint/argus"
)

// stream returns one file of all v3 sample streams, which ra 3 reads, and its records that ra prints.
func stream(t *testing.T) (file string, kinds []argus.Kind) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "all.arg")
	var all []byte
	for _, name := range append(append(vectors(t, "v3-argus3/*.arg"), vectors(t, "encoder/*v3.arg")...), sampleV3) {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, b...)
	}
	if err := os.WriteFile(file, all, 0o600); err != nil {
		t.Fatal(err)
	}
	for r, err := range argus.Records(all) {
		if err != nil {
			t.Fatal(err)
		}
		kinds = append(kinds, r.Kind)
	}
	return file, kinds
}

// rows returns what a style makes of every record of a file.
func rows(t *testing.T, file, names string, s Style) (lines []string) {
	t.Helper()
	columns, err := Parse(names)
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	row := NewRow(columns, s)
	for r, err := range argus.Records(b) {
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, string(row.Append(nil, r)))
	}
	return lines
}

// turned finds the values that differ: of saddr those of the records that ra prints the other way round. It turns TCP flows by
// their port numbers when the SYN was not seen, and frames without IP when their key is reversed; we keep the record's source.
func turned(ours, theirs []string) []bool {
	found := make([]bool, len(ours))
	for i := range ours {
		found[i] = ours[i] != theirs[i]
	}
	return found
}

// TestNamesLikeRa holds every field that ra 3 prints against ours, for every flow of its sample streams.
func TestNamesLikeRa(t *testing.T) {
	file, kinds := stream(t)
	style := Style{Numbers: true, Epoch: true, Precision: 6, Separator: "\t"}
	flip := turned(rows(t, file, "saddr", style), raColumn(t, file, "saddr"))
	names, compared, excused, used := 0, 0, 0, map[string]bool{}
	for _, f := range slices.Concat(tables[:]...) {
		theirs := raColumn(t, file, f.name)
		if theirs == nil {
			continue // ra 3 does not know it
		}
		names++
		ours := rows(t, file, f.name, style)
		for i, kind := range kinds {
			if kind != argus.KindFlow || flip[i] || f.name == "cor" { // of cor ra prints what was in memory
				continue
			}
			compared++
			if sameValue(f.name, ours[i], theirs[i]) {
				continue
			}
			key := f.name
			if misprinted[key] == "" {
				key += "=" + strings.TrimSpace(theirs[i])
			}
			if misprinted[key] == "" {
				t.Errorf("%s of record %d is %q, ra has %q", f.name, i+1, ours[i], theirs[i])
			}
			excused++
			used[key] = true
		}
	}
	for key := range maps.Keys(misprinted) {
		if !used[key] {
			t.Errorf("the known difference %q is none any more", key)
		}
	}
	if names < 200 || compared < 20_000 {
		t.Errorf("only %d names and %d values compared", names, compared)
	}
	t.Logf("%d names, %d values compared, %d differ for a known reason", names, compared, excused)
}

// raColumn returns what ra prints of one field for every record, nil when ra does not know it.
func raColumn(t *testing.T, file, name string) []string {
	t.Helper()
	lines := ra(t, "-n", "-u", "-L", "0", "-c", "\t", "-r", file, "-s", name)
	if strings.TrimSpace(lines[0]) == "" {
		return nil
	}
	return lines[1:]
}

// misprinted says which values ra 3.0.8 prints otherwise, by FIELD or FIELD=VALUE, and why.
var misprinted = map[string]string{
	"proto=unas":               "ra knows no UDP-Lite",
	"proto=sep":                "it calls DCCP by the older name of the number",
	"proto=ipnip":              "it has a name of its own for IP in IP",
	"proto=eigrp":              "we have numbers for protocols that few readers know",
	"proto=ipv6":               "the same",
	"sport=":                   "it prints no ports of SCTP",
	"dport=":                   "the same",
	"dport=0x2020beef":         "it puts masks over the SPI (section 2.2); the record has 0xdeadbeef",
	"stime=1700000005.000010":  "it gives a record of one packet one time; the record has two",
	"sstime=1700000005.000010": "the same",
	"dur=0.000000":             "the same",
	"sdur=0.000000":            "the same",
	"flgs=e":                   "it has no letter for Geneve and for GTP",
	"senc=eE":                  "it has another letter for VXLAN than ra 5",
	"senc=eP":                  "and for IP in IP",
	"senc=e":                   "and none for Geneve; GTP is ours",
	"dmac=Broadcast":           "it names the broadcast address",
	"soui=":                    "it prints names of manufacturers alone, of a table that is not installed; we print the octets",
	"doui=":                    "the same",
	"snet=02:00:00:00:00:0a":   "of RARP it prints the other end",
	"svpri=":                   "it never prints it",
	"dvpri=":                   "the same",
	"shops=0":                  "it takes the next power of two for the first TTL; systems begin with 32, 64, 128 and 255",
	"shops=1":                  "the same",
	"stcpmax":                  "it divides by 1000 for the source alone",
	"sintpktmin":               "it takes the larger minimum where it joins active and idle",
	"dintpktmin":               "the same, or 0 where there are only idle ones",
	"dintpktmax":               "the same",
	"sjit":                     "it mixes milliseconds and microseconds where it joins active and idle",
	"djit":                     "the same",
	"inode=::":                 "the DSR has no room for IPv6; our extension has",
	"icmpid=30464":             "it prints the identifier of ICMPv6 byte-swapped",
	"laddr=":                   "without locality it prints nothing; ra 5 prints the source",
	"raddr=":                   "the same, and the destination",
	"idle":                     "it prints the time since 1970",
	"rtime":                    "it prints what was in memory",
	"dlstime=":                 "it prints nothing; ra 5 prints the time since the record before",
	"offset":                   "a record does not know its place in a file",
}

// TestLinesLikeRa: lines of ra's default columns are ra's, octet by octet, in every style.
func TestLinesLikeRa(t *testing.T) {
	file, kinds := stream(t)
	plain := Style{Numbers: true, Epoch: true, Precision: 6, Separator: "\t"}
	flip := turned(rows(t, file, "saddr", plain), raColumn(t, file, "saddr"))
	protocols, encapsulation := rows(t, file, "proto", plain), rows(t, file, "senc", plain)
	times := turned(rows(t, file, "stime", plain), raColumn(t, file, "stime"))
	for _, c := range []struct {
		args  string
		style Style
	}{
		{"-n -c ,", Style{Numbers: true, Precision: 6, Separator: ","}},
		{"-c ,", Style{Precision: 6, Separator: ","}},
		{"-c | -u -p 3", Style{Epoch: true, Precision: 3, Separator: "|"}},
		{"-n -p 0 -c ,", Style{Numbers: true, Separator: ","}},
		{"-n", Style{Numbers: true, Precision: 6}},
		{"", Style{Precision: 6}},
		{"-u -p 2", Style{Epoch: true, Precision: 2}},
	} {
		ours := rows(t, file, defaultNames, c.style)
		theirs := ra(t, append(strings.Fields(c.args), "-L", "0", "-r", file)...)
		titles := string(NewRow(Default(), c.style).Titles(nil))
		if titles != theirs[0] {
			t.Errorf("%s: titles\n%q, ra has\n%q", c.args, titles, theirs[0])
		}
		same, other := 0, 0
		for i := range kinds {
			got, want := ours[i], theirs[i+1]
			if c.style.Separator == "" {
				got = strings.TrimRight(got, " ")
			}
			switch {
			case got == want:
				same++
			case kinds[i] == argus.KindManagement || !flip[i] && !times[i] && otherLine[protocols[i]] == "" && otherLine[encapsulation[i]] == "":
				t.Errorf("%s: record %d:\n got %q\n  ra %q", c.args, i+1, got, want)
			default:
				other++
			}
		}
		if other > len(kinds)/9 {
			t.Errorf("ra %s: %d of %d lines differ", c.args, other, len(kinds))
		}
		t.Logf("ra %s: %d of %d lines are ra's, %d differ for a known reason", c.args, same, len(kinds), other)
	}
}

// otherLine says of which protocols and encapsulations a line is not ra's, beside those that ra turns round and the one with
// two times.
var otherLine = map[string]string{
	"esp":     "masks over the SPI",
	"sctp":    "no ports",
	"udplite": "no name, no ports", "33": "another name, no ports",
	"ipip": "another name", "41": "a name", "88": "a name", "250": "all unknown ones have one name",
	"eg": "no letter", "eP": "no letter",
	"evt": "two columns less",
}
