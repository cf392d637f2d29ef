package store

import (
	"math"
	"math/bits"

	"github.com/argus-endpoint/argus-endpoint/flow"
)

// What mostly follows from other columns is stored as its difference from that, which costs nothing where it is 0.

// linkHeader is the octets of an Ethernet header.
const linkHeader = 14

// acknowledged returns the acknowledgement number that s should have sent last: all of o that is not in flight.
func acknowledged(s, o *flow.TCPSide) uint32 {
	if s.Flags&flow.ACK == 0 {
		return 0
	}
	return o.Next - o.InFlight
}

// fillTimes stores the times of the sides. It needs all that timesFollow needs.
func (row *Row) fillTimes(s, d *flow.Side) {
	if s.Packets > 0 {
		row.SrcAfter = micro(s.First) - row.STime
		row.SrcBefore = row.LTime - micro(s.Last) - row.srcBefore()
	}
	if d.Packets > 0 {
		row.DstBefore = row.LTime - micro(d.Last)
		row.DstAfter = micro(d.First) - row.STime - row.dstAfter()
	}
}

func (row *Row) times(s, d *flow.Side) {
	s.First, s.Last, d.First, d.Last = 0, 0, 0, 0
	s.Packets, d.Packets = uint64(row.SPkts), uint64(row.DPkts)
	if s.Packets > 0 || d.Packets == 0 {
		s.First, s.Last = (row.STime+row.SrcAfter)*1000, (row.LTime-row.SrcBefore-row.srcBefore())*1000
	}
	if d.Packets > 0 {
		d.First, d.Last = (row.STime+row.DstAfter+row.dstAfter())*1000, (row.LTime-row.DstBefore)*1000
	}
}

// srcBefore returns the time from the source's last packet to LTime if it sent but one.
func (row *Row) srcBefore() int64 {
	if row.SPkts == 1 {
		return row.LTime - row.STime - row.SrcAfter
	}
	return 0
}

// dstAfter returns the time from STime to the destination's first packet if it sent but one, or if that is the SYN/ACK.
func (row *Row) dstAfter() int64 {
	switch {
	case row.DPkts == 1:
		return row.LTime - row.STime - row.DstBefore
	case row.Age == 0:
		return row.SynAck
	}
	return 0
}

// fillSizes stores the sizes of the packets.
func (row *Row) fillSizes(f *flow.Record) {
	follow := true
	for i := range f.Side {
		s := &f.Side[i]
		follow = follow && (s.Packets != 1 || uint64(s.MinSize) == s.Bytes && uint64(s.MaxSize) == s.Bytes)
	}
	if follow {
		row.Presence |= sizesFollow
	}
	s, d := &f.Side[0], &f.Side[1]
	row.SSizes, row.DSizes = uint32(s.Sizes^sizesOfFew(s)), uint32(d.Sizes^sizesOfFew(d))
	if !follow || s.Packets != 1 {
		row.SMinSize, row.SMaxSize = s.MinSize, s.MaxSize
	}
	if !follow || d.Packets != 1 {
		row.DMinSize, row.DMaxSize = d.MinSize, d.MaxSize
	}
}

func (row *Row) sizes(f *flow.Record) {
	s, d := &f.Side[0], &f.Side[1]
	s.MinSize, s.MaxSize, d.MinSize, d.MaxSize = row.SMinSize, row.SMaxSize, row.DMinSize, row.DMaxSize
	if row.Presence&sizesFollow != 0 {
		for i := range f.Side {
			if s := &f.Side[i]; s.Packets == 1 {
				s.MinSize, s.MaxSize = uint16(s.Bytes), uint16(s.Bytes)
			}
		}
	}
	s.Sizes, d.Sizes = flow.Histogram(row.SSizes)^sizesOfFew(s), flow.Histogram(row.DSizes)^sizesOfFew(d)
}

// sizesOfFew returns the distribution of the sizes of one or two packets, 0 of more.
func sizesOfFew(s *flow.Side) flow.Histogram {
	if s.MaxSize == 0 {
		return 0
	}
	return ofFew(s.Packets, sizeBin(s.MinSize), sizeBin(s.MaxSize))
}

// sizeBin is that of Argus record format, section 2.5.
func sizeBin(octets uint16) int {
	if octets < 40+32 {
		return 0
	}
	return min(bits.Len16(octets-40)-5, 7)
}

// ofFew returns the distribution of one or two values, 0 of more; low and high are the bins of the extremes.
func ofFew(n uint64, low, high int) flow.Histogram {
	switch n {
	case 1:
		return 1 << (28 - 4*high)
	case 2:
		return 1<<(28-4*low) + 1<<(28-4*high)
	}
	return 0
}

// spread is the columns of one kind of intervals.
type spread struct{ mean, jitter, min, max, bins *uint32 }

// spreads returns the columns of the intervals, in the order of flow.Side: source active and idle, destination active and idle.
func (row *Row) spreads() [4]spread {
	return [4]spread{
		{&row.SActMean, &row.SActJit, &row.SActMin, &row.SActMax, &row.SActDist},
		{&row.SIdlMean, &row.SIdlJit, &row.SIdlMin, &row.SIdlMax, &row.SIdlDist},
		{&row.DActMean, &row.DActJit, &row.DActMin, &row.DActMax, &row.DActDist},
		{&row.DIdlMean, &row.DIdlJit, &row.DIdlMin, &row.DIdlMax, &row.DIdlDist},
	}
}

// fillIntervals stores the times between packets: of one or two the mean and the deviation say all.
func (row *Row) fillIntervals(f *flow.Record) {
	s, d := &f.Side[0], &f.Side[1]
	row.SActCount, row.SIntMore = s.Active.N, int32(s.Active.N+s.Idle.N-between(s.Packets))
	row.DActCount, row.DIntMore = d.Active.N, int32(d.Active.N+d.Idle.N-between(d.Packets))
	if s.Active.N|s.Idle.N|d.Active.N|d.Idle.N == 0 {
		return
	}
	all := row.spreads()
	for i, v := range [4]*flow.Intervals{&s.Active, &s.Idle, &d.Active, &d.Idle} {
		all[i].fill(v)
	}
}

func (row *Row) intervals(f *flow.Record) {
	s, d := &f.Side[0], &f.Side[1]
	s.Active.N, s.Idle.N = row.SActCount, between(s.Packets)+uint32(row.SIntMore)-row.SActCount
	d.Active.N, d.Idle.N = row.DActCount, between(d.Packets)+uint32(row.DIntMore)-row.DActCount
	all := row.spreads()
	for i, v := range [4]*flow.Intervals{&s.Active, &s.Idle, &d.Active, &d.Idle} {
		all[i].read(v)
	}
}

// between returns how many intervals there are between n packets.
func between(n uint64) uint32 { return uint32(max(n, 1) - 1) }

func (c *spread) fill(v *flow.Intervals) {
	if v.N == 0 {
		return
	}
	*c.mean, *c.jitter = whole(v.Mean), whole(v.StdDev)
	if v.N > 2 {
		*c.min, *c.max = whole(v.Min), whole(v.Max)
	}
	*c.bins = uint32(v.Bins ^ c.binsOfFew(v.N))
}

func (c *spread) read(v *flow.Intervals) {
	if v.N == 0 {
		return
	}
	low, high := *c.min, *c.max
	if v.N <= 2 {
		low, high = c.extremes()
	}
	v.Mean, v.StdDev, v.Min, v.Max = float32(*c.mean), float32(*c.jitter), float32(low), float32(high)
	v.Bins = flow.Histogram(*c.bins) ^ c.binsOfFew(v.N)
}

// extremes returns the shorter and the longer one of two intervals, which may be one.
func (c *spread) extremes() (low, high uint32) {
	low = *c.mean - min(*c.jitter, *c.mean)
	return low, *c.mean + min(*c.jitter, math.MaxUint32-*c.mean)
}

func (c *spread) binsOfFew(n uint32) flow.Histogram {
	low, high := c.extremes()
	return ofFew(uint64(n), timeBin(low), timeBin(high))
}

// timeBin is that of flow.Intervals.
func timeBin(microseconds uint32) (bin int) {
	for v := microseconds; v >= 10 && bin < 7; v /= 10 {
		bin++
	}
	return bin
}

// whole rounds a time; more than 71 minutes become that.
func whole(microseconds float32) uint32 {
	if microseconds >= math.MaxUint32 {
		return math.MaxUint32
	}
	return uint32(float64(microseconds) + 0.5) // a float of 32 bits would round twice
}
