package feed

import (
	"io"
	"net"
	"strings"
	"testing"

	"github.com/argus-endpoint/argus-endpoint/argus"
)

// TestFilterNotAsked: a server that refuses the filter, and one of Argus 3 that would fail at it, are asked for everything.
func TestFilterNotAsked(t *testing.T) {
	for _, c := range []struct {
		filter string
		v      argus.Version
		asked  []string // what each connection begins with
	}{
		{"srcid eth0", argus.V5, []string{"FILTER: ", "START: "}}, // the second one is not asked
		{"srcid eth0", argus.V3, []string{"START: "}},
		{"(tcp and port ssh)", argus.V3, []string{"START: "}},
		{"not(host 10.0.0.1 or srcid 01234567-89ab-cdef-0123-456789abcdef)", argus.V3, []string{"START: "}},
		{"(tcp and src net 10.0.0.0/8)or port 20-22", argus.V3, []string{"FILTER: ", "START: "}},
	} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		began := make(chan string, 9)
		go func() {
			for {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				mar := (&argus.Encoder{Version: c.v, Monitor: serverID}).AppendManagement(nil, &argus.Management{Cause: 0x10, Interval: 1})
				_, _ = conn.Write(mar)
				verb := make([]byte, 7)
				_, _ = io.ReadFull(conn, verb)
				if began <- strings.TrimRight(string(verb), " ") + " "; verb[0] == 'F' {
					_, _ = conn.Write([]byte("SY"))
					_ = conn.Close()
				}
			}
		}()
		src := source(t, l.Addr().String())
		src.Filter = c.filter
		lost := 0
		err = Follow(t.Context(), src, func(r *argus.Record) error { return io.ErrClosedPipe }, func(err error) {
			if lost++; !strings.Contains(err.Error(), "filter") {
				t.Errorf("%s: %v", c.filter, err)
			}
		})
		if err != io.ErrClosedPipe || lost != len(c.asked)-1 {
			t.Errorf("%s: %v, told %d times", c.filter, err, lost)
		}
		for _, want := range c.asked {
			if got := <-began; got != want {
				t.Errorf("%s, version %d: asked %q, want %q", c.filter, c.v, got, want)
			}
		}
	}
}
