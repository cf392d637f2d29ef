package argus

import (
	"bytes"
	"compress/zlib"
	"os"
	"testing"

	"github.com/argus-endpoint/argus-endpoint/flow"
)

func TestEvent(t *testing.T) {
	for _, size := range []int{0, 1, 30, 4096, maxData, maxData + 1} {
		e := Encoder{Monitor: sampleHost}
		b := e.AppendEvent(nil, &Event{Cause: flow.CauseStatus, Start: base, End: base + 5000, Data: bytes.Repeat([]byte("x"), size)})
		got := one(t, b)
		if got.Kind != KindEvent || len(got.Event.Data) != min(size, maxData) || got.Event.End != base+5000 || string(got.InterfaceName()) != "evt0" {
			t.Errorf("%d bytes: kind %d, %d bytes of data, %s", size, got.Kind, len(got.Event.Data), got.InterfaceName())
		}
	}
}

// TestPackedEvent reads what argus 3.0.8 wrote with ARGUS_EVENT_DATA="prog:/usr/bin/uptime:1s:compress"; raevent prints the same text.
func TestPackedEvent(t *testing.T) {
	b, err := os.ReadFile("testdata/event_packed_v3.arg")
	if err != nil {
		t.Fatal(err)
	}
	const want = "prog:/usr/bin/uptime\n 06:39:41 up  9:45,  0 user,  load average: 10.57, 6.36, 3.36\n"
	for _, v := range []Version{V3, V5} {
		for _, fields := range []bool{false, true} {
			r := one(t, b)
			if fields {
				r.Raw = nil
			}
			r = one(t, (&Encoder{Version: v}).AppendRecord(nil, &r))
			if text, err := r.Event.Text(); err != nil || string(text) != want || len(r.Event.Data) > 0 || r.Unknown > 0 {
				t.Errorf("v%d: %q, %v", v, text, err)
			}
		}
	}
	bomb := new(bytes.Buffer)
	z := zlib.NewWriter(bomb)
	z.Write(make([]byte, 1<<24))
	z.Close()
	if text, err := (&Event{Packed: bomb.Bytes()}).Text(); err != nil || len(text) != maxText {
		t.Errorf("16 MiB of zeros become %d bytes, %v", len(text), err)
	}
	if _, err := (&Event{Packed: []byte("not packed at all")}).Text(); err == nil {
		t.Error("what zlib did not pack is unpacked")
	}
}
