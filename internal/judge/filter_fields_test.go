package judge

import (
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/argus/fields"
	"github.com/argus-endpoint/argus-endpoint/argus/filter"
)

// TestFilterLikeFields judges the words that ra 3.0.8 does not know, or understands wrongly, by what our own columns print.
func TestFilterLikeFields(t *testing.T) {
	names, _ := filepath.Glob(filepath.Join(shared(t, "formats", "argus-vectors", "v5-argus5"), "*.arg"))
	for _, name := range []string{"v5.arg", "sid.arg", "st.arg", "lab.arg"} {
		names = append(names, shared(t, "formats", "argus-vectors", "encoder", name))
	}
	stream := readFile(t, "../../argus/testdata/sample_v5.arg")
	for _, name := range names {
		stream = append(stream, readFile(t, name)...)
	}
	var records []*argus.Record
	for r, err := range argus.Records(stream) {
		if err != nil {
			t.Fatal(err)
		}
		if r.Kind == argus.KindFlow {
			c := *r
			records = append(records, &c)
		}
	}
	style := fields.DefaultStyle()
	style.Numbers = true
	rows := ourRows(t, records, []string{"sid", "inf", "srcid", "state", "proto", "svnid", "dvnid", "sttl", "dttl", "stos", "sbytes", "dbytes", "spkts", "tcprtt",
		"dur", "saddr", "daddr", "sport", "dport", "sco", "dco", "sas", "das", "smac", "dmac", "svid", "svpri", "dvpri", "smpls", "dmpls", "sloss", "dloss", "inode", "sintpkt", "sjit", "djit"}, style)
	state := func(want string) func(row) bool { return func(r row) bool { return r["state"] == want } }
	is := func(name, want string) func(row) bool { return func(r row) bool { return r[name] == want } }
	for expression, right := range map[string]func(row) bool{
		"req": state("REQ"), "acc": state("ACC"), "int": state("INT"), "rsp": state("RSP"), "clo": state("CLO"), "tim": state("TIM"),
		"inf eth1": is("inf", "eth1"), "inf eth0": is("inf", "eth0"), "inf enp0s31f6": is("inf", "enp0"),
		"srcid 01234567-89ab-cdef-0123-456789abcdef":      is("sid", "01234567-89ab-cdef-0123-456789abcdef"),
		"srcid 01234567-89ab-cdef-0123-456789abcdef/eth0": is("srcid", "01234567-89ab-cdef-0123-456789abcdef/eth0"),
		"not srcid 01234567-89ab-cdef-0123-456789abcdef":  func(r row) bool { return r["sid"] != "01234567-89ab-cdef-0123-456789abcdef" },
		"srcid 4711":                 is("sid", "4711"),
		"vnid gt 0":                  func(r row) bool { return columnOf(r, "svnid") > 0 || columnOf(r, "dvnid") > 0 },
		"src vnid 100":               is("svnid", "100"),
		"sttl 64":                    is("sttl", "64"),
		"dbytes gt 500":              func(r row) bool { return columnOf(r, "dbytes") > 500 },
		"sbytes > 100 and spkts < 5": func(r row) bool { return columnOf(r, "sbytes") > 100 && columnOf(r, "spkts") < 5 },
		"dur >= 1 or dur=0":          func(r row) bool { return columnOf(r, "dur") >= 1 || columnOf(r, "dur") == 0 },
		"tcprtt gt 0":                func(r row) bool { return columnOf(r, "tcprtt") > 0 },
		"vpri 3":                     func(r row) bool { return r["svpri"] == "3" || r["dvpri"] == "3" },
		"svpri gt 2":                 func(r row) bool { return columnOf(r, "svpri") > 2 },
		"mid 1000":                   func(r row) bool { return r["smpls"] == "1000" || r["dmpls"] == "1000" },
		"loss gt 0":                  func(r row) bool { return columnOf(r, "sloss") > 0 || columnOf(r, "dloss") > 0 },
		"sport gt 1000": func(r row) bool {
			return slices.Contains([]string{"tcp", "udp", "sctp", "dccp", "udplite", "udt", "rtp", "rtcp"}, r["proto"]) && columnOf(r, "sport") > 1000
		},
		"multicast":           func(r row) bool { return isMulticast(r["saddr"]) || isMulticast(r["daddr"]) },
		"ether dst multicast": func(r row) bool { return isGroup(r["dmac"]) },
		"sco US or dco DE":    func(r row) bool { return r["sco"] == "US" || r["dco"] == "DE" },
		"sas gt 0":            func(r row) bool { return columnOf(r, "sas") > 0 },
		"inode 10.0.0.2":      is("inode", "10.0.0.2"),
		"jit gt 1":            func(r row) bool { return columnOf(r, "sjit") > 1 || columnOf(r, "djit") > 1 },
	} {
		f, err := filter.Parse([]string{expression})
		if err != nil {
			t.Errorf("%v", err)
			continue
		}
		selected := 0
		for i, r := range records {
			got := f.Match(r)
			if got {
				selected++
			}
			if got != right(rows[i]) {
				t.Errorf("%q selects %v a record of which we print %v", expression, got, rows[i])
				break
			}
		}
		if selected == 0 {
			t.Logf("%q selects nothing", expression)
		}
	}
}

func isMulticast(addr string) bool {
	if strings.HasPrefix(addr, "ff") && !strings.Contains(addr, "ff:ff:ff:ff:ff:ff") {
		return strings.Contains(addr, "::") || strings.Count(addr, ":") == 7
	}
	first, _, isIPv4 := strings.Cut(addr, ".")
	n, _ := strconv.Atoi(first)
	return isIPv4 && n >= 224 && n < 240
}

func isGroup(mac string) bool {
	n, err := strconv.ParseUint(mac[:min(len(mac), 2)], 16, 8)
	return err == nil && n&1 != 0
}
