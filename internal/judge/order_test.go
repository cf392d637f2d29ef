package judge

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/argus/cluster"
	"github.com/argus-endpoint/argus-endpoint/argus/fields"
	"github.com/argus-endpoint/argus-endpoint/flow"
)

// sortKeys are those by which rasort and we put the same records in order. Not among them are proto, which we order by name,
// drate, whose smallest value comes first with rasort 3.0.8 but not that of srate, and rate and
// tcprtt, which it leaves half ordered.
var sortKeys = strings.Fields("stime ltime dur saddr daddr sport dport stos dtos sttl dttl bytes sbytes dbytes pkts spkts dpkts " +
	"load sload dload srate loss sloss dloss ploss seq trans saddr/24 saddr/8 daddr/16")

// TestOrderLikeRasort compares what the field looks like, record by record, because equal ones may stand in any order.
func TestOrderLikeRasort(t *testing.T) {
	stream := orderStream(t)
	file := filepath.Join(t.TempDir(), "in.arg")
	if err := os.WriteFile(file, stream, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, key := range sortKeys {
		name, _, _ := strings.Cut(key, "/")
		order, err := cluster.ParseOrder(key, fields.Compare)
		if err != nil {
			t.Fatal(err)
		}
		type row struct {
			r    *argus.Record
			text string
		}
		var rows []row
		texts := raLines(t, "ra", file, name)
		for i, r := range kept(t, stream) {
			rows = append(rows, row{r, texts[i]})
		}
		slices.SortStableFunc(rows, func(a, b row) int { return order.Compare(a.r, b.r) })
		want := raLines(t, "rasort", file, name, "-m", key)
		none := func(text string) bool { return text == "" || text == "0" || strings.HasPrefix(text, "0x") } // to rasort the same; ICMP has no ports
		rows = slices.DeleteFunc(rows, func(r row) bool { return none(r.text) })
		want = slices.DeleteFunc(want, none)
		if len(want) != len(rows) {
			t.Fatalf("%s: %d rows, rasort has %d", key, len(rows), len(want))
		}
		differ, at := 0, 0
		for i := range rows {
			if rows[i].text != want[i] && !masked(key, rows[i].text, want[i]) && !equalIn32(rows[i].text, want[i]) {
				if differ++; differ == 1 {
					at = i
				}
			}
		}
		if differ > 0 {
			t.Errorf("%s: %d of %d rows stand elsewhere, the first is row %d: we %s, rasort %s", key, differ, len(rows), at, rows[at].text, want[at])
		}
	}
	t.Logf("judge: rasort: %d records in %d orders", len(kept(t, stream)), len(sortKeys))
}

// masked tells whether two addresses are the same as far as the key counts them.
func masked(key, a, b string) bool {
	_, length, ok := strings.Cut(key, "/")
	if !ok {
		return false
	}
	n, _ := strconv.Atoi(length)
	x, y := strings.Split(a, "."), strings.Split(b, ".")
	return len(x) == 4 && len(y) == 4 && slices.Equal(x[:n/8], y[:n/8])
}

// equalIn32 tells whether numbers with a fraction are one for those who reckon with 32 bits.
func equalIn32(a, b string) bool {
	v, err := strconv.ParseFloat(a, 64)
	w, werr := strconv.ParseFloat(b, 64)
	return err == nil && werr == nil && v < 1e9 && strings.Contains(a, ".") && max(v-w, w-v) <= 1e-4*max(v, w)
}

// orderStream are IPv4 records.
func orderStream(t *testing.T) []byte {
	t.Helper()
	p := newPipeline(flow.DefaultConfig())
	p.enc.Version = argus.V3
	p.read(t, pcap(t, "arkime__arkime_synthetic.pcap"))
	return sensible(t, p.out, []string{"matrix"})
}

func kept(t *testing.T, stream []byte) (records []*argus.Record) {
	t.Helper()
	for r, err := range argus.Records(stream) {
		if err != nil {
			t.Fatal(err)
		}
		if r.Kind == argus.KindFlow {
			one := *r
			records = append(records, &one)
		}
	}
	return records
}

func raLines(t *testing.T, tool, file, columns string, args ...string) (lines []string) {
	t.Helper()
	all := append([]string{"-F", "/dev/null", "-n", "-n", "-u", "-c", ",", "-L", "-1", "-r", file, "-s", columns}, append(args, "-", "not", "man")...)
	out, err := exec.Command(debian(t, tool), all...).Output()
	if err != nil {
		t.Fatalf("%s %v: %v", tool, all, err)
	}
	for line := range strings.Lines(string(out)) {
		lines = append(lines, strings.TrimSpace(line))
	}
	return lines
}

// TestCountLikeRacount compares the sums, and those of each protocol.
func TestCountLikeRacount(t *testing.T) {
	stream := orderStream(t)
	file := filepath.Join(t.TempDir(), "in.arg")
	if err := os.WriteFile(file, stream, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(debian(t, "racount"), "-F", "/dev/null", "-M", "proto", "-r", file).Output()
	if err != nil {
		t.Fatal(err)
	}
	want := map[string][]uint64{} // by what it sums up: records, all packets, of the source, of the destination, and octets likewise
	for line := range strings.Lines(string(out)) {
		if f := strings.Fields(line); len(f) == 8 {
			for _, text := range f[1:] {
				n, _ := strconv.ParseUint(text, 10, 64)
				want[f[0]] = append(want[f[0]], n)
			}
		}
	}
	var c cluster.Count
	for r, err := range argus.Records(stream) {
		if err != nil {
			t.Fatal(err)
		}
		c.Add(r)
	}
	row := func(v cluster.Total) []uint64 {
		return []uint64{v.Records, v.Packets[0] + v.Packets[1], v.Packets[0], v.Packets[1], v.Bytes[0] + v.Bytes[1], v.Bytes[0], v.Bytes[1]}
	}
	all := c.Total
	all.Records += c.Other
	if got := row(all); !slices.Equal(got, want["sum"]) {
		t.Errorf("sum: %v, racount %v", got, want["sum"])
	}
	delete(want, "racount") // the titles
	names, protos := map[uint8]string{1: "icmp", 2: "igmp", 4: "ipnip", 47: "gre", 6: "tcp", 17: "udp", 41: "ipv6", 89: "ospf", 103: "pim"}, 0
	for k, v := range c.Protocols() {
		if got := row(v); !slices.Equal(got, want[names[k.Proto]]) {
			t.Errorf("protocol %d: %v, racount %v", k.Proto, got, want[names[k.Proto]])
		}
		protos++
	}
	if protos != len(want)-1 {
		t.Errorf("%d protocols, racount has %d: %v", protos, len(want)-1, want)
	}
}
