package judge

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/flow"
)

// TestRecordsOfCorpus meters every capture with everything on, in both versions: what is decoded is written again octet
// for octet, and Debian's ra finds every record of the v3 stream.
func TestRecordsOfCorpus(t *testing.T) {
	config := flow.DefaultConfig()
	config.UserData = 64
	captures, records := 0, 0
	var v3 []byte
	for _, row := range corpus(t) {
		captures++
		for _, version := range []argus.Version{argus.V5, argus.V3} {
			p := newPipeline(config)
			p.enc.Version, p.enc.FlowHash, p.dec.DNSTransactions = version, true, true
			p.read(t, pcap(t, row["file"]))
			var again []byte
			for _, r := range p.records(t) {
				again = p.enc.AppendFlow(again, &r.Flow)
				if version == argus.V3 {
					records++
				}
			}
			if version == argus.V3 {
				v3 = append(v3, p.out...)
				continue // it has no room for the segment size
			}
			if !bytes.Equal(again, p.out) {
				t.Errorf("%s: what was read is not what was written", row["file"])
			}
		}
	}
	e := argus.Encoder{Version: argus.V3}
	file := filepath.Join(t.TempDir(), "corpus.arg")
	stream := append(e.AppendManagement(nil, &argus.Management{Cause: flow.CauseStart, Interval: 60}), v3...)
	if err := os.WriteFile(file, stream, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(debian(t, "ra"), "-F", "/dev/null", "-n", "-L", "-1", "-r", file, "-s", "proto", "saddr", "daddr", "spkts", "dpkts", "-", "not", "man").Output()
	if err != nil {
		t.Fatalf("ra: %v", err)
	}
	if n := bytes.Count(out, []byte("\n")); n != records {
		t.Errorf("ra finds %d of %d records", n, records)
	}
	t.Logf("judge: argus: %d captures of the corpus, %d records in each version", captures, records)
}
