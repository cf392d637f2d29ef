package filter

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/gofrs/uuid/v5"

	"github.com/argus-endpoint/argus-endpoint/argus"
)

// TestNeeds: what a store can look for first.
func TestNeeds(t *testing.T) {
	for expression, want := range map[string]string{
		"":                                           "{[] [] [] - []}",
		"tcp and port 22":                            "{[] [22] [6] - []}",
		"src host 10.1.0.2":                          "{[10.1.0.2/32] [] [] - []}",
		"host 2001:db8::1 and net fd00::/8":          "{[2001:db8::1/128] [] [] - []}",
		"net 10.0.0.0/8 and host 10.1.0.2":           "{[10.1.0.2/32] [] [] - []}",
		"net 10.0.0.0/8 and (tcp or udp)":            "{[10.0.0.0/8] [] [6 17] - []}",
		"tcp and (port 80 or 443)":                   "{[] [80 443] [6] - []}",
		"(port 80 or port 443) and port 8080":        "{[] [8080] [] - []}",
		"port 53 or host 10.1.0.2":                   "{[] [] [] - []}",
		"tcp port 1 or (udp port 2)":                 "{[] [1 2] [6 17] - []}",
		"not port 22":                                "{[] [] [] - []}",
		"tcp and not (port 22 and udp)":              "{[] [] [6] - []}",
		"arp or tcp":                                 "{[] [] [] - []}",
		"arp and host 10.1.0.2":                      "{[10.1.0.2/32] [] [] - []}",
		"port domain":                                "{[] [53 53] [6 17] - []}",
		"bytes gt 1000":                              "{[] [] [] - [{[sbytes dbytes] 1000.0000000000001 +Inf}]}",
		"src bytes lte 1000 and dst pkts 0":          "{[] [] [] - [{[sbytes ] -Inf 1000} {[dpkts ] 0 0}]}",
		"src and dst pkts 3":                         "{[] [] [] - [{[spkts ] 3 3} {[dpkts ] 3 3}]}",
		"dur gte 5 or dur lt 1":                      "{[] [] [] - [{[dur ] -Inf +Inf}]}",
		"dur gte 5 or (dur gt 9 and tcp)":            "{[] [] [] - [{[dur ] 5 +Inf}]}",
		"dur gte 5 or tcp":                           "{[] [] [] - []}",
		"port 20-25":                                 "{[] [] [] - [{[sport dport] 20 25}]}",
		"srcid 01234567-89ab-cdef-0123-456789abcdef": "{[] [] [] 01234567-89ab-cdef-0123-456789abcdef []}",
		"srcid 01234567-89ab-cdef-0123-456789abcdef or tcp and port 7": "{[] [7] [] - []}",
		"srcid 4711": "{[] [] [] - []}",
	} {
		f, err := Parse([]string{expression})
		if err != nil {
			t.Fatal(err)
		}
		if n := f.Needs(); strings.ReplaceAll(fmt.Sprint(n), uuid.Nil.String(), "-") != want {
			t.Errorf("%q needs %v, want %s", expression, n, want)
		}
	}
}

// meets tells whether a flow meets conditions, as a store looks at it.
func meets(n *Needs, r *argus.Record) bool {
	k := &r.Flow.Key
	u, _ := r.Monitor.UUID()
	in := func(p netip.Prefix) bool { return p.Contains(k.SrcAddr()) || p.Contains(k.DstAddr()) }
	first, last := r.Flow.Span()
	s, d := &r.Flow.Side[0], &r.Flow.Side[1]
	columns := map[string]float64{
		"spkts": float64(s.Packets), "dpkts": float64(d.Packets), "sbytes": float64(s.Bytes), "dbytes": float64(d.Bytes), "sappbytes": float64(s.Payload),
		"dappbytes": float64(d.Payload), "sport": float64(k.SrcPort), "dport": float64(k.DstPort), "dur": float64(float32(float64(last/1000-first/1000) / 1e6)),
	}
	within := func(c string, b Range) bool { v, known := columns[c]; return known && b.Low <= v && v <= b.High }
	outside := func(b Range) bool { return !within(b.Columns[0], b) && !within(b.Columns[1], b) }
	return (n.Hosts == nil || slices.ContainsFunc(n.Hosts, in)) && (n.Protos == nil || slices.Contains(n.Protos, k.Proto)) &&
		(n.Ports == nil || slices.Contains(n.Ports, k.SrcPort) || slices.Contains(n.Ports, k.DstPort)) &&
		(n.Monitor.IsNil() || n.Monitor == u) && !slices.ContainsFunc(n.Ranges, outside)
}

// FuzzParse: no expression makes the parser fail otherwise than with an error at a place in the expression, and what a filter
// matches meets its needs.
func FuzzParse(f *testing.F) {
	for _, s := range []string{"tcp and (port 80 or not src net 10.0.0.0/8)", "host ::1 or proto 6", "!(arp)", "dst host 1.2.3.4 and", "sbytes>=0x10 and dur<5",
		"src or dst bytes gt 1 or 2 and not (man or event)", "srcid 1/eth0 or inf lo", "ether src 1:2:3:4:5:6 or dst multicast", "port 1-5 or domain", "net 1.2.3.4 mask 255.0.0.0",
		"src and dst pkts 3 or dur lt 1 and ttl 64 or 65", "local co US and as 1"} {
		f.Add(s)
	}
	var records []*argus.Record
	flows(f, func(r *argus.Record) { c := *r; records = append(records, &c) })
	f.Fuzz(func(t *testing.T, s string) {
		filter, err := Parse([]string{s})
		if err != nil {
			if e := err.(*Error); e.At < 0 || e.Len < 0 || e.At+e.Len > len(e.Expression) || e.Reason == "" || strings.Count(e.Error(), "\n") != 2 {
				t.Fatalf("%q: %+v", s, e)
			}
			return
		}
		needs := filter.Needs()
		for _, r := range records {
			if filter.Match(r) && r.Kind == argus.KindFlow && !meets(&needs, r) {
				t.Fatalf("%q matches record %d, which does not meet %+v", s, r.Sequence, needs)
			}
		}
	})
}

func BenchmarkMatch(b *testing.B) {
	for name, expression := range map[string]string{
		"address": "tcp and net 10.0.0.0/8 and not (port 80 or 443)", "metric": "dur gt 0.001 and sbytes gt 10 or syn", "all": "host 10.1.0.1 or 10.1.0.2 or port 53 or 80 or bytes gt 100000 or vid 7 or retrans",
	} {
		b.Run(name, func(b *testing.B) {
			f, err := Parse([]string{expression})
			if err != nil {
				b.Fatal(err)
			}
			var records []*argus.Record
			flows(b, func(r *argus.Record) { c := *r; records = append(records, &c) })
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				if f.Match(records[n]) {
					n++
				} else {
					n += 2
				}
				n %= len(records) - 1
			}
		})
	}
}
