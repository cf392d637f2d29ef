package judge

import (
	"bytes"
	"encoding/csv"
	"strings"
	"testing"
	"time"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/argus/fields"
	"github.com/argus-endpoint/argus-endpoint/flow"
)

// ofRecord are the fields that tell of the record and not of its flow, of how many were merged, or are measured within one: the
// times between packets further apart than two status intervals do not count, a distribution of four bits is rounded, user data
// begins anew.
var ofRecord = " cause end seq flowid hash ind suser duser spktsz dpktsz trans mean stddev min max sum idlemean idlestddev idlemin idlemax "

// TestAggregate: the records of a flow, added up, say what one record of the whole flow says.
func TestAggregate(t *testing.T) {
	flows, merged := 0, 0
	for _, row := range corpus(t) {
		parts := meter(t, pcap(t, row["file"]), nil)
		whole := meter(t, pcap(t, row["file"]), func(p *pipeline) {
			config := flow.DefaultConfig()
			config.StatusInterval = 1000 * time.Hour
			p.table = flow.NewTable(config)
		})
		got, want := flowRows(t, aggregated(parts)), flowRows(t, aggregated(whole))
		if len(got) != len(want) {
			t.Errorf("%s: %d flows, in whole records %d", row["file"], len(got), len(want))
		}
		for k, w := range want {
			for name, value := range w {
				if value == "INT" && got[k][name] == "REQ" { // ra's names of a flow without an answer in its first and in later records
					continue
				}
				if got[k][name] != value && !oneOctet[row["file"]+" "+name] {
					t.Errorf("%s: %s: %s is %q, in one record %q", row["file"], k, name, got[k][name], value)
				}
			}
		}
		flows += len(want)
		merged += len(parts) - len(got)
	}
	t.Logf("judge: %d flows are what their records add up to, %d records more", flows, merged)
}

// oneOctet are the differences that a hole of one octet makes, which a later record cannot tell from the number of a SYN.
var oneOctet = map[string]bool{"zeek__contentline-irc-5k-line.pcap sgap": true, "zeek__contentline-irc-5k-line.pcap flgs": true}

// flowRows prints flows with all fields that tell of the whole flow, by what makes them different.
func flowRows(t *testing.T, records []*argus.Record) map[string]row {
	t.Helper()
	var out bytes.Buffer
	p := fields.NewCSV(&out, fields.All(), fields.DefaultStyle())
	for _, r := range records {
		if err := p.Print(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Flush(); err != nil {
		t.Fatal(err)
	}
	lines, err := csv.NewReader(&out).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]row{}
	for _, line := range lines[1:] {
		r := row{}
		for i, name := range lines[0] {
			if !strings.Contains(ofRecord, " "+name+" ") && !strings.Contains(name, "int") && !strings.Contains(name, "jit") {
				r[name] = line[i]
			}
		}
		k := strings.Join([]string{r["stime"], r["proto"], r["saddr"], r["sport"], r["daddr"], r["dport"], r["icmpid"]}, " ")
		for rows[k] != nil {
			k += " again"
		}
		rows[k] = r
	}
	return rows
}
