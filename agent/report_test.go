package agent

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/flow"
	"github.com/argus-endpoint/argus-endpoint/platform"
	"github.com/argus-endpoint/argus-endpoint/uplink/wire"
)

// A collector takes records of 4 KiB: whatever the counters are, and whatever the host calls itself and its interfaces.
func TestReportsFitIntoARecord(t *testing.T) {
	var c Counters
	setAll(reflect.ValueOf(&c).Elem(), math.MaxInt64)
	for i := range c.frames {
		c.frames[i], c.unmetered[i] = math.MaxUint64/uint64(len(c.frames)), math.MaxUint64/uint64(len(c.frames))
	}
	since := time.Date(2026, 11, 22, 1, 2, 3, 123456789, time.FixedZone("", 5*3600))
	for _, name := range []string{"\"", "\x00", "<", "\xff", "\u2028", "é", "x\n"} {
		name = strings.Repeat(name, 1000)
		in := InterfaceStatus{
			Name: name, Short: `\\\\`, Kind: "point-to-point", Metered: true, Reason: name, Since: &since,
			Restarts: math.MaxUint64, Panics: math.MaxUint64, Accounts: accounts(&c),
		}
		r := report{Version: name, Started: since, Interface: &in}
		text := r.text()
		var read report
		if object, ours := bytes.CutPrefix(text, []byte("prog=argus-endpoint\n")); !ours || json.Unmarshal(object, &read) != nil {
			t.Fatalf("%q", text)
		}
		if read.Interface.Accounts.Captured != c.Captured() || !reflect.DeepEqual(read.Interface.Malformed, c.Malformed()) {
			t.Errorf("%+v", read.Interface)
		}
		enc := argus.Encoder{}
		if n := len(appendEvent(nil, &enc, since, since, flow.CauseStatus, text)); n > wire.MaxRecord {
			t.Errorf("%.4q: a record of %d octets, a collector takes %d", name, n, wire.MaxRecord)
		}
	}
}

// A frame in which a defect of ours ends the meter is accounted for too.
func TestSumsCloseAfterAPanic(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	s := newSlot(platform.Interface{Name: "eth0"}, cancel, nil)
	err := s.once(ctx, func(*slot) (*meter, error) {
		m := newTestMeter(newFrames(times(10, 10, time.Millisecond, time.Unix(1e9, 0)), io.EOF), func([]byte, int) error { return nil })
		m.table = flow.NewTable(flow.Config{MaxFlows: 3, StatusInterval: 5 * time.Second, Grow: func() int { panic("boom") }})
		m.state = s.told
		return m, nil
	})
	st, c := s.status()
	if !errors.Is(err, errPanic) || st.Panics != 1 || st.Captured != 4 || st.Accounts.Metered != 3 || st.Unmetered != 1 || st.UnmeteredBy[meterFailed] != 1 {
		t.Errorf("%v: %+v", err, st)
	}
	if want := uint64(4 * len(datagram(1))); c.CapturedBytes() != want {
		t.Errorf("%d octets, want %d", c.CapturedBytes(), want)
	}
}

// An idle laptop sends one report a minute: it must stay small.
func TestReportBudget(t *testing.T) {
	c := Counters{Records: 1200, Table: flow.Stats{Packets: 130_123, Bytes: 99_123_456, Flows: 1300, Records: 1214, Open: 7, Memory: 1 << 20}}
	c.frames[0] = 130_123
	now, sum := time.Now(), accounts(&c)
	enc := argus.Encoder{}
	b := enc.AppendManagement(nil, &argus.Management{Cause: flow.CauseStatus, Start: now.UnixNano(), Now: now.UnixNano()})
	idle := len(b)
	for _, name := range []string{"lo", "wlp3s0"} {
		in := InterfaceStatus{Name: name, Short: name[:2], Kind: "ethernet", Metered: true, Since: &now, Accounts: sum}
		r := report{Version: "v1.2.3", Started: now, Interface: &in}
		b = appendEvent(b, &enc, now, now, flow.CauseStatus, r.text())
	}
	r := report{Version: "v1.2.3", Started: now, Totals: &Totals{Accounts: sum, Epoch: "0123456789abcdef", Next: 1300, Reports: 100, Sent: 1290, Durable: 1290, Pending: 10}}
	busy := len(b)
	b = appendEvent(b, &enc, now, now, flow.CauseStatus, r.text())
	silent := append(bytes.Clone(b[:idle]), b[busy:]...) // the interfaces have nothing new to say
	w, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	small := len(w.EncodeAll(b, nil))
	least := len(w.EncodeAll(silent, nil))
	t.Logf("measured: the status records of two interfaces have %d octets, compressed alone %d; of silent ones %d and %d", len(b), small, len(silent), least)
	if len(b) > 2048 || small > 512 || least > 384 {
		t.Errorf("status records of %d octets, compressed %d", len(b), small)
	}
}
