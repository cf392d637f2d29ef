package filter

import (
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/argus-endpoint/argus-endpoint/argus"
)

const sample = "../testdata/sample_v3.arg"

// matching returns the sequence numbers of the records of the sample that a filter selects.
func matching(t *testing.T, expression string) (found []string) {
	t.Helper()
	f, err := Parse([]string{expression})
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(sample)
	if err != nil {
		t.Fatal(err)
	}
	for r, err := range argus.Records(b) {
		if err != nil {
			t.Fatal(err)
		}
		if f.Match(r) {
			found = append(found, fmt.Sprint(r.Sequence))
		}
	}
	return found
}

// TestLikeRa gives the same expressions to Debian's ra and compares which records it prints. Left out is what ra 3.0.8
// does otherwise by mistake: it takes ARP for RARP and the other way round, and refuses esp.
func TestLikeRa(t *testing.T) {
	ra, err := exec.LookPath("ra")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("ra is missing: apt-get install argus-client")
		}
		t.Skip("skipped: ra is missing (apt-get install argus-client)")
	}
	for _, expression := range []string{
		"tcp", "udp", "icmp", "igmp", "ip", "ipv4", "ipv6", "tcp or udp", "not tcp", "host 10.1.0.2", "src host 10.1.0.2", "dst host 10.1.0.2",
		"host 2001:db8::1", "dst host fd00::2", "net 10.1.0.0/16", "src net 10.1.0.0/30", "dst net 224.0.0.0/4", "port 53", "src port 5555",
		"dst port 443", "tcp and port 80", "tcp and not port 80", "proto 89", "not (tcp or udp)", "src host 10.1.0.1 and (dst port 53 or dst port 443)",
		"host 10.1.0.1 and host 10.1.0.2 and tcp", "udp and src host 10.1.0.1 or icmp", "not arp and not tcp and net 10.1.0.0/24",
	} {
		out, err := exec.Command(ra, "-F", "/dev/null", "-n", "-L", "-1", "-r", sample, "-s", "seq", "proto", "saddr", "-", expression, "and not man").Output()
		if err != nil {
			t.Errorf("ra refuses %q: %v", expression, err)
			continue
		}
		var want []string
		for line := range strings.Lines(string(out)) {
			if words := strings.Fields(line); len(words) > 1 && words[1] != "evt" && words[1] != "man" {
				want = append(want, words[0])
			}
		}
		got := matching(t, expression)
		if strings.Contains(expression, "src") || strings.Contains(expression, "dst") {
			// ra turns these two round by their ports: TCP flows whose SYN was not seen
			turned := func(seq string) bool { return seq == "5" || seq == "6" }
			got, want = slices.DeleteFunc(got, turned), slices.DeleteFunc(want, turned)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q selects %v, for ra %v", expression, got, want)
		}
	}
}

func TestMatch(t *testing.T) {
	for expression, want := range map[string]string{
		"icmp6":                                 "12 13",
		"ip6 and not proto icmp6":               "2 8 49",
		"sctp port 9":                           "22",
		"(src port 443) or !(not dst port 443)": "1",
		"udplite":                               "23",
		"proto 250":                             "33",
		"tcp host 10.1.0.3":                     "3",
		"ospf or pim or vrrp and dst net 224.0.0.0/24": "27 28 29",
	} {
		if got := strings.Join(matching(t, expression), " "); got != want {
			t.Errorf("%q selects %s, want %s", expression, got, want)
		}
	}
	if got := len(matching(t, "")); got != 53 {
		t.Errorf("no filter selects %d of 53 flows", got)
	}
}

// TestErrors: the message names the word that is wrong.
func TestErrors(t *testing.T) {
	for expression, want := range map[string]string{
		"host": "where it ends", "host example.com": `"example.com"`, "src tcp": `"tcp"`, "port 99999": `"99999"`, "port http": `"http"`,
		"net 10.0.0.0": `"10.0.0.0"`, "tcp and": "where it ends", "( tcp": "not closed", "tcp )": `")"`, "prot 6": `"prot"`, "proto nonsense": `"nonsense"`,
		"not": "where it ends", "or tcp": `"or"`, strings.Repeat("( ", 5000): "more than 1000 words",
	} {
		if _, err := Parse(strings.Fields(expression)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v does not say %s", expression, err, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"tcp and (port 80 or not src net 10.0.0.0/8)", "host ::1 or proto 6", "!(arp)", "dst host 1.2.3.4 and"} {
		f.Add(s)
	}
	b, err := os.ReadFile(sample)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, s string) {
		filter, err := Parse([]string{s})
		if err != nil {
			return
		}
		needs := filter.Needs()
		for r := range argus.Records(b) {
			if r != nil && filter.Match(r) && !meets(&needs, r) {
				t.Fatalf("%q matches record %d, which does not meet %+v", s, r.Sequence, needs)
			}
		}
	})
}

func BenchmarkMatch(b *testing.B) {
	f, err := Parse([]string{"tcp and net 10.0.0.0/8 and not (port 80 or port 443)"})
	if err != nil {
		b.Fatal(err)
	}
	r := argus.Record{Kind: argus.KindFlow}
	r.Flow.Family, r.Flow.Proto, r.Flow.Src[0] = 1, 6, 10
	for b.Loop() {
		if !f.Match(&r) {
			b.Fatal("no match")
		}
	}
}

// TestNeeds: what a store can look for first.
func TestNeeds(t *testing.T) {
	for expression, want := range map[string]string{
		"":                                    "[] [] []",
		"tcp and port 22":                     "[] [22] [6]",
		"src host 10.1.0.2":                   "[10.1.0.2/32] [] []",
		"host 2001:db8::1 and net fd00::/8":   "[2001:db8::1/128] [] []",
		"net 10.0.0.0/8 host 10.1.0.2":        "[10.1.0.2/32] [] []",
		"net 10.0.0.0/8 and (tcp or udp)":     "[10.0.0.0/8] [] [6 17]",
		"tcp and (port 80 or port 443)":       "[] [80 443] [6]",
		"(port 80 or port 443) and port 8080": "[] [8080] []",
		"port 53 or host 10.1.0.2":            "[] [] []",
		"tcp port 1 or udp port 2":            "[] [1 2] [6 17]",
		"not port 22":                         "[] [] []",
		"tcp and not (port 22 and udp)":       "[] [] [6]",
		"arp or tcp":                          "[] [] []",
		"arp and host 10.1.0.2":               "[10.1.0.2/32] [] []",
	} {
		f, err := Parse([]string{expression})
		if err != nil {
			t.Fatal(err)
		}
		if n := f.Needs(); fmt.Sprint(n.Hosts, n.Ports, n.Protos) != want {
			t.Errorf("%q needs %v %v %v, want %s", expression, n.Hosts, n.Ports, n.Protos, want)
		}
	}
}

// meets tells whether a flow meets conditions, as a store looks at it.
func meets(n *Needs, r *argus.Record) bool {
	k := &r.Flow.Key
	in := func(p netip.Prefix) bool { return p.Contains(k.SrcAddr()) || p.Contains(k.DstAddr()) }
	return (n.Hosts == nil || slices.ContainsFunc(n.Hosts, in)) && (n.Protos == nil || slices.Contains(n.Protos, k.Proto)) &&
		(n.Ports == nil || slices.Contains(n.Ports, k.SrcPort) || slices.Contains(n.Ports, k.DstPort))
}
