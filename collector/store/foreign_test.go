package store

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/flow"
)

// TestForeignRecordsFitTheColumns: of what Debian's sensor and Argus 5 write, few records are kept whole beside the columns: that costs more
// than all columns together.
func TestForeignRecordsFitTheColumns(t *testing.T) {
	for dir, most := range map[string]int{"v3-argus3": 1, "v5-argus5": 8} {
		names, _ := filepath.Glob("../../../shared/formats/argus-vectors/" + dir + "/*.arg")
		if len(names) == 0 {
			t.Skip("no vectors beside the checkout")
		}
		whole, all := 0, 0
		for _, name := range names {
			b, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			for r, err := range argus.Records(b) {
				if err != nil {
					t.Fatal(err)
				}
				if r.Kind != argus.KindFlow {
					continue
				}
				all++
				row := Row{Monitor: r.Monitor.Host().String(), Sequence: int64(all)}
				if row.fill(r, newNames()); len(row.Raw) > 0 {
					whole++
				}
			}
		}
		if whole > most {
			t.Errorf("%s: %d of %d records are kept whole, want %d", dir, whole, all, most)
		}
	}
}

// TestWhatHasNoColumnIsKept, with the sensor's own identity and number.
func TestWhatHasNoColumnIsKept(t *testing.T) {
	r := argus.Record{Kind: argus.KindFlow, Version: argus.V5, Cause: flow.CauseStatus, Has: argus.HasSequence | argus.HasLocality, Sequence: 77,
		Monitor: argus.ID{Kind: 0x02, Bytes: [16]byte{0x20, 1, 0xd, 0xb8}}}
	r.Flow.Key = flow.Key{Family: flow.FamilyIPv4, Proto: flow.ProtoUDP}
	r.Flow.Side[0] = flow.Side{Packets: 3, Bytes: 180, First: 1e18, Last: 2e18}
	r.Added.AS, r.Added.Country = [3]uint32{64500, 64501, 64502}, [2][2]byte{{'D', 'E'}, {'U', 'S'}}
	r.Added.Position[0] = argus.Position{Latitude: 52.5, Longitude: 13.4, Known: true}
	r.Added.Aggregate = argus.Aggregate{Count: 9}
	var enc argus.Encoder
	for want := range argus.Records(enc.AppendRecord(nil, &r)) {
		row := Row{Monitor: want.Monitor.Host().String(), Sequence: 5}
		row.fill(want, newNames())
		if row.SAS != 64500 || row.DAS != 64501 || row.SCO != "DE" || row.DCO != "US" {
			t.Errorf("columns %d %d %q %q", row.SAS, row.DAS, row.SCO, row.DCO)
		}
		var back argus.Record
		row.record(&back, 0)
		if back.Added != want.Added || back.Added.Aggregate.Count != 9 || back.Monitor != want.Monitor || back.Sequence != 77 || back.Flow.Side[0].Packets != 3 {
			t.Errorf("back %+v\nwant %+v", back, *want)
		}
		row.Raw = []byte("damaged")
		row.record(&back, 0)
		if back.Flow.Side[0].Packets != 3 {
			t.Errorf("of a damaged one the columns count: %+v", back)
		}
	}
}
