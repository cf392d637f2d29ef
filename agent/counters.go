package agent

import (
	"github.com/argus-endpoint/argus-endpoint/capture"
	"github.com/argus-endpoint/argus-endpoint/flow"
)

// Counters is what a meter has done with the frames of its interface.
type Counters struct {
	Dropped  uint64 // frames for which the kernel's ring had no room
	Own      Own    // what the agent's own uplink made of them: metered, but never sent
	Excluded Own    // what the configuration's filter does not choose: likewise
	Records  uint64 // records handed to the spool
	Lost     uint64 // records that the spool did not take
	Table    flow.Stats

	frames    capture.Counts // by what the decoder made of them
	unmetered capture.Counts // those of them that belong to no flow
	octets    uint64         // of these, on the wire
	emitErr   error
}

// Own counts flow records that are not kept: those of the flows by which the agent delivers its records, which would make new ones
// for ever, and those that a filter does not choose.
type Own struct {
	Records uint64 `json:"records"`
	Packets uint64 `json:"packets"`
	Bytes   uint64 `json:"bytes"`
}

func (o *Own) add(r *flow.Record) {
	o.sum(Own{1, r.Side[0].Packets + r.Side[1].Packets, r.Side[0].Bytes + r.Side[1].Bytes})
}

func (o *Own) sum(p Own) {
	o.Records += p.Records
	o.Packets += p.Packets
	o.Bytes += p.Bytes
}

// Captured is the number of frames taken from the interface.
func (c *Counters) Captured() uint64 { return framesOf(&c.frames) }

func framesOf(counts *capture.Counts) (n uint64) {
	for _, f := range counts {
		n += f
	}
	return n
}

// CapturedBytes is the number of their octets on the wire.
func (c *Counters) CapturedBytes() uint64 { return c.Table.Bytes + c.octets }

// Metered is the number of frames that belong to a flow.
func (c *Counters) Metered() uint64 { return c.Table.Packets }

// meterFailed is the reason of a frame in which a defect of ours ended the meter: nothing was wrong with it.
const meterFailed = "meter failed"

// Unmetered counts the frames that belong to no flow, by what is wrong with them: no header of them was sound.
func (c *Counters) Unmetered() map[string]uint64 {
	m := byReason(&c.unmetered)
	if n := c.unmetered[capture.Decoded]; n > 0 {
		delete(m, capture.Decoded.String())
		m[meterFailed] = n
	}
	return m
}

// Malformed counts the frames with a defect, by the defect. Most of them are metered at the layer that was sound.
func (c *Counters) Malformed() map[string]uint64 {
	defects := c.frames
	defects[capture.Decoded] = 0
	return byReason(&defects)
}

func byReason(counts *capture.Counts) (m map[string]uint64) {
	for reason, n := range counts {
		if n > 0 {
			if m == nil {
				m = make(map[string]uint64)
			}
			m[capture.Reason(reason).String()] = n
		}
	}
	return m
}

// add adds what another meter has counted; what is open and held now are the sums too.
func (c *Counters) add(o *Counters) {
	c.Dropped += o.Dropped
	c.Own.sum(o.Own)
	c.Excluded.sum(o.Excluded)
	c.Records += o.Records
	c.Lost += o.Lost
	t, u := &c.Table, &o.Table
	t.Packets += u.Packets
	t.Bytes += u.Bytes
	t.Flows += u.Flows
	t.Records += u.Records
	t.Evicted += u.Evicted
	t.Open += u.Open
	t.Memory += u.Memory
	c.octets += o.octets
	for i := range o.frames {
		c.frames[i] += o.frames[i]
		c.unmetered[i] += o.unmetered[i]
	}
}

// ended returns the counters of a meter that runs no more.
func (c *Counters) ended() Counters {
	e := *c
	e.Table.Open, e.Table.Memory, e.emitErr = 0, 0, nil
	return e
}
