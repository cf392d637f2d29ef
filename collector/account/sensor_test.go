package account

import (
	"bytes"
	"testing"
	"time"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/flow"
	"github.com/argus-endpoint/argus-endpoint/uplink/wire"
)

// TestSensor: of an Argus sensor the greeting tells a new start from a connection that was made again, and what it dropped counts.
func TestSensor(t *testing.T) {
	began := day.Add(-time.Hour)
	var state []byte
	var rows []Missing
	say := func(epoch wire.Epoch, cause flow.Cause, start, now time.Time, dropped uint32) {
		t.Helper()
		r := argus.Record{Kind: argus.KindManagement, Cause: cause, Management: argus.Management{Cause: cause, Start: start.UnixNano(), Now: now.UnixNano(),
			Interval: 60, Dropped: dropped}}
		next, more := Step(state, &Evidence{Monitor: monitor, Epoch: epoch, Received: now, Sent: now, Record: &r, Sensor: true})
		state, rows = next, append(rows, more...)
	}
	at := func(minutes int) time.Time { return day.Add(time.Duration(minutes) * time.Minute) }
	say(1, flow.CauseStart, began, at(0), 0)
	say(1, flow.CauseStatus, at(0), at(1), 0)
	say(1, flow.CauseStatus, at(1), at(2), 17)
	say(1, flow.CauseStart, began, at(5), 9)    // connected again: what it dropped before is in no status record
	say(2, flow.CauseStart, began, at(7), 0)    // by another radium
	say(2, flow.CauseStart, at(9), at(10), 0)   // it had been started again
	say(2, flow.CauseStop, at(10), at(11), 0)   // it ended
	say(2, flow.CauseStart, at(20), at(20), 0)  // and began
	say(2, flow.CauseStatus, at(20), at(21), 0) // all is well
	want := []struct {
		reason   Reason
		from, to int
		packets  uint64
	}{{RingOverrun, 1, 2, 17}, {Disconnected, 2, 5, 0}, {Disconnected, 5, 7, 0}, {Killed, 7, 10, 0}, {Stopped, 11, 20, 0}}
	if len(rows) != len(want) {
		t.Fatalf("rows %+v", rows)
	}
	for i, w := range want {
		if r := rows[i]; Reason(r.Reason) != w.reason || !r.From.Equal(at(w.from)) || !r.To.Equal(at(w.to)) || r.Packets != w.packets {
			t.Errorf("row %d: %+v, want %+v", i, r, w)
		}
	}
}

// TestAgentIsNoSensor: its clock may stand before its last word when it starts.
func TestAgentIsNoSensor(t *testing.T) {
	r := argus.Record{Kind: argus.KindManagement, Cause: flow.CauseStart, Management: argus.Management{Cause: flow.CauseStart, Start: day.UnixNano(), Now: day.UnixNano()}}
	state, _ := Step(nil, &Evidence{Monitor: monitor, Epoch: 1, Received: day, Record: &r})
	_, rows := Step(state, &Evidence{Monitor: monitor, Epoch: 1, Received: day, Record: &r})
	if len(rows) != 1 || Reason(rows[0].Reason) != Killed {
		t.Errorf("%+v", rows)
	}
}

// TestSensorOfAnAgentsIdentity: what comes from a sensor under the identity of an agent changes nothing of what the agent has said, and of an agent
// that comes after it nothing is mixed with that.
func TestSensorOfAnAgentsIdentity(t *testing.T) {
	at := func(minutes int) time.Time { return day.Add(time.Duration(minutes) * time.Minute) }
	say := func(state []byte, sensor bool, epoch wire.Epoch, cause flow.Cause, minute int) ([]byte, []Missing) {
		r := argus.Record{Kind: argus.KindManagement, Cause: cause, Management: argus.Management{Cause: cause, Start: at(minute).UnixNano(), Now: at(minute).UnixNano(), Interval: 60, Dropped: 5}}
		return Step(state, &Evidence{Monitor: monitor, Epoch: epoch, Received: at(minute), Sent: at(minute), Record: &r, Sensor: sensor})
	}
	agent, _ := say(nil, false, 1, flow.CauseStart, 0)
	for i, cause := range []flow.Cause{flow.CauseStart, flow.CauseStatus, flow.CauseStop} {
		if next, rows := say(agent, true, 2, cause, i+1); !bytes.Equal(next, agent) || len(rows) > 0 {
			t.Errorf("%v of a sensor: %x, before %x; rows %+v", cause, next, agent, rows)
		}
	}
	gap := &Evidence{Monitor: monitor, Epoch: 2, Received: at(4), Sensor: true, Gap: &Gap{First: 1, Last: 9}}
	if next, rows := Step(agent, gap); !bytes.Equal(next, agent) || len(rows) > 0 {
		t.Errorf("a gap of a sensor: %x, rows %+v", next, rows)
	}
	sensor, _ := say(nil, true, 2, flow.CauseStart, 0)
	next, rows := say(sensor, false, 1, flow.CauseStart, 9)
	c, err := Read(next)
	if want, _ := say(nil, false, 1, flow.CauseStart, 9); err != nil || len(rows) > 0 || !bytes.Equal(next, want) || !c.First.Equal(at(9)) || !c.Cloned.IsZero() {
		t.Errorf("an agent after a sensor: %v, %+v, rows %+v", err, c, rows)
	}
}
