package cluster

import (
	"cmp"
	"encoding/binary"
	"errors"
	"testing"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/flow"
)

func compareBytes(name string) (func(a, b *argus.Record) int, error) {
	switch name {
	case "sbytes":
		return func(a, b *argus.Record) int { return cmp.Compare(a.Flow.Side[0].Bytes, b.Flow.Side[0].Bytes) }, nil
	case "sttl", "tcprtt", "srate":
		return func(a, b *argus.Record) int { return cmp.Compare(a.Flow.Side[0].TTL, b.Flow.Side[0].TTL) }, nil
	case "sport":
		return func(a, b *argus.Record) int { return cmp.Compare(a.Flow.SrcPort, b.Flow.SrcPort) }, nil
	}
	return nil, errors.New("unknown field " + name)
}

func TestOrder(t *testing.T) {
	a, b := plain(17, "10.0.0.1", "10.2.0.2", 1, 2, 0), plain(17, "10.0.0.9", "10.1.0.2", 2, 2, 0)
	b.Flow.Side[0].Bytes, b.Flow.Side[0].TTL = 7, 70
	for spec, want := range map[string]int{
		"": 0, "sbytes": -1, "-sbytes": -1, "+sbytes": 1, "sport": -1, "-sport": 1, "+sport": -1,
		"saddr/24,sport": -1, "saddr/24 -sport": 1, "daddr/16": 1, "-daddr/16": -1, "daddr/8": 0, "saddr/32": -1,
		"sttl": -1, "tcprtt": 1, "srate": 1,
	} {
		o, err := ParseOrder(spec, compareBytes)
		if err != nil {
			t.Errorf("%s: %v", spec, err)
		} else if got := o.Compare(a, b); got != want {
			t.Errorf("%s: %d, want %d", spec, got, want)
		}
	}
	six := plain(17, "::", "::", 1, 2, 0)
	if o, err := ParseOrder("saddr/1", compareBytes); err != nil || o.Compare(plain(17, "0.0.0.0", "10.0.0.1", 1, 2, 0), six) != -1 {
		t.Errorf("IPv4 does not come before IPv6: %v", err)
	}
	for _, bad := range []string{"bytes2", "--sbytes", "+-sbytes", "sport/8", "saddr/", "saddr/x", "-"} {
		if _, err := ParseOrder(bad, compareBytes); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

func FuzzParseOrder(f *testing.F) {
	f.Add("-sbytes,saddr/24 +sport")
	f.Add("+,-,/")
	one := plain(17, "10.0.0.1", "10.2.0.2", 1, 2, 0)
	other := plain(17, "2001:db8::1", "::1", 1, 2, 0)
	f.Fuzz(func(t *testing.T, spec string) {
		o, err := ParseOrder(spec, compareBytes)
		if err != nil {
			return
		}
		if o.Compare(one, one) != 0 || o.Compare(one, other) != -o.Compare(other, one) {
			t.Fatalf("%q is no order", spec)
		}
	})
}

func FuzzParseKey(f *testing.F) {
	f.Add("saddr/24,daddr/255.255.0.0 proto dport", uint8(4))
	f.Add("rmon saddr/64", uint8(6))
	f.Add("matrix/9 none inode/1", uint8(3))
	f.Fuzz(func(t *testing.T, spec string, family uint8) {
		k, err := ParseKey(spec)
		if err != nil {
			return
		}
		r := plain(17, "10.0.0.1", "10.2.0.2", 1, 2, 0)
		r.Flow.Family = flow.Family(family)
		c := New(4, k)
		c.Add(r)
		c.Add(r)
		for m := range c.All() {
			if k.rmon {
				continue
			}
			if m.Flow.Side[0].Packets+m.Flow.Side[1].Packets != 6 || m.Added.Aggregate.Count != 2 {
				t.Fatalf("%q: what is the same was not merged: %+v", spec, m)
			}
		}
	})
}

// FuzzBins: whatever records say, no packet and no octet is lost or invented, and no more is held than may be.
func FuzzBins(f *testing.F) {
	f.Add([]byte("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"), uint16(10), "10s", false)
	f.Add(make([]byte, 128), uint16(1), "1d", true)
	f.Add([]byte("\x00\x00\x00\x00\x00\x00\x00\x01\x7f\xff\xff\xff\xff\xff\xff\xff\x80\x00\x00\x00\x00\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff"), uint16(3), "1M", false)
	f.Fuzz(func(t *testing.T, data []byte, most uint16, width string, hard bool) {
		w, err := ParseWidth(width)
		if err != nil || len(data) > 1024 {
			return
		}
		limit := max(int(most), 1)
		b := NewBins(w, hard, limit, Key{})
		var in, out flow.Side
		sum := func(to *flow.Side, r *argus.Record) {
			for i := range r.Flow.Side {
				s := &r.Flow.Side[i]
				to.Packets, to.Bytes, to.IPBytes, to.Payload = to.Packets+s.Packets, to.Bytes+s.Bytes, to.IPBytes+s.IPBytes, to.Payload+s.Payload
				to.Idle.N += r.Flow.TCP.Side[i].Retrans + s.Active.N
			}
		}
		for ; len(data) >= 32; data = data[32:] {
			r := hostile(data)
			sum(&in, r)
			for _, early := range b.Add(r) {
				sum(&out, early)
			}
			if b.held > limit {
				t.Fatalf("%d records are held, %d may be", b.held, limit)
			}
		}
		for r := range b.All() {
			sum(&out, r)
		}
		if in.Packets != out.Packets || in.Bytes != out.Bytes || in.IPBytes != out.IPBytes || in.Payload != out.Payload {
			t.Fatalf("in %+v\nout %+v", in, out)
		}
	})
}

// hostile makes a record of 32 octets, which may say anything. Times are those that a record can carry.
func hostile(data []byte) *argus.Record {
	u := func(at int) uint64 { return binary.BigEndian.Uint64(data[at:]) }
	r := plain(6, "10.0.0.1", "10.0.0.2", uint16(data[31]), 80, 0)
	for i := range r.Flow.Side {
		s := &r.Flow.Side[i]
		*s = flow.Side{Packets: u(8*i) >> (data[30] & 63), Bytes: u(8 - 8*i), IPBytes: u(16), Payload: u(24)}
		s.First, s.Last = int64(u(16)>>32%(1<<32))*1e9+int64(u(20)%1e9), int64(u(24)>>32)*1e9
		s.Active = flow.Intervals{N: uint32(u(4)), Mean: 1}
		r.Flow.TCP.Side[i].Retrans = uint32(u(2))
		if data[29] != 0xff {
			s.First, s.Last = s.First%1e12, s.First%1e12+int64(u(12)%1e11)
		}
	}
	return r
}
