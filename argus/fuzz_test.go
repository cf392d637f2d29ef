package argus

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/argus-endpoint/argus-endpoint/flow"
)

// seed adds the streams of testdata, and the records in them one by one, so that a mutation hits one.
func seed(f *testing.F) {
	files, err := filepath.Glob("testdata/*.arg")
	if err != nil || len(files) == 0 {
		f.Fatalf("no seeds in testdata: %v", err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
		for r, err := range Records(b) {
			if err != nil {
				f.Fatal(err)
			}
			f.Add(r.Raw)
		}
	}
}

// FuzzRecords: whatever the bytes, Records and Reader agree up to a header without a length, which Reader passes over, lend only
// what is in them and end with io.EOF or ErrFormat.
func FuzzRecords(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		rd := NewReader(bytes.NewReader(b))
		total := 0
		for r, err := range Records(b) {
			other, otherErr := rd.Next()
			if rd.PassedOver() > 0 {
				for otherErr == nil {
					_, otherErr = rd.Next()
				}
				if otherErr != io.EOF && !errors.Is(otherErr, ErrFormat) {
					t.Fatal(otherErr)
				}
				return
			}
			if (err == nil) != (otherErr == nil) {
				t.Fatalf("Records says %v, Reader says %v", err, otherErr)
			}
			if err != nil {
				if !errors.Is(err, ErrFormat) || !errors.Is(otherErr, ErrFormat) {
					t.Fatalf("errors %v, %v", err, otherErr)
				}
				return
			}
			if !bytes.Equal(r.Raw, other.Raw) || !reflect.DeepEqual(r.Flow, other.Flow) {
				t.Fatalf("Records and Reader differ: %+v %+v", r, other)
			}
			total += len(r.Raw)
			if len(r.Label) > len(r.Raw) || len(r.Event.Data) > len(r.Raw) || r.Unknown+r.Skipped > len(r.Raw)/4 {
				t.Fatalf("%+v", r)
			}
		}
		if _, err := rd.Next(); err != io.EOF || total != len(b) {
			t.Fatalf("%d of %d bytes read, end %v", total, len(b), err)
		}
	})
}

// FuzzRoundTrip: what an Encoder writes of any flow record, however odd, reads back as what it would write again.
func FuzzRoundTrip(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		for r, err := range Records(b) {
			if err != nil {
				return
			}
			switch r.Kind {
			case KindFlow:
				roundTrip(t, &r.Flow, r.Label, V5)
				roundTrip(t, &r.Flow, r.Label, V3)
			case KindManagement:
				var e Encoder
				again := e.AppendManagement(nil, &r.Management)
				if got := one(t, again); !bytes.Equal(e.AppendManagement(nil, &got.Management), again) {
					t.Fatalf("management record % x", again)
				}
			case KindEvent:
				var e Encoder
				again := e.AppendEvent(nil, &r.Event)
				if got := one(t, again); !bytes.Equal(e.AppendEvent(nil, &got.Event), again) {
					t.Fatalf("event record % x", again)
				}
			}
		}
	})
}

func roundTrip(t *testing.T, r *flow.Record, label []byte, v Version) {
	t.Helper()
	e := Encoder{Version: v, Monitor: sampleHost, Interface: "eth0", Label: label}
	first := e.AppendFlow(nil, r)
	got := one(t, first)
	e.Label = got.Label
	if second := e.AppendFlow(nil, &got.Flow); !bytes.Equal(first, second) {
		t.Fatalf("v%d:\n% x\n% x\n%+v", v, first, second, *r)
	}
	if got.Unknown != 0 || !got.Extension() {
		t.Fatalf("v%d: what we wrote is not understood: %+v", v, got)
	}
}

// FuzzAppendRecord: any record is written once more in either version, as it stood and from its fields, as one record that means
// the same to us when it is written again.
func FuzzAppendRecord(f *testing.F) {
	seed(f)
	f.Add(new(Encoder).AppendRecord(nil, addedRecord()))
	f.Add((&Encoder{Version: V3}).AppendRecord(nil, addedRecord()))
	f.Fuzz(func(t *testing.T, b []byte) {
		for r, err := range Records(b) {
			if err != nil {
				return
			}
			for _, v := range []Version{V3, V5} {
				e := Encoder{Version: v}
				for _, fields := range []bool{false, true} {
					in := *r
					if fields {
						in.Raw = nil
					}
					first := e.AppendRecord(nil, &in)
					if len(first) == 0 && in.Kind == KindOther {
						continue
					}
					got := one(t, first)
					if got.Kind != in.Kind || got.Cause != in.Cause || got.Version != v {
						t.Fatalf("v%d, fields %v:\n% x\n% x", v, fields, r.Raw, first)
					}
					if fields && got.Unknown > 0 && got.Kind != KindManagement {
						t.Fatalf("v%d: what we wrote is not understood:\n% x\n% x", v, r.Raw, first)
					}
					if fields {
						got.Raw = nil
					}
					if second := e.AppendRecord(nil, &got); !bytes.Equal(first, second) {
						t.Fatalf("v%d, fields %v:\n% x\n% x\n% x", v, fields, r.Raw, first, second)
					}
				}
			}
		}
	})
}
