package account

import (
	"slices"
	"testing"
	"time"

	"github.com/argus-endpoint/argus-endpoint/flow"
)

func TestRingOverrun(t *testing.T) {
	h := started(t)
	h.minutes(1)
	h.links["eth0"]["ring_dropped"], h.totals["ring_dropped"] = 9, 9
	h.minutes(1)
	delete(h.links, "eth0") // an interface that has nothing new to say is left out
	h.minutes(5)
	h.links["eth0"] = map[string]any{"metering": true, "since": day, "ring_dropped": 10}
	h.totals["ring_dropped"] = 12 // and two of one that we do not know
	h.minutes(1)
	h.want("1-2 eth0 ring-overrun 0 9", "7-8 eth0 ring-overrun 0 1", "7-8  ring-overrun 0 2")
	h.links["eth1"] = map[string]any{"metering": true, "since": h.now.Add(30 * time.Second), "ring_dropped": 4}
	h.totals["ring_dropped"] = 16
	h.minutes(1)
	if got := h.rows[3:]; len(got) != 1 || got[0].Interface != "eth1" || got[0].From != day.Add(8*time.Minute+30*time.Second) {
		t.Errorf("of a new interface: %+v", got)
	}
}

func TestInterfaceNotMetered(t *testing.T) {
	h := started(t)
	h.minutes(2)
	h.links["eth0"] = map[string]any{"metering": false, "reason": "no ring", "since": day}
	h.minutes(3)
	h.want()
	c := h.condition()
	if got := c.Blind(); !slices.Equal(got, []string{"eth0"}) {
		t.Errorf("blind: %v", got)
	}
	if rows := c.Lasting(monitor, h.now, false); len(rows) != 1 || rows[0].Interface != "eth0" || rows[0].From != day.Add(2*time.Minute) {
		t.Errorf("lasting: %+v", rows)
	}
	h.links["eth0"] = map[string]any{"metering": true, "since": h.now.Add(30 * time.Second)}
	h.minutes(1)
	h.want("2-5.5 eth0 not-metering 0 0")
	h.links["eth0"]["metering"] = false // it ends with the agent
	h.report(flow.CauseStop)
	if got := h.condition().Blind(); len(h.rows) > 1 || got != nil {
		t.Errorf("blind at the end: %v, %v", got, h.rows)
	}
}

// TestBlindMeter: the network interface counts, the meter sees nothing.
func TestBlindMeter(t *testing.T) {
	h := started(t)
	count := func(nic, captured int) {
		h.links["eth0"]["nic"] = map[string]any{"rx_packets": nic, "tx_packets": nic}
		h.links["eth0"]["captured"], h.links["eth0"]["metered"] = captured, captured
		h.minutes(1)
	}
	count(100, 200)
	count(130, 200) // a little that is not for us is no reason to cry
	count(300, 200)
	count(310, 900) // what passed at the moment of the report is seen by the next one
	count(310, 900)
	h.want()
	count(1000, 900)
	count(1000, 900)
	count(2000, 900)
	if h.condition().Blind() == nil {
		t.Error("not blind")
	}
	count(2000, 901)
	h.want("5-9 eth0 not-metering 0 0")
	if h.condition().Blind() != nil {
		t.Error("still blind")
	}
}

// TestHalfBlindMeter: by octets, of which a loopback interface counts each twice.
func TestHalfBlindMeter(t *testing.T) {
	for _, c := range []struct {
		kind         string
		rx, tx, seen int // MB a minute
		rows         []string
	}{
		{"ethernet", 50, 50, 98, nil},
		{"ethernet", 50, 50, 40, []string{"0-4 eth0 not-metering 0 0"}},
		{"loopback", 50, 50, 49, nil},
		{"loopback", 50, 50, 20, []string{"0-4 eth0 not-metering 0 0"}},
	} {
		h := started(t)
		l := h.links["eth0"]
		l["kind"], l["captured"], l["metered"] = c.kind, 10, 10
		for i := range 4 {
			l["nic"] = map[string]any{"rx_bytes": (i + 1) * c.rx << 20, "tx_bytes": (i + 1) * c.tx << 20, "rx_packets": 1}
			l["captured"], l["metered"] = i+10, i+10
			if l["captured_bytes"] = (i + 1) * c.seen << 20; i == 3 {
				l["captured_bytes"] = int64(1 << 40)
			}
			h.minutes(1)
		}
		h.want(c.rows...)
	}
}
