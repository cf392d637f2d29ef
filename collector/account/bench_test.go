package account

import (
	"testing"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/flow"
)

// BenchmarkStep takes the report of an interface, the longest text that comes regularly.
func BenchmarkStep(b *testing.B) {
	const text = `prog=argus-endpoint
{"version":"v0.3.0","started":"2026-11-22T10:00:00.4Z","interface":{"name":"wlp3s0","inf":"wls0","kind":"ethernet","metering":true,"since":"2026-11-22T10:00:00.5Z","captured":123456,"captured_bytes":123456789,"ring_dropped":7,"metered":123450,"unmetered":6,"unmetered_by":{"no header":6},"own_uplink":{"records":5,"packets":600,"bytes":60000},"flows_open":120,"flows":5000,"records":9000,"spooled":8995,"table_bytes":200000,"nic":{"rx_packets":100000,"tx_packets":23456,"rx_bytes":100000000,"tx_bytes":23456789}}}`
	e := Evidence{Monitor: monitor, Epoch: 7, Received: day, Sent: day}
	e.Record = &argus.Record{Kind: argus.KindManagement, Cause: flow.CauseStart, Management: argus.Management{Cause: flow.CauseStart, Now: day.UnixNano(), Interval: 60}}
	state, _ := Step(nil, &e)
	e.Record = &argus.Record{Kind: argus.KindEvent, Cause: flow.CauseStatus, Event: argus.Event{Cause: flow.CauseStatus, End: day.UnixNano(), Data: []byte(text)}}
	for b.Loop() {
		state, _ = Step(state, &e)
	}
	b.ReportMetric(float64(len(state)), "octets")
}
