package store

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/flow"
	"github.com/parquet-go/parquet-go"
)

// someOfFirst are some columns of the first version of the schema.
type someOfFirst struct {
	Monitor   string `parquet:"monitor,dict"`
	Sequence  int64  `parquet:"sequence,delta"`
	STime     int64  `parquet:"stime,timestamp(microsecond),delta"`
	LTime     int64  `parquet:"ltime,timestamp(microsecond),delta"`
	SrcAfter  int64  `parquet:"safter,delta"`
	SrcBefore int64  `parquet:"sbefore,delta"`
	DstAfter  int64  `parquet:"dafter,delta"`
	DstBefore int64  `parquet:"dbefore,delta"`
	Age       int64  `parquet:"age,delta"`
	Family    uint8  `parquet:"family,dict"`
	Proto     uint8  `parquet:"proto,dict"`
	SAddr     string `parquet:"saddr,dict"`
	DAddr     string `parquet:"daddr,dict"`
	SPkts     int64  `parquet:"spkts,dict"`
	DPkts     int64  `parquet:"dpkts,dict"`
	SBytes    int64  `parquet:"sbytes,dict"`
	DBytes    int64  `parquet:"dbytes,dict"`
	SL2Bytes  int64  `parquet:"sl2bytes,dict"`
	DL2Bytes  int64  `parquet:"dl2bytes,dict"`
	SAppBytes int64  `parquet:"sappbytes,dict"`
	DAppBytes int64  `parquet:"dappbytes,dict"`
	FlowID    uint64 `parquet:"flowid"`
	Presence  uint32 `parquet:"presence,dict"`
	SynAck    int64  `parquet:"synack,delta"`
	SFlags    uint8  `parquet:"stcpflags,dict"`
	DFlags    uint8  `parquet:"dtcpflags,dict"`
	SBase     uint32 `parquet:"stcpb"`
	DBase     uint32 `parquet:"dtcpb"`
	SEarlier  int64  `parquet:"stcpearlier,dict"`
	DEarlier  int64  `parquet:"dtcpearlier,dict"`
	SShort    int32  `parquet:"sshort,dict"`
	DShort    int32  `parquet:"dshort,dict"`
	SUnacked  int32  `parquet:"sunacked,dict"`
	DUnacked  int32  `parquet:"dunacked,dict"`
}

// TestFilesOfTheFirstVersionAreRead writes rows as the first version did, and in the store beside them one of today.
func TestFilesOfTheFirstVersionAreRead(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	h := newHost(t, 1)
	add(t, s, h.batch(t, 10, 0))
	commit(t, s)
	begin := start.UnixMicro()
	base := someOfFirst{Monitor: h.id.String(), STime: begin, Family: 1, Proto: flow.ProtoTCP, SAddr: "10.0.0.1", DAddr: "10.0.0.2", FlowID: 77}
	first, later, alone := base, base, base
	first.Sequence, first.LTime = 101, begin+9000
	first.SPkts, first.SBytes, first.SL2Bytes, first.SAppBytes, first.SrcBefore = 3, 1000, 42, 800, 100
	first.DPkts, first.DBytes, first.DL2Bytes, first.DAppBytes, first.DstAfter = 2, 500, 28, 300, 2003
	first.SynAck, first.SFlags, first.DFlags, first.SBase, first.DBase = 2000, 0x1a, 0x1a, 4_000_000_000, 7
	first.SShort, first.DShort, first.SUnacked, first.DUnacked = 1, 1, 50, 0
	first.Presence = 1<<5 | uint32(argus.HasTCP|argus.HasExtension)
	later = first
	later.Sequence, later.STime, later.LTime, later.Age = 102, begin+5_000_000, begin+5_009_000, 5_000_000
	later.SEarlier, later.DEarlier = 800, 1<<32-5
	alone.Sequence, alone.Proto, alone.LTime = 103, flow.ProtoUDP, begin+30
	alone.SPkts, alone.SBytes, alone.SL2Bytes, alone.SrcBefore = 1, 60, 14, 30
	alone.DPkts, alone.DBytes, alone.DL2Bytes, alone.DstAfter = 1, 70, 14, 30

	f, err := os.Create(filepath.Join(dir, "flows", "first.parquet"))
	if err != nil {
		t.Fatal(err)
	}
	w := parquet.NewGenericWriter[someOfFirst](f)
	if _, err := w.Write([]someOfFirst{first, later, alone}); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	s.Close()
	v := view(t, dir)
	v.files = append(v.files, File{Name: "flows/first.parquet", Rows: 3, Bytes: info.Size(), MinMonitor: base.Monitor, MaxMonitor: base.Monitor,
		MinTime: begin, MaxTime: later.LTime, Hour: start.Truncate(time.Hour)})

	got, n := map[uint32]argus.Record{}, 0
	for r, err := range v.Scan(Query{Monitor: h.id}) {
		if err != nil {
			t.Fatal(err)
		}
		got[r.Sequence] = *r
		n++
	}
	if n != 10+3 {
		t.Fatalf("%d records, want 13", n)
	}
	at := func(us int64) int64 { return (begin + us) * 1000 }
	r := got[101].Flow
	want := flow.TCPSide{Base: 4_000_000_000, Next: 4_000_000_801, Ack: 308, Payload: 800, Flags: 0x1a}
	if r.TCP.Side[0] != want || r.TCP.Side[1].Next != 308 || r.TCP.Side[1].Ack != 4_000_000_751 {
		t.Errorf("TCP %+v", r.TCP)
	}
	s0, s1 := &r.Side[0], &r.Side[1]
	if s0.First != at(0) || s0.Last != at(8900) || s1.First != at(2003) || s1.Last != at(9000) || s0.IPBytes != 958 || s1.IPBytes != 472 {
		t.Errorf("sides %+v", r.Side)
	}
	if !r.MultiMAC || r.ID != 77 || r.Start != at(0) || s0.MaxSize != 0 || s0.Active.N != 0 || s0.Idle.N != 0 || got[101].Has != argus.HasTCP|argus.HasExtension {
		t.Errorf("record %+v", r)
	}
	l := got[102].Flow
	if l.Side[1].First != at(5_002_003) || l.TCP.Side[0].Payload != 1600 || l.TCP.Side[0].Next != 4_000_001_601 || l.TCP.Side[1].Payload != 295 {
		t.Errorf("later record %+v", l)
	}
	a := got[103].Flow
	if a.Side[0].First != at(0) || a.Side[0].Last != at(0) || a.Side[1].First != at(30) || a.Side[1].Last != at(30) || a.Side[0].IPBytes != 46 {
		t.Errorf("one packet each way %+v", a.Side)
	}
}
