package store

import (
	"bytes"
	"reflect"
	"testing"

	"github.com/klauspost/compress/zstd"
)

// FuzzEntry reads any lines of JSON as a commit: what can be read says the same when it is written again.
func FuzzEntry(f *testing.F) {
	f.Add([]byte(`{"writer":"01234567-89ab-cdef-0123-456789abcdef"}`))
	f.Add([]byte(`{"files":[{"name":"flows/hour=2026-11-21T20/0000-x.parquet","rows":3,"bytes":9,"min_time":1,"max_time":2,"hour":"2026-11-21T20:00:00Z"}]}
{"retired":[{"name":"flows/hour=2026-11-21T20/0000-x.parquet","at":"2026-11-21T20:00:00Z"}],"horizon":"2026-11-21T20:00:00Z"}`))
	f.Add([]byte(`{"marks":[{"monitor":"01234567-89ab-cdef-0123-456789abcdef","epoch":225,"sequence":5,"last":"2026-11-21T20:00:00Z"}],
"heard":[{"monitor":"01234567-89ab-cdef-0123-456789abcdef","state":"AAEC"}]} {"gone":[{"monitor":"01234567-89ab-cdef-0123-456789abcdef","epoch":225}]}`))
	zip, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(1<<20))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, lines []byte) {
		_ = decodeEntry(bytes.NewReader(lines), func(*entry) {}) // as it is: seldom zstd
		st := newState()
		if decodeEntry(bytes.NewReader(zip.EncodeAll(lines, nil)), st.apply) != nil {
			return
		}
		var b bytes.Buffer
		if err := st.entry().encode(&b); err != nil {
			return // a year that JSON cannot say
		}
		again := newState()
		if err := decodeEntry(&b, again.apply); err != nil {
			t.Fatal(err)
		}
		if len(again.files) != len(st.files) || !reflect.DeepEqual(again.sortedMarks(), st.sortedMarks()) || len(again.heard) != len(st.heard) || !again.horizon.Equal(st.horizon) {
			t.Errorf("got  %+v\nwant %+v", again, st)
		}
	})
}

// FuzzLocation: whatever is given as the store's location, there is a bucket or an error.
func FuzzLocation(f *testing.F) {
	for _, s := range []string{"", "store", "s3://b/p?endpoint=h:1&region=r&tls=no", "s3://k:s@b/p", "s3://b?tls=maybe", "s3:///p", "gs://b", "s3://b/%zz"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, location string) {
		b, err := OpenBucket(location)
		if (b == nil) == (err == nil) {
			t.Errorf("bucket %v, error %v", b, err)
		}
	})
}
