package judge

import (
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"testing"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/flow"
)

// losses are what one end of a TCP conversation shows of loss and disorder, in segments.
type losses struct {
	Retrans    int `json:"retrans"`
	OutOfOrder int `json:"out_of_order"`
}

// readLosses returns tshark's analysis of a capture's TCP conversations, of the inner layer.
func readLosses(t *testing.T, path string) map[convKey]*[2]losses {
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	all := map[convKey]*[2]losses{}
	for lines := json.NewDecoder(z); ; {
		var l struct {
			truthLine
			SrcAnalysis losses `json:"src_analysis"`
			DstAnalysis losses `json:"dst_analysis"`
		}
		if err := lines.Decode(&l); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		if l.Kind != "conv" || l.Layer != "inner" || *l.ProtoNum != flow.ProtoTCP {
			continue
		}
		k, i := keyOf(flow.ProtoTCP, netip.AddrPortFrom(netip.MustParseAddr(l.Src), l.Sport), netip.AddrPortFrom(netip.MustParseAddr(l.Dst), l.Dport))
		all[k] = new([2]losses)
		all[k][i], all[k][1-i] = l.SrcAnalysis, l.DstAnalysis
	}
}

// ourLosses sums the records of each conversation.
func ourLosses(records []*argus.Record) map[convKey]*[2]losses {
	all := map[convKey]*[2]losses{}
	for _, r := range records {
		f := &r.Flow
		k, i, ok := keyOfRecord(f)
		if !ok || !f.IsTCP() {
			continue
		}
		if all[k] == nil {
			all[k] = new([2]losses)
		}
		for side := range f.TCP.Side {
			s, l := &f.TCP.Side[side], &all[k][i^side]
			l.Retrans += int(s.Retrans)
			l.OutOfOrder += int(s.OutOfOrder)
		}
	}
	return all
}

// TestLosses holds the retransmitted and disordered segments of every TCP conversation against tshark's analysis.
func TestLosses(t *testing.T) {
	var v verdict
	retrans, disorder := 0, 0
	for _, row := range corpus(t) {
		want := readLosses(t, shared(t, "corpus", "oracle", "tshark")+"/"+row["file"]+".truth.jsonl.gz")
		got := ourLosses(meter(t, pcap(t, row["file"]), nil))
		v.captures++
		for k, w := range want {
			g := got[k]
			if g == nil { // TestTshark's matter
				continue
			}
			v.conversations++
			if *g == *w {
				v.equal++
			} else {
				v.differences = append(v.differences, fmt.Sprintf("%s: %s: %v, tshark %v", row["file"], k, *g, *w))
			}
			retrans += w[0].Retrans + w[1].Retrans
			disorder += w[0].OutOfOrder + w[1].OutOfOrder
		}
	}
	excused := v.excuse(t, "loss-differences.json")
	t.Logf("judge: loss: %d captures, %d TCP conversations, %d equal, %d excused; tshark has %d retransmissions and %d out of order",
		v.captures, v.conversations, v.equal, v.conversations-v.equal, retrans, disorder)
	for _, line := range excused {
		t.Logf("judge: loss: %s", line)
	}
}
