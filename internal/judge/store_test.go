package judge

import (
	"bytes"
	"iter"
	"math"
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/klauspost/compress/zstd"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/argus/fields"
	"github.com/argus-endpoint/argus-endpoint/collector/store"
	"github.com/argus-endpoint/argus-endpoint/flow"
)

// TestStorePrintsWhatTheStreamPrints puts the records of every capture, with user data, hash and a label, into a store: there each must
// print, with all fields, as it does from the agent's stream.
func TestStorePrintsWhatTheStreamPrints(t *testing.T) {
	config := flow.DefaultConfig()
	config.UserData = 24
	stream := newStoreStream(t)
	for _, row := range corpus(t) {
		p := newPipeline(config)
		p.dec.DNSTransactions, p.enc.FlowHash = true, true
		p.enc.Label = []byte(`{"capture":"` + row["file"] + `"}`)
		p.read(t, pcap(t, row["file"]))
		stream.add(p.out)
	}
	inStream := map[uint32][]byte{}
	for r := range stream.records() {
		inMicroseconds(&r.Flow)
		inStream[r.Sequence] = line(t, r)
	}
	records, different := len(inStream), 0
	for r := range stream.stored() {
		want, ok := inStream[r.Sequence]
		if got := line(t, r); !ok || !bytes.Equal(got, want) {
			if different++; different <= 3 {
				t.Errorf("record %d\nin the store  %s\nin the stream %s", r.Sequence, got, want)
			}
		}
		delete(inStream, r.Sequence)
	}
	if len(inStream) > 0 || records == 0 {
		t.Errorf("%d of %d records are not in the store", len(inStream), records)
	}
	t.Logf("judge: store: %d records of the corpus, all %d fields: %d print as from the stream, but for the fractions of microseconds between packets",
		records, len(fields.All().Names()), records-different)
}

// inMicroseconds makes the times between packets what the store keeps of them: whole microseconds, of one or two the mean and the deviation.
func inMicroseconds(f *flow.Record) {
	for i := range f.Side {
		for _, v := range []*flow.Intervals{&f.Side[i].Active, &f.Side[i].Idle} {
			for _, x := range []*float32{&v.Mean, &v.StdDev, &v.Min, &v.Max} {
				*x = float32(math.Floor(float64(*x) + 0.5))
			}
			if v.N <= 2 {
				v.Min, v.Max = v.Mean-v.StdDev, v.Mean+v.StdDev
			}
		}
	}
}

// line returns all fields of a record, as JSON.
func line(t *testing.T, r *argus.Record) []byte {
	var b bytes.Buffer
	p := fields.NewJSON(&b, nil, fields.DefaultStyle())
	if err := p.Print(r); err != nil {
		t.Fatal(err)
	}
	if err := p.Flush(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// storeStream is what one agent has sent.
type storeStream struct {
	t       *testing.T
	monitor uuid.UUID
	next    uint64
	chunks  [][]byte // a few hundred records each, numbered from 1 on
}

func newStoreStream(t *testing.T) *storeStream {
	return &storeStream{t: t, monitor: newPipeline(flow.DefaultConfig()).enc.Monitor, next: 1}
}

// add takes records as an encoder made them.
func (s *storeStream) add(records []byte) {
	n, err := argus.Number(records, s.next)
	if err != nil {
		s.t.Fatal(err)
	}
	s.next += uint64(n)
	for from, at := 0, 0; at < len(records); {
		at += int(records[at+2])<<10 | int(records[at+3])<<2
		if at-from > 64<<10 || at == len(records) {
			s.chunks = append(s.chunks, records[from:at])
			from = at
		}
	}
}

func (s *storeStream) records() iter.Seq[*argus.Record] {
	return func(yield func(*argus.Record) bool) {
		for _, c := range s.chunks {
			for r, err := range argus.Records(c) {
				if err != nil {
					s.t.Fatal(err)
				}
				if !yield(r) {
					return
				}
			}
		}
	}
}

// bucket returns a store that holds all.
func (s *storeStream) bucket() store.Bucket {
	dir := s.t.TempDir()
	b, err := store.OpenBucket(dir)
	if err != nil {
		s.t.Fatal(err)
	}
	w, _, err := store.Open(s.t.Context(), b, 0, store.Config{})
	if err != nil {
		s.t.Fatal(err)
	}
	zip, err := zstd.NewWriter(nil)
	if err != nil {
		s.t.Fatal(err)
	}
	enc, next := argus.Encoder{Version: argus.V5, Monitor: s.monitor, Interface: "eth0"}, uint64(1)
	for _, c := range s.chunks {
		n := uint64(0)
		for range argus.Records(c) {
			n++
		}
		body := enc.AppendManagement(nil, &argus.Management{Cause: flow.CauseStart, Sequence: uint32(next)})
		full, err := w.Add(&store.Batch{Monitor: s.monitor, Epoch: 1, First: next, Last: next + n - 1, Received: time.Now(),
			Body: zip.EncodeAll(append(body, c...), nil)})
		if err == nil && full {
			err = w.Commit(s.t.Context())
		}
		if err != nil {
			s.t.Fatal(err)
		}
		next += n
	}
	if err := w.Commit(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		s.t.Fatal(err)
	}
	return b
}

// stored puts all into a store and lends what comes out.
func (s *storeStream) stored() iter.Seq[*argus.Record] {
	b := s.bucket()
	return func(yield func(*argus.Record) bool) {
		v, err := store.OpenView(s.t.Context(), b)
		if err != nil {
			s.t.Fatal(err)
		}
		defer v.Close()
		for r, err := range v.Scan(store.Query{}) {
			if err != nil {
				s.t.Fatal(err)
			}
			if !yield(r) {
				return
			}
		}
	}
}
