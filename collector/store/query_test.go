package store

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/flow"
	"github.com/parquet-go/parquet-go"
)

// metered is a bucket that counts what is read of its data files.
type metered struct {
	Bucket
	files, octets atomic.Int64
}

func (m *metered) Open(ctx context.Context, name string) (Object, error) {
	o, err := m.Bucket.Open(ctx, name)
	m.files.Add(1)
	return &meteredObject{o, m}, err
}

type meteredObject struct {
	Object
	m *metered
}

func (o *meteredObject) ReadAt(b []byte, at int64) (n int, err error) {
	n, err = o.Object.ReadAt(b, at)
	o.m.octets.Add(int64(n))
	return n, err
}

// TestQueriesChooseAsMatchDoes asks for the same by what is pushed down to the files and by looking at every record.
func TestQueriesChooseAsMatchDoes(t *testing.T) {
	dir := memoryDir(t)
	s, _ := fleet(t, folder(dir), 4, 6)
	defer s.Close()
	at := func(seconds int) time.Time { return start.Add(time.Duration(seconds) * time.Second) }
	in := func(p netip.Prefix, r *argus.Record) bool {
		return p.Contains(r.Flow.SrcAddr()) || p.Contains(r.Flow.DstAddr())
	}
	one, net, nowhere := netip.MustParsePrefix("10.1.0.53/32"), netip.MustParsePrefix("10.1.0.2/31"), netip.MustParsePrefix("203.0.113.9/32")
	queries := map[string]struct {
		Query
		match func(*argus.Record) bool
	}{
		"address":  {Query{Hosts: []netip.Prefix{one}}, func(r *argus.Record) bool { return in(one, r) }},
		"network":  {Query{Hosts: []netip.Prefix{net, nowhere}}, func(r *argus.Record) bool { return in(net, r) }},
		"nowhere":  {Query{Hosts: []netip.Prefix{nowhere}}, func(r *argus.Record) bool { return false }},
		"port":     {Query{Ports: []uint16{22, 53}}, func(r *argus.Record) bool { return slices.Contains([]uint16{22, 53}, r.Flow.DstPort) }},
		"protocol": {Query{Protos: []uint8{1}}, func(r *argus.Record) bool { return r.Flow.Proto == flow.ProtoICMP }},
		"large": {Query{Ranges: []Range{{[2]string{"sbytes", "dbytes"}, 500, math.Inf(1)}, {[2]string{"spkts", ""}, 2, 20}}}, func(r *argus.Record) bool {
			s, d := &r.Flow.Side[0], &r.Flow.Side[1]
			return (s.Bytes >= 500 || d.Bytes >= 500) && s.Packets >= 2 && s.Packets <= 20
		}},
		"long": {Query{Ranges: []Range{{[2]string{"dur", ""}, 0.01, math.Inf(1)}, {[2]string{"nosuchcolumn", ""}, 1, 1}, {[2]string{"sport", "nosuchcolumn"}, 1, 1}}}, func(r *argus.Record) bool {
			first, last := r.Flow.Span()
			return last-first >= 1e7
		}},
		"ports": {Query{Ranges: []Range{{[2]string{"sport", "dport"}, 50, 60}}}, func(r *argus.Record) bool {
			return r.Flow.SrcPort >= 50 && r.Flow.SrcPort <= 60 || r.Flow.DstPort >= 50 && r.Flow.DstPort <= 60
		}},
		"none so large": {Query{Ranges: []Range{{[2]string{"sbytes", "dbytes"}, 1e15, math.Inf(1)}}}, func(r *argus.Record) bool { return false }},
		"time": {Query{Since: at(3), Until: at(6)}, func(r *argus.Record) bool {
			first, last := r.Flow.Span()
			return last >= at(3).UnixNano() && first < at(6).UnixNano()
		}},
		"all": {Query{Since: at(2), Hosts: []netip.Prefix{net}, Protos: []uint8{6, 17}, Ports: []uint16{443}, Monitor: newHost(t, 2).id}, func(r *argus.Record) bool {
			_, last := r.Flow.Span()
			id, _ := r.Monitor.UUID()
			return last >= at(2).UnixNano() && in(net, r) && r.Flow.DstPort == 443 && r.Flow.Proto != 1 && id == newHost(t, 2).id
		}},
	}
	for _, files := range []string{"fresh", "merged"} {
		for name, q := range queries {
			got, want := scanned(t, view(t, dir), q.Query), scanned(t, view(t, dir), Query{Match: q.match})
			if len(got) != len(want) || len(want) == 0 && name != "nowhere" && name != "none so large" {
				t.Fatalf("%s, %s: %d records, want %d", files, name, len(got), len(want))
			}
			for i := range got {
				if !reflect.DeepEqual(got[i], want[i]) && fmt.Sprint(got[i]) != fmt.Sprint(want[i]) { // which takes long
					t.Fatalf("%s, %s: %v, want %v", files, name, got[i], want[i])
				}
			}
		}
		compactAll(t, s)
	}
}

// TestPartsAreThoseOfTheWhole: what a query asks for of a record is as in the whole record, and the rest is zero.
func TestPartsAreThoseOfTheWhole(t *testing.T) {
	dir := t.TempDir()
	s, _ := fleet(t, folder(dir), 2, 2)
	defer s.Close()
	whole := scanned(t, view(t, dir), Query{})
	for parts := Parts(1); parts < 8; parts++ {
		for i, got := range scanned(t, view(t, dir), Query{Parts: parts}) {
			want := part(&whole[i], parts)
			if parts&PartKey == 0 { // a query may need it to choose
				got.Flow.Key, got.Interface, got.Flow.Initiator = want.Flow.Key, want.Interface, want.Flow.Initiator
			}
			if !reflect.DeepEqual(got, want) {
				t.Fatalf("parts %d, record %d:\n%+v, want\n%+v", parts, i, got, want)
			}
		}
	}
}

// part returns what a query for parts has to give of r.
func part(r *argus.Record, parts Parts) (p argus.Record) {
	p = argus.Record{Kind: r.Kind, Version: r.Version, Cause: r.Cause, Sequence: r.Sequence, Monitor: r.Monitor}
	p.Flow.Cause, p.Flow.End, p.Flow.ID = r.Flow.Cause, r.Flow.End, r.Flow.ID
	if parts&PartKey != 0 {
		p.Interface, p.Flow.Key, p.Flow.Initiator = r.Interface, r.Flow.Key, r.Flow.Initiator
	}
	if parts&PartTimes != 0 {
		p.Flow.Start = r.Flow.Start
	}
	for i := range r.Flow.Side {
		from, to := &r.Flow.Side[i], &p.Flow.Side[i]
		if parts&PartTimes != 0 {
			to.First, to.Last, to.Packets = from.First, from.Last, from.Packets
		}
		if parts&PartCounts != 0 {
			to.Packets, to.Bytes, to.IPBytes, to.Payload = from.Packets, from.Bytes, from.IPBytes, from.Payload
		}
	}
	return p
}

// TestQueriesReadLittle: of a host only its pages are read, of a projection only its columns, and nothing where the filters say no.
func TestQueriesReadLittle(t *testing.T) {
	uncompressed(t)
	dir := memoryDir(t)
	s := open(t, dir)
	defer s.Close()
	for n := range 100 {
		h := newHost(t, n)
		for range 2 {
			add(t, s, h.batch(t, 250, 0))
		}
		if n%20 == 19 {
			commit(t, s)
		}
	}
	compactAll(t, s)
	var size int64
	for _, f := range s.files() {
		if !f.Events {
			size += f.Bytes
		}
	}
	for name, q := range map[string]struct {
		Query
		rows   int
		atMost float64 // of the octets of the files
	}{
		"everything":    {Query{}, 49_800, 1.3},
		"a host":        {Query{Monitor: newHost(t, 42).id}, 498, 0.3},
		"no host":       {Query{Monitor: newHost(t, 4200).id}, 0, 0.001},
		"no address":    {Query{Hosts: []netip.Prefix{netip.MustParsePrefix("203.0.113.77/32")}}, 0, 0.02},
		"none so large": {Query{Ranges: []Range{{[2]string{"sbytes", "dbytes"}, 1e15, math.Inf(1)}}}, 0, 0.005},
		"counts":        {Query{Parts: PartKey | PartCounts}, 49_800, 0.5},
	} {
		m := &metered{Bucket: folder(dir)}
		v, err := OpenView(t.Context(), m)
		if err != nil {
			t.Fatal(err)
		}
		m.octets.Store(0)
		rows := 0
		for _, err := range v.Scan(q.Query) {
			if err != nil {
				t.Fatal(err)
			}
			rows++
		}
		share := float64(m.octets.Load()) / float64(size)
		t.Logf("%s: %d rows, %.2f %% of the octets", name, rows, share*100)
		if rows != q.rows || share > q.atMost {
			t.Errorf("%s: %d rows, %.4f of the octets, want %d and at most %.4f", name, rows, share, q.rows, q.atMost)
		}
	}
}

// TestABusyHostComesInTheOrderOfTime: its rows are more than are held at once, and stand in the file by protocol.
func TestABusyHostComesInTheOrderOfTime(t *testing.T) {
	uncompressed(t)
	dir := memoryDir(t)
	s := open(t, dir)
	defer s.Close()
	h, quiet := newHost(t, 1), newHost(t, 2)
	const batches = 40
	for range batches {
		full, err := s.Add(h.batch(t, 1000, 0))
		if err != nil {
			t.Fatal(err)
		}
		if full {
			add(t, s, quiet.batch(t, 100, 0))
			commit(t, s)
		}
	}
	commit(t, s)
	compactAll(t, s)
	hours := map[time.Time]bool{}
	last, rows := int64(0), 0
	for r, err := range view(t, dir).Scan(Query{Monitor: h.id, Protos: []uint8{6, 17}}) {
		if err != nil {
			t.Fatal(err)
		}
		first, _ := r.Flow.Span()
		if first < last {
			t.Fatalf("row %d is before the one that it follows", rows)
		}
		last = first
		hours[time.Unix(0, first).Truncate(time.Hour)] = true
		rows++
	}
	if want := len(scanned(t, view(t, dir), Query{Monitor: h.id, Match: func(r *argus.Record) bool { return r.Flow.Proto != 1 }})); rows != want || rows < MaxPending {
		t.Errorf("%d rows, want %d", rows, want)
	}
	if largest := slices.MaxFunc(s.files(), func(a, b File) int { return int(a.Rows - b.Rows) }); len(hours) > 2 || largest.Rows < MaxPending {
		t.Errorf("%d hours, %d rows in the largest file: the test does not test", len(hours), largest.Rows)
	}
}

// TestWindows: they have every row once, are in the order of time, and not too large.
func TestWindows(t *testing.T) {
	rnd := rand.New(rand.NewPCG(7, 8))
	for name, next := range map[string]func(i int) int64{
		"protocols": func(i int) int64 { return int64(i % 60_000) },
		"one time":  func(int) int64 { return 7 },
		"falling":   func(i int) int64 { return int64(-i) },
		"any":       func(int) int64 { return rnd.Int64N(1000) },
	} {
		var rows []stimeRow
		for i := range 150_000 {
			rows = append(rows, stimeRow{next(i)})
		}
		var b bytes.Buffer
		if err := parquet.Write(&b, rows, parquet.MaxRowsPerRowGroup(40_000)); err != nil {
			t.Fatal(err)
		}
		f, err := parquet.OpenFile(bytes.NewReader(b.Bytes()), int64(b.Len()))
		if err != nil {
			t.Fatal(err)
		}
		const from = 10
		seen, last := make([]bool, len(rows)), int64(math.MinInt64)
		for spans, err := range (run{span: span{from, int64(len(rows))}}).windows(f) {
			if err != nil {
				t.Fatal(err)
			}
			n, latest := 0, last
			for _, p := range spans {
				for i := p.from; i < p.to; i++ {
					if seen[i] || rows[i].STime < last {
						t.Fatalf("%s: row %d again, or too late", name, i)
					}
					seen[i], latest = true, max(latest, rows[i].STime)
					n++
				}
			}
			if last = latest; name == "any" || name == "one time" { // many have the last time of a window
				last--
			}
			if n > 2*MaxPending {
				t.Errorf("%s: %d rows at once", name, n)
			}
		}
		if slices.Index(seen[from:], false) >= 0 || slices.Contains(seen[:from], true) {
			t.Errorf("%s: a row is missing, or too many", name)
		}
	}
}

// TestARunGoesOnInTheNextGroup: the rows of a monitor are one run, wherever the groups of the file end.
func TestARunGoesOnInTheNextGroup(t *testing.T) {
	var rows []monitorRow
	want := []run{{newHost(t, 0).id.String(), span{0, 25}}, {newHost(t, 1).id.String(), span{25, 26}}, {newHost(t, 2).id.String(), span{26, 60}}}
	for _, r := range want {
		for range r.to - r.from {
			rows = append(rows, monitorRow{r.monitor})
		}
	}
	var b bytes.Buffer
	if err := parquet.Write(&b, rows, parquet.MaxRowsPerRowGroup(10)); err != nil {
		t.Fatal(err)
	}
	f, err := parquet.OpenFile(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range []Query{{}, {Monitor: newHost(t, 2).id}, {Monitor: newHost(t, 3).id}} {
		var got []run
		for r, err := range q.runs(f) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, r)
		}
		of := slices.DeleteFunc(slices.Clone(want), func(r run) bool { return !q.Monitor.IsNil() && r.monitor != q.Monitor.String() })
		if !slices.Equal(got, of) {
			t.Errorf("monitor %v: %v, want %v", q.Monitor, got, of)
		}
	}
}
