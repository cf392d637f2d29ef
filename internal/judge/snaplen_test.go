package judge

import (
	"errors"
	"io"
	"testing"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/capture"
	"github.com/argus-endpoint/argus-endpoint/flow"
)

// TestSnapLength meters captures whole and cut to 96 octets a frame: what TCP shows is the same, as lengths come from headers.
func TestSnapLength(t *testing.T) {
	for _, name := range []string{"zeek__cwd-navigation.pcap", "zeek__206_example_c.pcap", "joy__kali-normal-ssh.pcap",
		"zeek__irc-dcc-send.trace", "zeek__connect-with-smtp.trace", "arkime__wireshark-retrans.pcap"} {
		whole, cut := cutTo(t, pcap(t, name), 1<<16), cutTo(t, pcap(t, name), 96)
		if len(whole) != len(cut) || len(whole) == 0 {
			t.Fatalf("%s: %d flows, cut to 96 octets %d", name, len(whole), len(cut))
		}
		for i := range whole {
			a, b := &whole[i].Flow, &cut[i].Flow
			if a.TCP != b.TCP || a.History != b.History || a.Side[0].Payload != b.Side[0].Payload || a.Side[1].Payload != b.Side[1].Payload {
				t.Errorf("%s: %+v %s\ncut to 96 octets %+v %s", name, a.TCP, a.History.String(), b.TCP, b.History.String())
			}
		}
	}
}

// cutTo meters a capture of which at most snap octets a frame were captured.
func cutTo(t *testing.T, path string, snap int) []*argus.Record {
	t.Helper()
	src, err := capture.OpenFile(path)
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	p := newPipeline(flow.DefaultConfig())
	for {
		var f capture.Frame
		data, err := src.Next(&f, 0)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		data = data[:min(len(data), snap)]
		f.CaptureLength = len(data)
		p.add(data, &f)
	}
	p.end()
	return aggregated(p.records(t))
}
