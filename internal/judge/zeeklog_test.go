package judge

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/argus/fields"
	"github.com/argus-endpoint/argus-endpoint/collector/zeek"
)

// TestZeekLogImport reads the lines of Zeek's conn.log that the meter is held against as import does, and compares what the records
// print with the lines: conn_state, history, packets, octets, addresses and ports. Nothing is excused.
func TestZeekLogImport(t *testing.T) {
	names, err := filepath.Glob(shared(t, "corpus", "oracle", "zeek") + "/*.json")
	if err != nil || len(names) == 0 {
		t.Fatalf("no baselines: %v", err)
	}
	lines := 0
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var file struct {
			Capture   string
			Baselines []struct {
				Log  string
				Rows []map[string]any
			}
		}
		if err := json.Unmarshal(text, &file); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, b := range file.Baselines {
			if b.Log != "conn" {
				continue
			}
			for i, row := range b.Rows {
				compareZeekLine(t, fmt.Sprintf("%s line %d", file.Capture, i+1), row)
				lines++
			}
		}
	}
	if lines < 80 {
		t.Fatalf("only %d lines", lines)
	}
	t.Logf("judge: zeek import: %d lines of %d files", lines, len(names))
}

func compareZeekLine(t *testing.T, where string, row map[string]any) {
	t.Helper()
	row["ts"] = 1700000000.5 // the baselines have none
	line, err := json.Marshal(row)
	if err != nil {
		t.Fatal(err)
	}
	var want zeekRow
	if err := json.Unmarshal(line, &want); err != nil {
		t.Fatal(err)
	}
	conn, err := zeek.NewReader(bytes.NewReader(line)).Next()
	if err != nil {
		t.Errorf("%s: %v\n%s", where, err, line)
		return
	}
	var enc argus.Encoder
	for r, err := range argus.Records(enc.AppendFlow(nil, &conn.Flow)) {
		if err != nil {
			t.Fatal(err)
		}
		f := &r.Flow
		k, _, _ := keyOfRecord(f)
		if kk, ok := zeekKey(f); ok {
			k = kk
		}
		if wanted, _ := want.key(); k != wanted && (f.Proto == 6 || f.Proto == 17) {
			t.Errorf("%s: tuple %v, want %v", where, k, wanted)
		}
		if got := fields.ConnState(r); want.State != "" && got != want.State {
			t.Errorf("%s: conn_state %s, want %s: %s", where, got, want.State, line)
		}
		if want.History != nil {
			if got, _, _ := bytes.Cut(f.History[:], []byte{0}); string(got) != (*want.History)[:min(len(*want.History), len(f.History))] {
				t.Errorf("%s: history %s, want %s", where, got, *want.History)
			}
		}
		got := [6]uint64{f.Side[0].Packets, f.Side[0].IPBytes, f.Side[0].Payload, f.Side[1].Packets, f.Side[1].IPBytes, f.Side[1].Payload}
		counts := [6]uint64{want.OrigPackets, want.OrigIPBytes, orNone(want.OrigBytes), want.RespPackets, want.RespIPBytes, orNone(want.RespBytes)}
		if got != counts {
			t.Errorf("%s: packets, octets of IP and payload %v, want %v", where, got, counts)
		}
	}
}

func orNone(n *uint64) uint64 {
	if n == nil {
		return 0
	}
	return *n
}
