package argus

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"testing/iotest"
)

// TestReaderResynchronises: headers that claim no length are passed over word by word, as the readers of Argus do, and counted.
func TestReaderResynchronises(t *testing.T) {
	stream := sampleStream(V3)
	var records [][]byte
	for r := range Records(stream) {
		records = append(records, r.Raw)
	}
	holed := bytes.Join(records, []byte{0x13, 0x20, 0, 0, 0, 0, 0, 0}) // a header, a word of zeros
	for name, in := range map[string]io.Reader{"at once": bytes.NewReader(holed), "byte by byte": iotest.OneByteReader(bytes.NewReader(holed))} {
		rd := NewReader(in)
		for i, want := range records {
			r, err := rd.Next()
			if err != nil || !bytes.Equal(r.Raw, want) || rd.PassedOver() != 8*i {
				t.Fatalf("%s: record %d: %v, %d octets passed over", name, i, err, rd.PassedOver())
			}
		}
		if _, err := rd.Next(); err != io.EOF {
			t.Errorf("%s: the end is %v", name, err)
		}
	}
	if _, err := NewReader(bytes.NewReader(append(bytes.Clone(stream[:128]), 0, 0))).Next(); err != nil {
		t.Errorf("the record before half a word: %v", err)
	}
}

// TestReaderGivesUp: a peer that sends zeros for ever is no Argus stream.
func TestReaderGivesUp(t *testing.T) {
	rd := NewReader(&endless{b: make([]byte, 1000)})
	if _, err := rd.Next(); !errors.Is(err, ErrFormat) {
		t.Errorf("zeros without end: %v", err)
	}
	if n := rd.PassedOver(); n != maxRecord {
		t.Errorf("%d octets were passed over", n)
	}
	if _, err := rd.Next(); !errors.Is(err, ErrFormat) {
		t.Errorf("after that: %v", err)
	}
}
