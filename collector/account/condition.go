package account

import (
	"encoding/binary"
	"errors"
	"time"

	"github.com/argus-endpoint/argus-endpoint/uplink/wire"
)

const (
	agentState    = 1    // the first octet of a state
	sensorState   = 2    // of one that Argus status records have made
	maxState      = 1000 // octets of the state of a monitor
	maxInterfaces = 16   // what is not followed shows in the totals
	maxHeld       = 4
	maxText       = 64 // octets of a text in the state
)

// Condition is what the state of a monitor says: what was last heard of it, and what is missing for as long as that lasts. Times are
// exact to the millisecond and the agent's clock unless it says otherwise.
type Condition struct {
	Version    string        // of the agent
	First      time.Time     // the first word: the host's time begins
	Last       time.Time     // the last status record
	Received   time.Time     // when that was received, by the collector's clock
	Started    time.Time     // the agent
	Stopped    bool          // Last was its last word
	Interval   time.Duration // between status records
	Epoch      wire.Epoch
	Skew       time.Duration // by which the collector's clock is ahead of the agent's, network included: the least in some minutes
	Stepped    time.Time     // when the agent's clock was last heard to have been set, by the collector's clock
	Cloned     time.Time     // when two lives of the spool last came in turn, by the collector's clock
	Broken     string        // the sum that does not close in the last report
	Degraded   string        // why the spool is in memory
	DecoderOff string        // what the agent does not decode after crashes
	OffUntil   time.Time     // then it tries again
	Sensor     bool          // it is what an Argus sensor says, not an agent

	former     wire.Epoch // the epoch before, left at Last = left
	left       time.Time
	slept      time.Time // end of the last sleep or clock step that was reported
	skewSince  time.Time
	skewBefore time.Duration // the least of the window before
	skewNow    time.Duration
	skewKnown  uint64

	told                               time.Time // End of the last totals
	discarded, quarantined, lost, ring uint64    // what they said
	attributed                         uint64    // of ring, by interfaces since then
	debt                               uint64    // discarded, and no gap has shown it
	turned                             bool      // the epoch is another than that of the totals before
	broken                             string    // the sum that does not close in this report so far

	held       []held
	interfaces []netInterface
}

// held is a gap of which the agent's next totals tell more.
type held struct {
	first, last          uint64
	reported, unreported uint64
	from, to             time.Time // of the status records around it; to is zero until there is one
	seen                 time.Time // when the agent sent the batch behind it: it had counted it by then
}

// netInterface is what was last heard of an interface.
type netInterface struct {
	key              uint64 // FNV-1a of the name
	since            time.Time
	ring             uint64    // frames that it had no room for
	seen, seenOctets uint64    // by the meter
	packets, octets  uint64    // counted by the interface itself
	open             time.Time // since when it is not metered
	doubt            time.Time // since when its meter may be blind
	name             string    // while open
}

var errState = errors.New("account: the state cannot be read")

// Read returns what a state says. The state nil says nothing.
func Read(state []byte) (Condition, error) {
	var c Condition
	if len(state) == 0 {
		return c, nil
	}
	if state[0] != agentState && state[0] != sensorState {
		return c, errState
	}
	c.Sensor = state[0] == sensorState
	r := coder{b: state[1:], reading: true}
	c.code(&r)
	if r.bad || len(r.b) > 0 {
		return Condition{}, errState
	}
	return c, nil
}

// state returns c as Read takes it, without the interfaces that were not heard of for longest when they are too many.
func (c *Condition) state() []byte {
	form := byte(agentState)
	if c.Sensor {
		form = sensorState
	}
	for {
		w := coder{b: append(make([]byte, 0, 256), form)}
		c.code(&w)
		if len(w.b) <= maxState || len(c.interfaces) == 0 {
			return w.b
		}
		c.interfaces = c.interfaces[1:]
	}
}

// code is the form of the state, for both directions.
func (c *Condition) code(w *coder) {
	for _, t := range []*string{&c.Version, &c.Broken, &c.Degraded, &c.DecoderOff, &c.broken} {
		w.text(t)
	}
	for _, t := range []*time.Time{&c.First, &c.Last, &c.Received, &c.Started, &c.Stepped, &c.Cloned, &c.left, &c.slept, &c.skewSince, &c.told, &c.OffUntil} {
		w.time(t)
	}
	for _, d := range []*time.Duration{&c.Interval, &c.Skew, &c.skewBefore, &c.skewNow} {
		w.duration(d)
	}
	for _, n := range []*uint64{(*uint64)(&c.Epoch), (*uint64)(&c.former), &c.skewKnown, &c.discarded, &c.quarantined, &c.lost, &c.ring, &c.attributed, &c.debt} {
		w.uint(n)
	}
	w.flag(&c.Stopped)
	w.flag(&c.turned)
	list(w, &c.held, maxHeld, func(h *held) {
		for _, n := range []*uint64{&h.first, &h.last, &h.reported, &h.unreported} {
			w.uint(n)
		}
		for _, t := range []*time.Time{&h.from, &h.to, &h.seen} {
			w.time(t)
		}
	})
	list(w, &c.interfaces, maxInterfaces, func(i *netInterface) {
		for _, n := range []*uint64{&i.key, &i.ring, &i.seen, &i.seenOctets, &i.packets, &i.octets} {
			w.uint(n)
		}
		w.time(&i.since)
		w.time(&i.open)
		w.time(&i.doubt)
		w.text(&i.name)
	})
}

// coder writes values as varints, or reads them; after a value that is not there it gives zeros.
type coder struct {
	b       []byte
	reading bool
	bad     bool
}

func (c *coder) uint(v *uint64) {
	if !c.reading {
		c.b = binary.AppendUvarint(c.b, *v)
		return
	}
	n := 0
	if *v, n = binary.Uvarint(c.b); n <= 0 {
		*v, n, c.bad = 0, len(c.b), true
	}
	c.b = c.b[n:]
}

func (c *coder) int(v *int64) {
	u := uint64(*v)<<1 ^ uint64(*v>>63)
	c.uint(&u)
	*v = int64(u>>1) ^ -int64(u&1)
}

func (c *coder) flag(v *bool) {
	var u uint64
	if *v {
		u = 1
	}
	c.uint(&u)
	*v = u != 0
}

func (c *coder) duration(d *time.Duration) {
	ms := d.Milliseconds()
	c.int(&ms)
	if c.reading {
		*d = time.Duration(ms) * time.Millisecond
	}
}

// time has milliseconds; the zero time is 0.
func (c *coder) time(t *time.Time) {
	var ms int64
	if !t.IsZero() {
		ms = t.UnixMilli()
	}
	c.int(&ms)
	if !c.reading {
		return
	}
	*t = time.Time{}
	if ms != 0 {
		*t = time.UnixMilli(ms).UTC()
	}
}

func (c *coder) text(s *string) {
	n := uint64(len(*s))
	c.uint(&n)
	if !c.reading {
		c.b = append(c.b, *s...)
		return
	}
	if n > uint64(len(c.b)) {
		n, c.bad = 0, true
	}
	*s, c.b = string(c.b[:n]), c.b[n:]
}

// list codes the elements of a list of at most limit.
func list[T any](c *coder, l *[]T, limit uint64, element func(*T)) {
	n := uint64(len(*l))
	c.uint(&n)
	if c.reading {
		if n > limit {
			c.bad = true
			return
		}
		*l = make([]T, n)
	}
	for i := range *l {
		element(&(*l)[i])
	}
}
