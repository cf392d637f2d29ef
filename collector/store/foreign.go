package store

import (
	"bytes"
	"reflect"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/flow"
	"github.com/gofrs/uuid/v5"
)

// fillForeign stores what records have that our agents did not make: the numbers that others added, and the whole record when the
// columns do not say all of it. It comes last.
func (row *Row) fillForeign(r *argus.Record, names *names) {
	if r.Has&argus.HasSequence != 0 {
		row.SeqMore = r.Sequence - uint32(row.Sequence)
	}
	a := &r.Added
	row.SAS, row.DAS = a.AS[0], a.AS[1]
	row.SCO, row.DCO = names.country(a.Country[0]), names.country(a.Country[1])
	if !r.Extension() && !row.says(r) {
		row.Raw = bytes.Clone(r.Raw)
	}
}

func (n *names) country(c [2]byte) string { return n.text(bytes.TrimRight(c[:], "\x00")) }

// says tells whether the columns give back r, but for fractions of a microsecond.
func (row *Row) says(r *argus.Record) bool {
	var back argus.Record
	row.record(&back, 0)
	want := *r
	want.Raw, want.Version, want.Skipped = nil, back.Version, 0 // what is skipped says nothing
	if want.Monitor == (argus.ID{}) || want.Monitor == argus.HostID(want.Monitor.Host()) {
		want.Monitor = back.Monitor
	}
	if want.Has&argus.HasSequence == 0 {
		want.Sequence = back.Sequence
	}
	f := &want.Flow
	want.Label = data(want.Label)
	times := []*int64{&f.Start, &f.TCP.SynAck, &f.TCP.AckDat}
	for i := range f.Side {
		s := &f.Side[i]
		s.Data = data(s.Data)
		times = append(times, &s.First, &s.Last)
		for _, v := range []*flow.Intervals{&s.Active, &s.Idle} {
			for _, t := range []*float32{&v.Min, &v.Mean, &v.StdDev, &v.Max} {
				*t = float32(whole(*t))
			}
		}
	}
	for _, t := range times {
		*t = micro(*t) * 1000
	}
	return reflect.DeepEqual(&back, &want)
}

// foreign gives back a record that is kept whole.
func (row *Row) foreign(r *argus.Record) bool {
	if len(row.Raw) == 0 {
		return false
	}
	for whole, err := range argus.Records(row.Raw) {
		if err != nil {
			return false
		}
		*r = *whole
	}
	r.Raw = nil
	if host, err := uuid.FromString(row.Monitor); err == nil && r.Monitor.Host() != host {
		r.Monitor = argus.HostID(host)
	}
	if r.Has&argus.HasSequence == 0 {
		r.Sequence = uint32(row.Sequence)
	}
	return true
}
