package feed

import (
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/argus-endpoint/argus-endpoint/argus"
)

// ports is a stand-in for the filter language: one word, the source port.
func ports(expression string) (func(*argus.Record) bool, error) {
	var port uint16
	if n, err := fmt.Sscanf(expression, "port %d", &port); n != 1 || err != nil {
		return nil, errors.New("want port NUMBER")
	}
	return func(r *argus.Record) bool { return r.Kind == argus.KindFlow && r.Flow.SrcPort == port }, nil
}

// received reads until the server closes, and returns the source ports of the flows, and how many management records there were.
func received(t *testing.T, c net.Conn) (got []uint16, management int) {
	t.Helper()
	in := argus.NewReader(c)
	for {
		r, err := in.Next()
		if err != nil {
			return got, management
		}
		if r.Kind == argus.KindManagement {
			management++
		} else {
			got = append(got, r.Flow.SrcPort)
		}
	}
}

// Whatever way the commands of a client come in, glued or split, the client gets what it asked for.
func TestCommands(t *testing.T) {
	all, second := []uint16{1, 2, 3}, []uint16{2}
	for _, c := range []struct {
		name   string
		pieces []string
		answer string
		want   []uint16 // nil: the connection ends without a record
	}{
		{"ra without a filter", []string{"START: "}, "", all},
		{"ra 5", []string{"START: user='root',cmd='ra[1234]'"}, "", all},
		{"filter", []string{"FILTER: man or (port 2)", "START: "}, "OK", second},
		{"glued", []string{"FILTER: man or (port 2)START: "}, "OK", second},
		{"no brackets", []string{"FILTER: port 2", "START: "}, "OK", second},
		{"octet by octet", append(strings.Split("FILTER: man or (port 2)", ""), "START: "), "OK", second},
		{"split", []string{"FIL", "TER: man or (", "port 2)", "STAR", "T: user='x'"}, "OK", second},
		{"line ends", []string{"FILTER: port 2\n", "START: \n"}, "OK", second},
		{"NUL ends", []string{"FILTER: port 2\x00START: \x00"}, "OK", second},
		{"the last filter counts", []string{"FILTER: port 1", "FILTER: port 2", "START: "}, "OKOK", second},
		{"empty filter", []string{"FILTER: man or ()", "START: "}, "OK", all},
		{"bad filter", []string{"FILTER: man or (prot 2)", "START: "}, "SY", all},
		{"other commands", []string{"MODEL: x", "PROJECT: y", "GEN: z", "START: "}, "", all},
		{"DONE", []string{"DONE: "}, "", nil},
		{"DONE glued to START", []string{"START: user='x'DONE: "}, "", nil},
		{"unknown", []string{"GET / HTTP/1.1\r\n\r\n"}, "", nil},
		{"unprintable", []string{"FILTER: \x01\x02"}, "", nil},
		{"TLS", []string{"\x16\x03\x01\x02\x00"}, "", nil},
		{"huge", []string{"FILTER: " + strings.Repeat("a or ", 4000)}, "", nil},
		{"STATUS where nobody answers", []string{"STATUS: "}, "", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			withClock(t, Config{Parse: ports}, func(t *testing.T, s *Server, p *pipes) {
				conn := p.dial(t)
				answer := make(chan string)
				go func() {
					var got [4]byte
					n, _ := io.ReadFull(conn, got[:len(c.answer)])
					answer <- string(got[:n])
				}()
				for _, text := range c.pieces {
					if _, err := io.WriteString(conn, text); err != nil {
						break // it was sent away
					}
					time.Sleep(quiet + time.Millisecond)
				}
				if got := <-answer; got != c.answer {
					t.Errorf("answered %q, want %q", got, c.answer)
				}
				time.Sleep(greetTimeout / 2)
				if began := s.Listened(); began != (c.want != nil) {
					t.Fatalf("records are to come: %v", began)
				}
				done := make(chan bool)
				go func() {
					s.Publish(flows(3, 1))
					time.Sleep(time.Second)
					_, _ = io.WriteString(conn, "DO")
					time.Sleep(time.Second)
					_, _ = io.WriteString(conn, "NE: ")
					done <- true
				}()
				if got, _ := received(t, conn); !slices.Equal(got, c.want) {
					t.Errorf("got %v, want %v", got, c.want)
				}
				<-done
			})
		})
	}
}

// Management records come with a filter too, as clients ask for it; not when they do not.
func TestFilterAndManagement(t *testing.T) {
	for filter, want := range map[string]int{"man or (port 2)": 1, "port 2": 0} {
		withClock(t, Config{Parse: ports}, func(t *testing.T, s *Server, p *pipes) {
			c := p.dial(t)
			say(t, c, time.Second, "FILTER: "+filter)
			if _, err := io.ReadFull(c, make([]byte, 2)); err != nil {
				t.Fatal(err)
			}
			say(t, c, time.Second, "START: ")
			go func() {
				enc := argus.Encoder{Monitor: hostID}
				s.Publish(enc.AppendManagement(flows(3, 1), &argus.Management{Cause: 0x20}))
				s.Publish(enc.AppendManagement(nil, &argus.Management{Cause: 0x10})) // START: never
				time.Sleep(time.Second)
				_, _ = io.WriteString(c, "DONE: ")
			}()
			if got, n := received(t, c); n != want || !slices.Equal(got, []uint16{2}) {
				t.Errorf("%q: %v and %d management records", filter, got, n)
			}
		})
	}
}

// The status of the server is for those to whom Answer gives it.
func TestAnswer(t *testing.T) {
	s, addr := serve(t, Config{Answer: func(command, network string) ([]byte, bool) {
		return []byte("all is well"), command == "STATUS" && network == "unix"
	}})
	if b, err := Ask(t.Context(), source(t, addr), "STATUS", 100); len(b) > 0 {
		t.Errorf("over TCP: %q, %v", b, err)
	}
	l, err := Listen(t.Context(), t.TempDir()+"/socket")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = s.Serve(t.Context(), l) }()
	b, err := Ask(t.Context(), source(t, l.Addr().String()), "STATUS", 100)
	if err != nil || string(b) != "all is well" {
		t.Errorf("%q, %v", b, err)
	}
}

func TestUnwrap(t *testing.T) {
	for text, want := range map[string]string{
		"man or (tcp)": "tcp", "man or ((tcp) or udp)": "(tcp) or udp", "tcp": "tcp", " man or ( tcp ) ": "tcp",
		"man or (tcp) or (udp)": "man or (tcp) or (udp)", "man or tcp": "man or tcp", "man or (": "man or (", "man or ()": "",
	} {
		if got, _ := unwrap(text); got != want {
			t.Errorf("unwrap(%q) = %q, want %q", text, got, want)
		}
	}
}

// Whatever comes, however it is split: commands are taken apart to an end, and what ra says is understood.
func FuzzCommands(f *testing.F) {
	for _, s := range []string{"START: ", "FILTER: man or (tcp)START: ", "FILTER: a\x00START: user='x',cmd='y'", "DONE: ", "MODEL: FILE: GEN: ", "FIL", "STATUS: ", "FILTER: ((((", "\r\n\r\nSTART: "} {
		f.Add([]byte(s), len(s)/2, true)
	}
	f.Fuzz(func(t *testing.T, data []byte, at int, still bool) {
		in := chat{extra: []string{"STATUS: "}}
		at = min(max(at, 0), len(data))
		for i, piece := range [][]byte{data[:at], data[at:]} {
			in.buf = append(in.buf, piece...)
			for {
				before := len(in.buf)
				verb, argument, ok, err := in.next(still && i == 1)
				if err != nil {
					return
				}
				if !ok {
					break
				}
				if len(in.buf) >= before || len(verb)+len(argument) > before {
					t.Fatalf("%q %q leaves %d of %d octets", verb, argument, len(in.buf), before)
				}
			}
		}
		if !still || len(in.buf) == 0 {
			return
		}
		if verb, more := in.verb(in.buf); verb == "" && !more {
			t.Errorf("%q is no beginning of a command, and was not refused", in.buf)
		}
	})
}
