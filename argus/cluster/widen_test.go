package cluster

import (
	"reflect"
	"testing"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/flow"
)

// TestTurned: the records of a TCP connection that a sensor of another kind oriented in two ways are one flow, begun by who
// sent the SYN; two connections that each sent one stay two.
func TestTurned(t *testing.T) {
	syn := func(r *argus.Record) *argus.Record {
		r.Flow.TCP.Status |= flow.TCPSawSYN | flow.TCPSrcReset
		return r
	}
	with := plain(6, "10.0.0.1", "10.0.0.2", 1000, 80, 0)
	for name, order := range map[string][]*argus.Record{
		"SYN first":   {syn(plain(6, "10.0.0.1", "10.0.0.2", 1000, 80, 0)), plain(6, "10.0.0.2", "10.0.0.1", 80, 1000, 9), plain(6, "10.0.0.2", "10.0.0.1", 80, 1000, 12)},
		"SYN between": {plain(6, "10.0.0.2", "10.0.0.1", 80, 1000, 9), syn(plain(6, "10.0.0.1", "10.0.0.2", 1000, 80, 0)), plain(6, "10.0.0.2", "10.0.0.1", 80, 1000, 12)},
		"SYN last":    {plain(6, "10.0.0.2", "10.0.0.1", 80, 1000, 9), plain(6, "10.0.0.2", "10.0.0.1", 80, 1000, 12), syn(with)},
	} {
		c := New(10, Key{})
		for _, r := range order {
			c.Add(r)
		}
		n := 0
		for r := range c.All() {
			n++
			f := &r.Flow
			if f.SrcPort != 1000 || f.Side[0].Packets != 5 || f.Side[1].Packets != 4 || f.TCP.Status != flow.TCPSawSYN|flow.TCPSrcReset || r.Added.Aggregate.Count != 3 {
				t.Errorf("%s: %+v", name, f)
			}
		}
		if n != 1 {
			t.Errorf("%s: %d flows", name, n)
		}
	}
	two := rowsOf(t, "", syn(plain(6, "10.0.0.1", "10.0.0.2", 1000, 80, 0)), syn(plain(6, "10.0.0.2", "10.0.0.1", 80, 1000, 9)))
	if len(two) != 2 {
		t.Errorf("two connections became %q", two)
	}
}

// TestTurn: turned twice a record is what it was, and turned once every part of it stands on the other side.
func TestTurn(t *testing.T) {
	r := plain(6, "10.0.0.1", "10.0.0.2", 1000, 80, 0)
	r.Has, r.Gap = argus.HasSrc, [2]int32{1, 2}
	r.Added = argus.Added{AS: [3]uint32{1, 2, 3}, Country: [2][2]byte{{'D', 'E'}}, Position: [3]argus.Position{{Latitude: 1}}, Locality: [2]int8{1, 2}, Organisation: [2]uint16{1, 2}, Lost: [2]uint32{1, 2}, Correlate: argus.Correlate{Packets: [2]int32{1, 2}}}
	r.Flow.SrcMAC, r.Flow.TCP.Side[0].Base = [6]byte{1}, 7
	r.Flow.TCP.Status, r.Flow.TCP.Options = flow.TCPSawSYN|flow.TCPSrcGap|flow.TCPDstReset, flow.TCPSrcECN
	copy(r.Flow.History[:], "ShA^d")
	once := turn(r)
	want := *r
	want.Has, want.Gap = argus.HasDst, [2]int32{2, 1}
	want.Added = argus.Added{AS: [3]uint32{2, 1, 3}, Country: [2][2]byte{1: {'D', 'E'}}, Position: [3]argus.Position{1: {Latitude: 1}}, Locality: [2]int8{2, 1}, Organisation: [2]uint16{2, 1}, Lost: [2]uint32{2, 1}, Correlate: argus.Correlate{Packets: [2]int32{2, 1}}}
	f := &want.Flow
	f.Src, f.Dst, f.SrcPort, f.DstPort, f.SrcMAC, f.DstMAC = r.Flow.Dst, r.Flow.Src, 80, 1000, [6]byte{}, [6]byte{1}
	f.Side = [2]flow.Side{r.Flow.Side[1], r.Flow.Side[0]}
	f.TCP.Side = [2]flow.TCPSide{{}, {Base: 7}}
	f.TCP.Status, f.TCP.Options = flow.TCPSawSYN|flow.TCPDstGap|flow.TCPSrcReset, flow.TCPDstECN
	copy(f.History[:], "sHa^D")
	if !reflect.DeepEqual(once, want) {
		t.Errorf("turned:\n got %+v\nwant %+v", once, want)
	}
	if twice := turn(&once); !reflect.DeepEqual(&twice, r) {
		t.Errorf("turned twice: %+v", twice)
	}
	r.Flow.Proto = flow.ProtoICMP // the identifier belongs to the exchange
	if once = turn(r); once.Flow.SrcPort != 1000 {
		t.Errorf("an ICMP identifier moved: %+v", once.Flow.Key)
	}
}

// TestWiden: what one of several flows says and another does not is not said of all.
func TestWiden(t *testing.T) {
	full := func() *argus.Record {
		r := plain(6, "10.0.0.1", "10.0.0.2", 1000, 80, 0)
		r.Has, r.Flow.ID, r.Hash = argus.HasExtension|argus.HasHash|argus.HasLocality, 7, 9
		r.Monitor.Kind, r.Interface = 1, [4]byte{'e'}
		r.Flow.Initiator, r.Flow.End, r.Flow.Type = flow.InitiatorSeen, flow.EndDetected, 5
		r.Flow.HasMAC, r.Flow.SrcMAC = true, [6]byte{1}
		r.Flow.Tunnel = flow.Tunnel{Encaps: flow.EncapsGRE, ID: 5}
		r.Added = argus.Added{AS: [3]uint32{1, 2, 3}, Country: [2][2]byte{{'D', 'E'}, {'F', 'R'}}, Position: [3]argus.Position{{Latitude: 1}, {Latitude: 2}, {Latitude: 3}},
			Locality: [2]int8{1, 2}, Organisation: [2]uint16{1, 2}, Score: [8]uint8{1}}
		copy(r.Flow.History[:], "ShA")
		return r
	}
	k, err := ParseKey("none")
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		change func(*argus.Record)
		lost   func(*argus.Record) bool
	}{
		"nothing": {func(*argus.Record) {}, func(r *argus.Record) bool {
			w := full()
			w.Added.Aggregate = r.Added.Aggregate
			return r.Flow.ID == 7 && r.Flow.Initiator != 0 && r.Flow.History == w.Flow.History && r.Added == w.Added && r.Has == w.Has && r.Hash == 9 && !r.Flow.MultiMAC && r.Flow.Tunnel == w.Flow.Tunnel
		}},
		"flow": {func(r *argus.Record) { r.Flow.ID = 8 }, func(r *argus.Record) bool {
			return r.Flow.ID == 0 && r.Flow.Initiator == 0 && r.Flow.End == 0 && r.Flow.History.String() == ""
		}},
		"extension": {func(r *argus.Record) { r.Has &^= argus.HasExtension }, func(r *argus.Record) bool { return !r.Extension() && r.Flow.Initiator == 0 }},
		"sensor":    {func(r *argus.Record) { r.Monitor.Kind = 2 }, func(r *argus.Record) bool { return r.Monitor == argus.ID{} }},
		"interface": {func(r *argus.Record) { r.Interface[0]++ }, func(r *argus.Record) bool { return r.Interface == [4]byte{} }},
		"hash":      {func(r *argus.Record) { r.Hash++ }, func(r *argus.Record) bool { return r.Has&argus.HasHash == 0 && r.Hash == 0 }},
		"MAC":       {func(r *argus.Record) { r.Flow.SrcMAC[0]++ }, func(r *argus.Record) bool { return r.Flow.MultiMAC }},
		"tunnel":    {func(r *argus.Record) { r.Flow.Tunnel.ID++ }, func(r *argus.Record) bool { return r.Flow.Tunnel == flow.Tunnel{} }},
		"type":      {func(r *argus.Record) { r.Flow.Type++ }, func(r *argus.Record) bool { return r.Flow.Type == 0 && r.Flow.Proto == 6 }},
		"protocol": {func(r *argus.Record) { r.Flow.Proto++ }, func(r *argus.Record) bool {
			return r.Flow.Proto == 0 && r.Flow.SrcPort == 0 && r.Flow.DstPort == 0 && r.Flow.Src[0] == 10
		}},
		"address": {func(r *argus.Record) { r.Flow.Src[1] = 0x13 }, func(r *argus.Record) bool { return r.Flow.Src == [16]byte{10} && r.Flow.SrcPort == 1000 }},
		"IP version": {func(r *argus.Record) { r.Flow.Family = flow.FamilyIPv6 }, func(r *argus.Record) bool {
			return r.Flow.Src == [16]byte{} && r.Flow.Proto == 6 && r.Flow.DstPort == 80
		}},
		"family":  {func(r *argus.Record) { r.Flow.Family = flow.FamilyARP }, func(r *argus.Record) bool { return r.Flow.Key == flow.Key{Family: flow.FamilyIPv4} }},
		"AS":      {func(r *argus.Record) { r.Added.AS[1]++ }, func(r *argus.Record) bool { return r.Added.AS == [3]uint32{1, 0, 3} }},
		"country": {func(r *argus.Record) { r.Added.Country[0][0]++ }, func(r *argus.Record) bool { return r.Added.Country == [2][2]byte{1: {'F', 'R'}} }},
		"position": {func(r *argus.Record) { r.Added.Position[2].Latitude++ }, func(r *argus.Record) bool {
			return r.Added.Position[2] == argus.Position{} && r.Added.Position[1].Latitude == 2
		}},
		"locality":     {func(r *argus.Record) { r.Added.Locality[0]++ }, func(r *argus.Record) bool { return r.Has&argus.HasLocality == 0 && r.Added.Locality == [2]int8{} }},
		"organisation": {func(r *argus.Record) { r.Added.Organisation[0]++ }, func(r *argus.Record) bool { return r.Added.Organisation == [2]uint16{0, 2} }},
		"guess":        {func(r *argus.Record) { r.Added.Guess = argus.GuessRTP }, func(r *argus.Record) bool { return r.Added.Guess == 0 }},
		"WLAN":         {func(r *argus.Record) { r.Added.BSSID[0]++ }, func(r *argus.Record) bool { return r.Added.BSSID == [6]byte{} }},
		"score":        {func(r *argus.Record) { r.Added.Score[3]++ }, func(r *argus.Record) bool { return r.Added.Score == [8]uint8{} }},
	} {
		other := full()
		test.change(other)
		for order, records := range [][2]*argus.Record{{full(), other}, {other, full()}} {
			c := New(2, k)
			c.Add(records[0])
			c.Add(records[1])
			for r := range c.All() {
				if !test.lost(r) {
					t.Errorf("%s, order %d: %+v", name, order, r.Flow)
				}
			}
		}
	}
}
