package engines

import (
	"encoding/json"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/collector/store"
	"github.com/argus-endpoint/argus-endpoint/flow"
	"github.com/gofrs/uuid/v5"
	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go"
)

func openStore(t *testing.T, dir string) *store.Store {
	t.Helper()
	b, err := store.OpenBucket(dir)
	if err != nil {
		t.Fatal(err)
	}
	account := func(state []byte, e *store.Evidence) ([]byte, []store.Missing) {
		return state, []store.Missing{{Monitor: e.Monitor, From: e.Received.Add(-time.Minute), To: e.Received, Reason: "asleep", Records: 3, Packets: 1 << 40}}
	}
	s, damaged, err := store.Open(t.Context(), b, 0, store.Config{Account: account})
	if err != nil || damaged > 0 {
		t.Fatal(damaged, err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

var (
	base     = time.Now().Add(-30 * time.Hour).Truncate(time.Hour)
	monitors = []uuid.UUID{uuid.NewV5(uuid.NamespaceDNS, "one"), uuid.NewV5(uuid.NamespaceDNS, "two"), uuid.NewV5(uuid.NamespaceDNS, "three")}
)

// fill commits flows of three hosts and three hours, with numbers as large as they can be, and a status record each time.
func fill(t *testing.T, s *store.Store) {
	t.Helper()
	zip, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	rnd := rand.New(rand.NewPCG(5, 6))
	for n := range 30 {
		for i, m := range monitors {
			enc := argus.Encoder{Monitor: m, Interface: "eth0", Label: []byte(`{"proc":"é \"quoted\""}`)}
			body := enc.AppendManagement(nil, &argus.Management{Cause: flow.CauseStart})
			at := base.Add(time.Duration(n) * 6 * time.Minute)
			var records []byte
			for range 40 {
				records = enc.AppendFlow(records, someFlow(rnd, at.Add(time.Duration(rnd.Int64N(int64(5*time.Minute)))), i))
			}
			records = enc.AppendManagement(records, &argus.Management{Cause: flow.CauseStatus, Start: at.UnixNano(), Now: at.UnixNano()})
			first := uint64(n*41 + 1)
			if _, err := argus.Number(records, first); err != nil {
				t.Fatal(err)
			}
			if _, err := s.Add(&store.Batch{Monitor: m, Epoch: 0xfedcba9876543210, First: first, Last: first + 40, Received: at.Add(6 * time.Minute),
				Body: zip.EncodeAll(append(body, records...), nil)}); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Commit(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

func someFlow(rnd *rand.Rand, at time.Time, host int) *flow.Record {
	begin := at.UnixNano() / 1000 * 1000
	f := &flow.Record{ID: rnd.Uint64(), Start: begin, Cause: flow.CauseStart, Initiator: flow.InitiatorSeen}
	f.Family, f.Proto, f.SrcPort, f.DstPort = flow.FamilyIPv4, flow.ProtoUDP, uint16(32768+rnd.IntN(32768)), []uint16{53, 443, 65535}[rnd.IntN(3)]
	copy(f.Src[:], []byte{10, 0, 0, byte(host)})
	copy(f.Dst[:], []byte{192, 0, 2, byte(rnd.ExpFloat64() * 20)})
	if rnd.IntN(3) == 0 {
		f.Family, f.Proto = flow.FamilyIPv6, flow.ProtoTCP
		f.Src, f.Dst = [16]byte{0: 0x20, 1: 1, 15: byte(host)}, [16]byte{0: 0x20, 1: 1, 2: 0xd, 3: 0xb8, 15: byte(rnd.IntN(9))}
		f.TCP.SynAck = int64(rnd.IntN(1e6)) * 1000
	}
	for i := range f.Side {
		side := &f.Side[i]
		side.Packets = 1 + uint64(rnd.ExpFloat64()*3)
		side.First = begin + int64(i)*int64(rnd.IntN(1e6))*1000
		side.Last = side.First + int64(rnd.IntN(1e9))/1000*1000
		if side.Packets == 1 {
			side.Last = side.First
		}
		side.Payload = uint64(rnd.Int64N(1 << 36))
		side.IPBytes = side.Payload + 28*side.Packets
		side.Bytes = side.IPBytes + (14+4*uint64(i))*side.Packets
	}
	return f
}

// firstRow has some of the columns of the first version of the schema.
type firstRow struct {
	Monitor  string `parquet:"monitor,dict"`
	Epoch    string `parquet:"epoch,dict"`
	Sequence int64  `parquet:"sequence,delta"`
	STime    int64  `parquet:"stime,timestamp(microsecond),delta"`
	LTime    int64  `parquet:"ltime,timestamp(microsecond),delta"`
	Family   uint8  `parquet:"family,dict"`
	Proto    uint8  `parquet:"proto,dict"`
	SAddr    string `parquet:"saddr,dict"`
	DAddr    string `parquet:"daddr,dict"`
	SPort    uint16 `parquet:"sport,dict"`
	DPort    uint16 `parquet:"dport,dict"`
	SPkts    int64  `parquet:"spkts,dict"`
	DPkts    int64  `parquet:"dpkts,dict"`
	SBytes   int64  `parquet:"sbytes,dict"`
	DBytes   int64  `parquet:"dbytes,dict"`
	Label    string `parquet:"label,dict"`
	SL2Bytes int64  `parquet:"sl2bytes,dict"`
	FlowID   uint64 `parquet:"flowid"`
}

// writeFirstVersion makes a store as the first version did.
func writeFirstVersion(t *testing.T, dir string) {
	t.Helper()
	name := "flows/hour=" + base.UTC().Format("2006-01-02T15") + "/" + uuid.Must(uuid.NewV7()).String() + ".parquet"
	path := filepath.Join(dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		t.Fatal(err)
	}
	var rows []firstRow
	for i := range 50 {
		rows = append(rows, firstRow{Monitor: monitors[0].String(), Epoch: "0000000000000001", Sequence: int64(i + 1), STime: base.Add(time.Duration(i) * time.Second).UnixMicro(),
			LTime: base.Add(time.Minute).UnixMicro(), Family: 1, Proto: 17, SAddr: "10.0.0.0", DAddr: "192.0.2.1", DPort: 443, SPkts: 2, SBytes: 1000, SL2Bytes: 28, FlowID: 1<<63 + uint64(i)})
	}
	if err := parquet.WriteFile(path, rows); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	line, err := json.Marshal(map[string]any{
		"files": []store.File{{Name: name, Rows: 50, Bytes: info.Size(), MinMonitor: rows[0].Monitor, MaxMonitor: rows[0].Monitor, MinTime: rows[0].STime, MaxTime: rows[0].LTime, Hour: base}},
		"marks": []store.Mark{{Monitor: monitors[0], Epoch: 1, Sequence: 50, Records: 50, First: base, Last: base}},
	})
	if err != nil {
		t.Fatal(err)
	}
	manifest := fmt.Appendf(nil, "%08x %s\n", crc32.Checksum(line, crc32.MakeTable(crc32.Castagnoli)), line)
	if err := os.WriteFile(filepath.Join(dir, "manifest"), manifest, 0o640); err != nil {
		t.Fatal(err)
	}
}
