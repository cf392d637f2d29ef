package agent

import (
	"io"
	"reflect"
	"runtime/debug"
	"testing"
	"time"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/capture"
)

// The tables of several interfaces never hold more flows together than the machine allows; what one does not need any
// more, or had when it ended, is there for the others.
func TestInterfacesShareTheRoom(t *testing.T) {
	const limit = 20_000
	c := DefaultConfig()
	r := newRoom(limit)
	records := uint64(0)
	emit := func(_ []byte, n int) error { records += uint64(n); return nil }
	meters := []*meter{
		newMeter(&c, r, nil, nil, argus.Encoder{}, emit),
		newMeter(&c, r, nil, nil, argus.Encoder{}, emit),
		newMeter(&c, r, nil, nil, argus.Encoder{}, emit),
	}
	at := time.Unix(1e9, 0)
	flood := func(m *meter, n int) {
		for i := range n {
			m.meet(i, at)
			sum := 0
			for _, o := range meters {
				sum += o.table.Stats().Open
			}
			if sum > limit {
				t.Fatalf("%d flows open, the limit is %d", sum, limit)
			}
		}
	}
	flood(meters[0], 100_000)
	flood(meters[1], 1000)
	if a, b := meters[0].table.Stats(), meters[1].table.Stats(); a.Open < limit-roomStep-2*roomFloor || b.Open != roomFloor || a.Evicted != 100_000-uint64(a.Open) {
		t.Errorf("flooded: %d open, %d evicted; beside it: %d open", a.Open, a.Evicted, b.Open)
	}
	at = at.Add(time.Hour) // all idle
	meters[0].due(at.UnixNano())
	flood(meters[1], 100_000)
	if b := meters[1].table.Stats(); b.Open < limit-4*roomStep {
		t.Errorf("only %d flows open beside an interface that is idle", b.Open)
	}
	flood(meters[0], 100_000) // which has given its room back
	meters[1].end()
	meters[1] = newMeter(&c, r, nil, nil, argus.Encoder{}, emit)
	flood(meters[2], 100_000)
	for _, m := range meters {
		m.end()
	}
	if left := r.left.Load(); left != limit {
		t.Errorf("%d of %d left when all meters have ended", left, limit)
	}
}

// meet meters the only packet of flow i.
func (m *meter) meet(i int, at time.Time) {
	data := datagram(uint16(i))
	data[33] = byte(i >> 16) // the last octet of the address
	m.flushAt = 1<<63 - 1
	m.frame.Link, m.frame.Length, m.frame.CaptureLength, m.frame.Timestamp = capture.LinkEthernet, len(data), len(data), at
	m.add(data)
}

func TestMemoryBudget(t *testing.T) {
	for _, c := range []struct{ machine, limit, want int64 }{
		{0, 0, 64 << 20},
		{16 << 30, 0, 64 << 20},
		{1 << 30, 0, 64 << 20},
		{512 << 20, 0, 32 << 20},
		{16 << 30, 32 << 20, 24 << 20},
		{16 << 30, 1 << 30, 64 << 20},
	} {
		if got := memoryBudget(c.machine, c.limit); got != c.want {
			t.Errorf("%d octets of memory, limit %d: %d, want %d", c.machine, c.limit, got, c.want)
		}
	}
	if c := (Config{MaxFlows: 5000}); c.flowLimit() != 5000 {
		t.Error("the number of flows that was asked for is not the limit")
	}
}

// User data are part of the budget: a table full of flows with the most that can be asked for stays within it.
func TestUserDataBudget(t *testing.T) {
	c := DefaultConfig()
	c.UserData = maxUserData
	m := newMeter(&c, newRoom(c.flowLimit()), nil, nil, argus.Encoder{}, func([]byte, int) error { return nil })
	for i := range 100_000 {
		m.meet(i, time.Unix(1e9, 0))
	}
	budget := memoryBudget(machineMemory(), cgroupLimit())
	if s := m.table.Stats(); s.Open < leastFlows || int64(s.Memory) > budget/2 {
		t.Errorf("%d flows open in %d octets, the budget for them and for garbage is %d", s.Open, s.Memory, budget)
	}
}

// The totals of several meters are the sums of all that each counts.
func TestCountersAddUp(t *testing.T) {
	var one, two Counters
	fill := func(c *Counters, n int) {
		setAll(reflect.ValueOf(c).Elem(), int64(n))
		setAll(reflect.ValueOf(&c.frames).Elem(), int64(n))
		setAll(reflect.ValueOf(&c.unmetered).Elem(), int64(n))
		c.octets = uint64(n)
	}
	fill(&one, 1)
	fill(&two, 2)
	var sum Counters
	sum.add(&one)
	sum.add(&one)
	if sum != two {
		t.Errorf("%+v, want %+v", sum, two)
	}
}

// setAll sets every number in v that is exported to n.
func setAll(v reflect.Value, n int64) {
	switch {
	case !v.CanSet():
	case v.CanInt():
		v.SetInt(n)
	case v.CanUint():
		v.SetUint(uint64(n))
	case v.Kind() == reflect.Struct:
		for _, field := range v.Fields() {
			setAll(field, n)
		}
	case v.Kind() == reflect.Array:
		for i := range v.Len() {
			setAll(v.Index(i), n)
		}
	}
}

// The garbage collector is told the budget, and that of a table that was asked for.
func TestMemoryLimit(t *testing.T) {
	t.Setenv("GOMEMLIMIT", "")
	before := debug.SetMemoryLimit(-1)
	defer debug.SetMemoryLimit(before)
	limit := cgroupLimit()
	for _, c := range []struct {
		config Config
		want   int64
	}{
		{Config{}, memoryBudget(machineMemory(), limit)},
		{Config{MaxFlows: 1 << 20}, 1 << 30},
		{Config{MaxFlows: 1 << 20, UserData: 256}, 2 << 30},
	} {
		if limit > 0 {
			c.want = min(c.want, limit/4*3)
		}
		if got := c.config.limitMemory(); got != c.want {
			t.Errorf("%d flows with %d octets of user data: %d, want %d", c.config.MaxFlows, c.config.UserData, got, c.want)
		}
	}
	t.Setenv("GOMEMLIMIT", "100MiB")
	if got := (&Config{}).limitMemory(); got != debug.SetMemoryLimit(-1) {
		t.Errorf("the limit of the environment did not stay: %d", got)
	}
}

// Behind the longest headers of IPv4 and TCP in a tunnel there is room for the user data that were asked for.
func TestUserDataIsCaptured(t *testing.T) {
	c := DefaultConfig()
	c.UserData = maxUserData
	if got := c.capture().SnapLen; got < 14+40+8+8+14+60+60+c.UserData {
		t.Errorf("frames are cut after %d octets", got)
	}
}

// Every frame is metered or has a reason why not, in status and in the agent's own records.
func TestSumsClose(t *testing.T) {
	at := time.Unix(1e9, 0)
	kinds := [][]byte{datagram(1000), datagram(1001)[:9], append(datagram(1002)[:14:14], 0x85, 0), append(datagram(1003)[:12:12], 0, 2)}
	i, octets := 0, 0
	src := newFrames(func(f *capture.Frame) []byte {
		if i == 400 {
			return nil
		}
		i++
		f.Timestamp = at.Add(time.Duration(i) * time.Millisecond)
		octets += len(kinds[i%len(kinds)])
		return kinds[i%len(kinds)]
	}, io.EOF)
	var last Counters
	m := newTestMeter(src, func([]byte, int) error { return nil })
	m.state = func(c Counters) { last = c }
	if err := m.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	last.Dropped = 7 // which the kernel tells
	a := accounts(&last)
	byReason := uint64(0)
	for reason, n := range a.UnmeteredBy {
		byReason += n
		if n > a.Malformed[reason] {
			t.Errorf("%d frames not metered, %d malformed: %s", n, a.Malformed[reason], reason)
		}
	}
	if a.Captured != 400 || a.Captured != a.Metered+a.Unmetered || a.Unmetered != byReason || a.Unmetered < 100 || a.Metered < 100 {
		t.Errorf("captured %d, metered %d, unmetered %d, by reason %d", a.Captured, a.Metered, a.Unmetered, byReason)
	}
	c := DefaultConfig()
	r := reporter{
		config: &c, began: at, last: at, totals: func() (Counters, int) { return last, 1 },
		pending: func() uint64 { return 0 }, readers: func() int { return 0 },
	}
	now := at.Add(time.Minute)
	if rec := r.next(now, 0x20, &last); rec.Packets != 400 || rec.Bytes != uint64(octets) || rec.Dropped != 7 {
		t.Errorf("the status record has %d received of %d octets and %d dropped, want 400 of %d and 7", rec.Packets, rec.Bytes, rec.Dropped, octets)
	}
	last.frames[0] += 5
	last.Dropped += 2
	if rec := r.next(now.Add(time.Minute), 0x20, &last); rec.Packets != 5 || rec.Dropped != 2 {
		t.Errorf("the next one has %d received and %d dropped: want what was new", rec.Packets, rec.Dropped)
	}
}
