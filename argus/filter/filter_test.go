package filter

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/argus-endpoint/argus-endpoint/argus"
)

const sample = "../testdata/sample_v5.arg"

// flows calls yield with each record of the sample.
func flows(tb testing.TB, yield func(r *argus.Record)) {
	tb.Helper()
	b, err := os.ReadFile(sample)
	if err != nil {
		tb.Fatal(err)
	}
	for r, err := range argus.Records(b) {
		if err != nil {
			tb.Fatal(err)
		}
		yield(r)
	}
}

// matching returns the sequence numbers of the records of the sample that a filter selects.
func matching(t *testing.T, expression string) (found []string) {
	t.Helper()
	f, err := Parse([]string{expression})
	if err != nil {
		t.Fatal(err)
	}
	flows(t, func(r *argus.Record) {
		if f.Match(r) {
			found = append(found, fmt.Sprint(r.Sequence))
		}
	})
	return found
}

// TestSame: ways to say the same, each as the first of its line. What each selects is judged elsewhere, by ra.
func TestSame(t *testing.T) {
	for _, same := range [][]string{
		{"tcp or arp and ip6", "(tcp or arp) and ip6", "(tcp||arp)&&ipv6"},
		{"not tcp or ip6", "(not tcp) or ip6", "!tcp||ip6"},
		{"tcp and port 80 or udp", "(tcp and port 80) or udp"},
		{"port 80 or 443", "port 80 or port 443", "port 443 or (80)"},
		{"tcp dst port 80 or 443", "tcp and dst port 80 or (tcp and dst port 443)"},
		{"src host 10.1.0.1 or 10.1.0.2", "src host 10.1.0.1 or src host 10.1.0.2", "src 10.1.0.1 or 10.1.0.2"},
		{"src host 10.1.0.1 or dst 10.1.0.2", "src host 10.1.0.1 or dst host 10.1.0.2"},
		{"src port 80 or dst 443", "src port 80 or dst port 443"},
		{"port 80 or dst 10.1.0.2", "port 80 or dst host 10.1.0.2"},
		{"10.1.0.2", "host 10.1.0.2", "src or dst host 10.1.0.2", "dst or src host 10.1.0.2", "net 10.1.0.2/32", "net 10.1.0.2"},
		{"net 10.0.0.0/8", "net 10.0.0.0 mask 255.0.0.0", "net 10.1.2.3/8"},
		{"src and dst net 10.0.0.0/8", "src net 10.0.0.0/8 and dst net 10.0.0.0/8"},
		{"sbytes gt 100", "src bytes gt 100", "src bytes > 100", "sbytes>100", "not sbytes lte 100", "sbytes gte 101"},
		{"bytes gt 100", "sbytes gt 100 or dbytes gt 100", "sbytes gt 100 or dst bytes gt 100"},
		{"dur gt 0.1 and lt 2", "dur gt 0.1 and dur lt 2"},
		{"dur 0", "dur eq 0", "dur=0", "dur == 0"},
		{"port 20-25", "port gte 20 and lte 25 and (sport gte 20 and lte 25 or (dport gte 20 and lte 25))", "sport 20-25 or dport 20-25"},
		{"port domain", "tcp port 53 or (udp port 53)"},
		{"tcp", "proto 6", "ip proto tcp", "proto tcp", "local tcp", "tcp and ip"},
		{"icmp6", "proto 58", "proto 0x3a", "icmpv6", "ipv6-icmp"},
		{"ether proto 0x0800", "ether proto ip", "ether proto 2048", "ipv4"},
		{"ether proto 0x86dd", "ether proto ip6", "ip6"},
		{"ether proto 0x0806", "ether proto arp", "arp"},
		{"ether proto 0x8035", "ether proto rarp", "rarp"},
		{"syn", "src syn or dst syn"},
		{"sport 5555", "src port 5555"},
		{"tcp host 10.1.0.3", "tcp and host 10.1.0.3"},
	} {
		want := matching(t, same[0])
		if len(want) == 0 {
			t.Errorf("%q selects nothing, which proves nothing", same[0])
		}
		for _, expression := range same[1:] {
			if got := matching(t, expression); !slices.Equal(got, want) {
				t.Errorf("%q selects %v, but %q %v", expression, got, same[0], want)
			}
		}
	}
}

// TestKinds: other records than flows are selected only where the expression speaks of them.
func TestKinds(t *testing.T) {
	records := map[argus.Kind]*argus.Record{
		argus.KindFlow: {Kind: argus.KindFlow}, argus.KindManagement: {Kind: argus.KindManagement},
		argus.KindEvent: {Kind: argus.KindEvent}, argus.KindOther: {Kind: argus.KindOther},
	}
	for expression, want := range map[string][]argus.Kind{
		"":                                  {argus.KindFlow},
		"not tcp":                           {argus.KindFlow},
		"man":                               {argus.KindManagement},
		"man or (tcp)":                      {argus.KindManagement},
		"not man":                           {argus.KindFlow},
		"event or man":                      {argus.KindManagement, argus.KindEvent},
		"not event":                         {argus.KindFlow},
		"man or far":                        {argus.KindFlow, argus.KindManagement},
		"man and tcp":                       nil,
		"event or not seq gt 0 and not arp": {argus.KindFlow, argus.KindEvent},
	} {
		f, err := Parse([]string{expression})
		if err != nil {
			t.Fatal(err)
		}
		var got []argus.Kind
		for kind := argus.KindFlow; kind <= argus.KindOther; kind++ {
			if f.Match(records[kind]) {
				got = append(got, kind)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q selects kinds %v, want %v", expression, got, want)
		}
	}
}

// TestSource: a sensor by each form of its identity.
func TestSource(t *testing.T) {
	host := argus.ID{Kind: 0x22, Bytes: [16]byte{1, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef, 1, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef}}
	u, _ := host.UUID()
	old := argus.ID{Kind: 0x01, Bytes: [16]byte{192, 0, 2, 77}}
	number := argus.ID{Kind: 0x20, Bytes: [16]byte{0, 0, 0x12, 0x67}}
	for _, test := range []struct {
		expression string
		id         argus.ID
		want       bool
	}{
		{"srcid 01234567-89ab-cdef-0123-456789abcdef", host, true},
		{"srcid 01234567-89AB-CDEF-0123-456789ABCDEF", host, true},
		{"srcid 01234567-89ab-cdef-0123-456789abcdee", host, false},
		{"srcid 01234567-89ab-cdef-0123-456789abcdef/eth0", host, true},
		{"srcid 01234567-89ab-cdef-0123-456789abcdef/eth1", host, false},
		{"srcid 01234567-89ab-cdef-0123-456789abcdef", old, false},
		{fmt.Sprint("srcid ", argus.MonitorV3(u)), host, true}, // as readers of the 3.0 line see it
		{fmt.Sprintf("srcid 0x%x", argus.MonitorV3(u)), host, true},
		{"srcid 192.0.2.77", old, true},
		{"srcid 192.0.2.77/eth0", old, true},
		{"srcid " + old.Host().String(), old, true}, // as argus-collector hosts names it
		{"srcid " + old.Host().String(), number, false},
		{"srcid 3221226061", old, true},
		{"srcid 4711", number, true},
		{"srcid 0.0.18.103", number, true},
		{"srcid 0", argus.ID{}, false},
		{"inf eth0", host, true},
		{"inf eth0.100", host, true}, // four characters are all there is
		{"inf eth", host, false},
	} {
		f, err := Parse([]string{test.expression})
		if err != nil {
			t.Fatal(err)
		}
		r := argus.Record{Kind: argus.KindFlow, Monitor: test.id, Interface: [4]byte{'e', 't', 'h', '0'}}
		if got := f.Match(&r); got != test.want {
			t.Errorf("%q of %v: %v", test.expression, test.id, got)
		}
	}
}

// TestErrors: an error stands under the word that is wrong, and says what would be right.
func TestErrors(t *testing.T) {
	for expression, want := range map[string]struct{ word, reason string }{
		"host":                        {"", "IP address"},
		"tcp and host example.com":    {"example.com", "not looked up"},
		"host fe80::1%eth0":           {"fe80::1%eth0", "IP address"},
		"src tcp":                     {"tcp", "IP address"},
		"port 99999":                  {"99999", "65535"},
		"port nosuchservice":          {"nosuchservice", "name of a service"},
		"port 25-20":                  {"25-20", "range"},
		"net 10.0.0.0/33":             {"10.0.0.0/33", "10.0.0.0/8"},
		"net 10.0.0.0 mask 1.2.3.4":   {"1.2.3.4", "ones of a mask"},
		"tcp and":                     {"", "word is expected"},
		"( tcp":                       {"(", "not closed"},
		"((tcp) and (udp or (icmp))":  {"(", "not closed"},
		"tcp )":                       {")", "end is expected"},
		"(tcp udp)":                   {"udp", ") is expected"},
		"tcp udp":                     {"udp", "end is expected"},
		"prot 6":                      {"prot", "is it proto?"},
		"sbyts gt 5":                  {"sbyts", "is it sbytes?"},
		"xyzzy and tcp":               {"xyzzy", "no filter knows"},
		"proto nonsense":              {"nonsense", "255"},
		"proto 256":                   {"256", "255"},
		"not":                         {"", "word is expected"},
		"or tcp":                      {"or", "before this one"},
		"tcp and )":                   {")", "before this one"},
		"dur gt x":                    {"x", "number"},
		"dur gt":                      {"", "number"},
		"bytes gt 1.5":                {"1.5", "whole number"},
		"bytes gt -1":                 {"-1", "whole number"},
		"dur gt nan":                  {"nan", "number"},
		"dur gt 1e99":                 {"1e99", "number"},
		"src synack":                  {"synack", "src and dst"},
		"srcid x":                     {"x", "UUID"},
		"srcid 1.2.3.4/":              {"1.2.3.4/", "UUID"},
		"encaps xyz":                  {"xyz", "gre"},
		"ether host 1:2:3":            {"1:2:3", "hardware address"},
		"co USA":                      {"USA", "two letters"},
		"port 80 or udp and 10.0.0.1": {"10.0.0.1", "port"},
		"tcp & udp":                   {"&", "end is expected"},
		strings.Repeat("( ", 5000):    {"(", "more than 1000 words"},
		strings.Repeat("x", 1<<17):    {"", "longer than"},
	} {
		_, err := Parse(strings.Fields(expression))
		e, ok := err.(*Error)
		if !ok || !strings.Contains(e.Reason, want.reason) {
			t.Errorf("%.80q: error %v does not say %q", expression, err, want.reason)
			continue
		}
		if got := e.Expression[e.At:][:e.Len]; got != want.word || e.Len == 0 && e.At != len(e.Expression) {
			t.Errorf("%.80q: error at %q (%d), want %q", expression, got, e.At, want.word)
		}
	}
}

// TestErrorShown: what a user sees.
func TestErrorShown(t *testing.T) {
	for expression, want := range map[string]string{
		"tcp and prot 80": "filter: no filter knows this word: is it proto?\n  tcp and prot 80\n          ^^^^",
		"tcp and":         "filter: the filter ends where a word is expected\n  tcp and\n         ^",
		"host \x1b[31mü":  "filter: an IP address is expected: names of hosts are not looked up\n  host ?[31mü\n       ^^^^^^",
		strings.Repeat("tcp or ", 20) + "nope" + strings.Repeat(" and udp", 20): "filter: no filter knows this word\n" +
			"  ... tcp or tcp or tcp or tcp or tcp or nope and udp and udp and udp and udp...\n" + "  " + strings.Repeat(" ", 39) + "^^^^",
	} {
		_, err := Parse([]string{expression})
		if err == nil || err.Error() != want {
			t.Errorf("%q:\n%v\nwant\n%s", expression, err, want)
		}
	}
}

// TestWords: what help and completion show can be parsed, and what can be parsed is shown.
func TestWords(t *testing.T) {
	arguments := map[string]string{
		"": "", address: "10.0.0.1", "NETWORK/LENGTH": "10.0.0.0/8", "PORT|FIRST-LAST": "1-9", "PROTOCOL": "tcp", "INTERFACE": "eth0",
		"KIND": "gre", "COUNTRY": "de", "[gt|gte|lt|lte|eq] NUMBER": "gt 1", "UUID[/INTERFACE]|ADDRESS|NUMBER": "1",
		"[src|dst] MAC | multicast | broadcast | proto NUMBER": "src 1:2:3:4:5:6",
	}
	names := map[string]bool{}
	for _, w := range Words() {
		argument, ok := arguments[w.Argument]
		if !ok || w.Help == "" {
			t.Errorf("%+v: no such argument is known here", w)
		}
		side := ""
		if w.Sides {
			side = "src "
		}
		if _, err := Parse([]string{side + w.Name + " " + argument}); err != nil {
			t.Errorf("%+v: %v", w, err)
		}
		if names[w.Name] {
			t.Errorf("%s is there twice", w.Name)
		}
		names[w.Name] = true
	}
	for name := range byName {
		if !names[name] {
			t.Errorf("%s is not among the words", name)
		}
	}
}

// TestMatchAllocates: nothing, whatever the expression.
func TestMatchAllocates(t *testing.T) {
	var records []*argus.Record
	flows(t, func(r *argus.Record) { c := *r; records = append(records, &c) })
	for _, w := range Words() {
		expression := w.Name
		switch {
		case strings.Contains(w.Argument, "NUMBER]") || strings.HasSuffix(w.Argument, " NUMBER") && w.Name != "ether":
			expression += " gt 0"
		case w.Argument != "":
			continue
		}
		f, err := Parse([]string{expression + " or host 10.1.0.1 or srcid 7 or encaps gre or ether src 1:2:3:4:5:6"})
		if err != nil {
			t.Fatal(err)
		}
		if n := testing.AllocsPerRun(1, func() {
			for _, r := range records {
				f.Match(r)
			}
		}); n != 0 {
			t.Errorf("%q allocates %v times", expression, n)
		}
	}
}

// TestDocumented: docs/filter.md speaks of every word.
func TestDocumented(t *testing.T) {
	b, err := os.ReadFile("../../docs/filter.md")
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, w := range strings.FieldsFunc(string(b), func(r rune) bool { return strings.ContainsRune(" \n,;:|`()\\", r) }) {
		known[strings.TrimSuffix(w, ".")] = true
	}
	for _, w := range Words() {
		if !known[w.Name] {
			t.Errorf("%s is not in docs/filter.md", w.Name)
		}
	}
	for _, e := range encapsulations {
		if !known[e.name] {
			t.Errorf("encaps %s is not in docs/filter.md", e.name)
		}
	}
}
