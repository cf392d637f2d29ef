package flow

import (
	"bytes"
	"maps"
	"slices"
	"testing"
)

// audit holds what packets brought into a table against what its records told, tuple by tuple.
type audit struct {
	*Table
	t         *testing.T
	in, out   map[packed]tuple
	estimated map[packed]bool // the records of the tuple do not count frames
}

type tuple struct{ packets, bytes, ip, payload uint64 }

func newAudit(t *testing.T, tab *Table) *audit {
	return &audit{tab, t, map[packed]tuple{}, map[packed]tuple{}, map[packed]bool{}}
}

// ofPair is the octet of which all payload between two hosts is made.
func ofPair(k *Key) byte { return k.Src[3] ^ k.Dst[3] }

// add adds p and takes what is due. The caller stops once, after so many records, and comes back; 0: it does not stop.
func (a *audit) add(p *Packet, stop int) {
	p.Payload = bytes.Repeat([]byte{ofPair(&p.Key)}, int(min(p.PayloadLen, 64)))
	due := a.Add(p)
	var k packed
	p.Key.pack(&k) // after Add, which gives a later fragment its ports
	v := a.in[k]
	a.in[k] = tuple{v.packets + uint64(p.Segments), v.bytes + uint64(p.FrameLen), v.ip + uint64(p.IPLen), v.payload + uint64(p.PayloadLen)}
	if !due {
		return
	}
	for r := range a.Due(p.Time) {
		a.take(r)
		if stop--; stop == 0 {
			break
		}
	}
	for a.nready > 0 { // what Add made must be taken; the rest comes some other time
		for r := range a.Due(p.Time) {
			a.take(r)
		}
	}
}

func (a *audit) take(r *Record) {
	var k packed
	r.Key.pack(&k)
	v := a.out[k]
	for i := range r.Side {
		s := &r.Side[i]
		v.packets += s.Packets
		v.bytes += s.Bytes
		v.ip += s.IPBytes
		v.payload += s.Payload
		if len(s.Data) > a.config.UserData || bytes.Count(s.Data, []byte{ofPair(&r.Key)}) < len(s.Data) {
			a.t.Fatalf("user data of other flows: % x", s.Data)
		}
		if s.MinSize > s.MaxSize || uint64(s.Active.N)+uint64(s.Idle.N) > s.Packets {
			a.t.Fatalf("side %+v", s)
		}
	}
	a.out[k] = v
	a.estimated[k] = a.estimated[k] || r.EstimatedSegments
}

// close flushes the table: all that came in has come out, and nothing is left.
func (a *audit) close(now int64) {
	a.t.Helper()
	for r := range a.Flush(now) {
		a.take(r)
	}
	if len(a.in) != len(a.out) {
		a.t.Errorf("%d tuples went in, %d came out", len(a.in), len(a.out))
	}
	for k, in := range a.in {
		out := a.out[k]
		if a.estimated[k] && out.packets > in.packets {
			out.packets = in.packets
		}
		if out != in {
			a.t.Fatalf("tuple %x: in %+v out %+v", k, in, a.out[k])
		}
	}
	left := map[string]int{
		"open flows": a.Stats().Open, "index": a.index.used, "entries": a.entries.taken(), "sides": a.sides.taken(),
		"spreads": a.spreads.taken(), "connections": a.tcps.taken(), "extras": a.extras.taken(),
	}
	for _, name := range slices.Sorted(maps.Keys(left)) {
		if left[name] != 0 {
			a.t.Errorf("after the flush %d are left: %s", left[name], name)
		}
	}
}
