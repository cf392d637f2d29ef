package agent

import (
	"io"
	"net"
	"testing"
	"time"

	"github.com/argus-endpoint/argus-endpoint/internal/await"
	"github.com/argus-endpoint/argus-endpoint/internal/netns"
)

// bulk sends n octets over a connection from here to a server that lives at host, on this side or the peer's.
func bulk(t *testing.T, client, server net.Conn, n int) {
	t.Helper()
	done := make(chan error, 1)
	go func() {
		_, err := io.CopyN(io.Discard, server, int64(n))
		done <- err
	}()
	if _, err := client.Write(make([]byte, n)); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// What the system counts of an interface and what was captured of it agree, in octets within a twentieth, whatever stands for a
// frame on its way: super-frames of a TCP transfer, datagrams, the two copies of the loopback's frames. docs/status-record.md
// says which comparison is worth something; the collector's rule for an interface that is blind stands on this.
func TestCapturedIsWhatTheSystemCounts(t *testing.T) {
	if !netns.Inside(t) {
		return
	}
	p := newPeer(t)
	p.link(t, "va", 1)
	here := func(f func()) { f() }
	there := func(f func()) { p.inside(t, f) }
	r := start(t, nil)
	r.meters(5*time.Second, "lo", "va")
	c, s := connect(t, "10.1.0.2", there, here)
	bulk(t, c, s, 30<<20)
	bulk(t, s, c, 30<<20)
	udp(t, "10.1.0.2:4000", 3000, 700)
	c, s = connect(t, "127.0.0.1", here, here)
	bulk(t, c, s, 30<<20)
	udp(t, "127.0.0.1:9", 3000, 700)
	var last *Status
	await.Event(t, 5*time.Second, "the counters stand", func() bool {
		before := last
		last, _ = ReadStatus(t.Context(), r.c.State)
		<-time.After(300 * time.Millisecond)
		return before != nil && before.Totals.Captured == last.Totals.Captured
	})
	for _, in := range last.Interfaces {
		if in.NIC == nil {
			t.Fatalf("%s: no counters: %+v", in.Name, in)
		}
		octets, frames := in.NIC.RxBytes+in.NIC.TxBytes, in.NIC.RxPackets+in.NIC.TxPackets
		if in.Kind == "loopback" {
			octets /= 2
		}
		ratio := float64(in.Bytes) / float64(octets)
		t.Logf("measured: %s: %d frames and %.1f MB by the system, %d filtered; %d captured, %d dropped by the ring, %.1f MB: %.3f of the octets",
			in.Name, frames, float64(octets)/1e6, in.Filtered, in.Captured, in.RingDropped, float64(in.Bytes)/1e6, ratio)
		if in.RingDropped == 0 && (ratio < 0.95 || ratio > 1.05 || in.Captured+in.Filtered > frames+frames/20 || in.Captured+in.Filtered < frames-frames/20) {
			t.Errorf("%s: they do not agree: %+v, %+v", in.Name, in.NIC, in.Accounts)
		}
	}
	r.end()
}
