package main

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/collector"
	"github.com/argus-endpoint/argus-endpoint/collector/store"
	"github.com/argus-endpoint/argus-endpoint/flow"
	"github.com/argus-endpoint/argus-endpoint/internal/reader"
	"github.com/argus-endpoint/argus-endpoint/uplink/wire"
	"github.com/gofrs/uuid/v5"
	"github.com/klauspost/compress/zstd"
)

var (
	host  = uuid.Must(uuid.FromString("01234567-89ab-cdef-0123-456789abcdef"))
	other = uuid.Must(uuid.FromString("fedcba98-89ab-cdef-0123-456789abcdef"))
	begin = time.Date(2026, 11, 21, 20, 10, 0, 0, time.UTC)
)

// fill puts ten reports of one flow a minute apart into a store, and one flow to port 22, for each of two hosts.
func fill(t *testing.T) (state string) {
	t.Helper()
	state = filepath.Join(t.TempDir(), "state")
	zip, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	b, err := store.OpenBucket((&collector.Place{State: state}).StoreLocation())
	if err != nil {
		t.Fatal(err)
	}
	s, _, err := store.Open(t.Context(), b, 0, store.Config{})
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []uuid.UUID{host, other} {
		enc := argus.Encoder{Monitor: id, Interface: "eth0"}
		var b []byte
		for i := range 11 {
			f := flow.Record{ID: 7, Start: begin.UnixNano(), Cause: flow.CauseStatus, Initiator: flow.InitiatorGuessed}
			f.Family, f.Proto, f.SrcPort, f.DstPort = flow.FamilyIPv4, flow.ProtoUDP, 4000, 53
			copy(f.Src[:], []byte{10, 0, 0, 1})
			copy(f.Dst[:], []byte{10, 0, 0, 2})
			at := begin.Add(time.Duration(i) * time.Minute).UnixNano()
			f.Side[0] = flow.Side{Packets: 1, Bytes: 100, IPBytes: 86, Payload: 58, First: at, Last: at, TTL: 64}
			f.Side[0].Active = flow.Intervals{N: 1, Min: 6e7, Mean: 6e7, Max: 6e7}
			copy(f.History[:], "D")
			if i == 10 {
				f.ID, f.DstPort = 8, 22
			}
			b = enc.AppendFlow(b, &f)
		}
		if _, err := argus.Number(b, 1); err != nil {
			t.Fatal(err)
		}
		b = append(enc.AppendManagement(nil, &argus.Management{Cause: flow.CauseStart}), b...)
		if _, err := s.Add(&store.Batch{Monitor: id, Epoch: wire.Epoch(1), First: 1, Last: 11, Received: begin, Body: zip.EncodeAll(b, nil)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return state
}

func TestFlowsFromTheStore(t *testing.T) {
	state := fill(t)
	for _, c := range []struct {
		args string
		want int
	}{
		{"--json", 22},
		{"--json --host " + host.String(), 11},
		{"--json port 22", 2},
		{"--json not port 22 and host 10.0.0.2", 20},
		{"--json - udp", 22},
		{"--json tcp", 0},
		{"--json -N 5", 5},
		{"--json --since 2026-11-21T20:15:00Z", 12},
		{"--json --since 2026-11-21T20:15:00Z --until 2026-11-21T20:17:00Z", 4},
		{"--json --aggregate", 4},
		{"", 23}, // with a line of titles
		{"--csv -s saddr,dport", 23},
	} {
		out, errs, code := program(t, append([]string{"flows", "--state", state}, strings.Fields(c.args)...)...)
		if n := strings.Count(out, "\n"); code != 0 || errs != "" || n != c.want {
			t.Errorf("flows %s: exit %d, %d lines, %q; want %d lines", c.args, code, n, errs, c.want)
		}
	}
	out, errs, _ := program(t, "flows", "--state", state, "--csv", "-N", "1", "-s", "conn_state,history,sintpkt,sjit", "port", "22")
	if _, row, _ := strings.Cut(out, "\n"); row != "S0,D,60000.000000,0.000000\n" {
		t.Errorf("what the meter tells of a flow is printed as %q, %s", row, errs)
	}
	out, _, _ = program(t, "flows", "--state", state, "--json", "--aggregate", "--host", host.String(), "port", "53")
	var sum struct {
		Packets int    `json:"spkts"`
		Bytes   int    `json:"sbytes"`
		IPBytes int    `json:"sipbytes"`
		Src     string `json:"saddr"`
	}
	if err := json.Unmarshal([]byte(out), &sum); err != nil || sum.Packets != 10 || sum.Bytes != 1000 || sum.IPBytes != 860 || sum.Src != "10.0.0.1" {
		t.Errorf("aggregated: %+v, %v in %s", sum, err, out)
	}
}

// TestFilterIsPushedDown: the store looks for what the filter needs, and finds the same flows.
func TestFilterIsPushedDown(t *testing.T) {
	o := flowsOptions{place: &collector.Place{State: fill(t)}}
	for filter, want := range map[string]int{"udp and port 22": 2, "host 10.0.0.2": 22, "host 10.0.0.3": 0, "tcp": 0, "not port 22": 20, "net 10.0.0.0/8 and (port 22 or port 53)": 22} {
		q, err := o.query(strings.Fields(filter), begin)
		if err != nil {
			t.Fatal(err)
		}
		if (q.Hosts == nil && q.Ports == nil && q.Protos == nil) != (filter == "not port 22") {
			t.Errorf("%q: %v %v %v", filter, q.Hosts, q.Ports, q.Protos)
		}
		v, err := o.place.OpenView(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, err := range v.Scan(q) {
			if err != nil {
				t.Fatal(err)
			}
			n++
		}
		if v.Close(); n != want {
			t.Errorf("%q: %d flows, want %d", filter, n, want)
		}
	}
}

// TestFlowsSayWhatIsWrong: the place that has no flows is named, and one that cannot be is no empty folder.
func TestFlowsSayWhatIsWrong(t *testing.T) {
	state := t.TempDir()
	for _, c := range []struct{ store, want string }{{"", "nothing is stored in " + filepath.Join(state, "store")}, {"gs://bucket", "neither a folder nor s3://"}} {
		o := flowsOptions{place: &collector.Place{State: state, Store: c.store}}
		err := o.readStore(t.Context(), &store.Query{}, &reader.Sink{})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("store %q: %v, want %s", c.store, err, c.want)
		}
	}
}
