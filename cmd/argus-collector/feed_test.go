package main

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/argus/feed"
	"github.com/argus-endpoint/argus-endpoint/collector"
)

// A time range of the store goes to whoever connects, whole and again, in either version, narrowed by both filters.
func TestReplay(t *testing.T) {
	state := fill(t)
	for _, c := range []struct {
		own, theirs  string
		since, until int // minutes after begin
		v3           bool
		want         int
	}{
		{"", "", 0, 60, false, 22},
		{"", "", 0, 60, true, 22},
		{"", "", 2, 5, false, 6},
		{"port 53", "", 0, 60, true, 20},
		{"port 53", "src host 10.0.0.1", 8, 60, false, 4},
		{"", "port 22", 0, 60, true, 2},
		{"port 53", "port 22", 0, 60, false, 0},
	} {
		free, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		addr := free.Addr().String()
		_ = free.Close()
		o := feedOptions{place: &collector.Place{State: state}, since: begin.Add(time.Duration(c.since) * time.Minute).Format(time.RFC3339),
			until: begin.Add(time.Duration(c.until) * time.Minute).Format(time.RFC3339), level: 5}
		version := argus.V5
		if o.feed.V5 = []string{addr}; c.v3 {
			o.feed.V5, o.feed.V3, version = nil, []string{addr}, argus.V3
		}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- o.run(ctx, strings.Fields(c.own)) }()
		src, err := feed.ParseSource(addr)
		if err != nil {
			t.Fatal(err)
		}
		src.Filter = c.theirs
		for range 2 {
			if got := replayed(t, src, version); got != c.want {
				t.Errorf("%+v: %d flows", c, got)
			}
		}
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}

// replayed connects, as soon as the server is there, and counts flows until it has given all.
func replayed(t *testing.T, src feed.Source, version argus.Version) (flows int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	var in io.ReadCloser
	err := error(io.EOF)
	for tick := time.NewTicker(5 * time.Millisecond); err != nil; <-tick.C {
		if in, err = feed.Open(ctx, src); ctx.Err() != nil {
			t.Fatal(err)
		}
	}
	defer in.Close()
	records := argus.NewReader(in)
	for {
		r, err := records.Next()
		if err == io.EOF {
			return flows
		}
		if err != nil {
			t.Fatal(err)
		}
		if r.Version != version {
			t.Errorf("a record of version %d", r.Version)
		}
		if r.Kind == argus.KindFlow {
			flows++
			if id, _ := r.Monitor.UUID(); version == argus.V5 && (id != host && id != other || string(r.InterfaceName()) != "eth0") {
				t.Errorf("it is of %v %q", r.Monitor, r.InterfaceName())
			}
		}
	}
}

func TestFeedMistakes(t *testing.T) {
	for args, want := range map[string]string{
		"feed --feed 99999":             "99999",
		"feed --until 1h":               "--since",
		"feed --since never":            "15m, 2h or 3d",
		"feed --since 1h --until 2h":    "not before",
		"feed --feed-cert x --feed 1":   "--feed-key",
		"run --feed host:port:x":        "host:port:x",
		"feed --since 1h colour purple": "colour",
	} {
		if _, errs, code := program(t, append(strings.Fields(args), "--state", t.TempDir())...); code != 2 || !strings.Contains(errs, want) {
			t.Errorf("%s: exit %d, %q", args, code, errs)
		}
	}
	if _, errs, code := program(t, "feed", "--feed", "0", "--state", t.TempDir()); code != 1 || !strings.Contains(errs, "no collector is running") {
		t.Errorf("exit %d, %q", code, errs)
	}
}

// The table tells the UUID of each srcid that a stream of version 3 has.
func TestHostsSrcid(t *testing.T) {
	state := fill(t)
	out, errs, code := program(t, "hosts", "srcid", "--state", state)
	if code != 0 || errs != "" || strings.Count(out, "\n") != 2 {
		t.Fatalf("exit %d\n%s%s", code, out, errs)
	}
	asJSON, _, _ := program(t, "hosts", "srcid", "--json", "--state", state)
	for in := json.NewDecoder(strings.NewReader(asJSON)); in.More(); {
		var s srcid
		if err := in.Decode(&s); err != nil {
			t.Fatal(err)
		}
		enc := argus.Encoder{Version: argus.V3, Monitor: s.Monitor}
		for r, err := range argus.Records(enc.AppendManagement(nil, &argus.Management{Cause: 0x10})) {
			if err != nil || r.Monitor.String() != s.SrcID.String() {
				t.Errorf("%v is %v in a stream, %v in the table", s.Monitor, r.Monitor, s.SrcID)
			}
		}
		if want := s.SrcID.String() + "\t" + s.Monitor.String(); !strings.Contains(out, want) {
			t.Errorf("%q is not in\n%s", want, out)
		}
	}
	a := collector.Host{Monitor: argus.ID{Kind: 1, Bytes: [16]byte{192, 0, 2, 7}}.Host(), Name: "sensor"}
	if got := srcids([]collector.Host{a}); got[0].SrcID != netip.MustParseAddr("192.0.2.7") {
		t.Errorf("a sensor of version 3 is %v", got)
	}
}
