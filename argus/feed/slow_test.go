package feed

import (
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/flow"
)

// A client whose filter takes longer than records take to come is slow too, though nothing is ever written to it, and it holds no
// memory of what it will not have.
func TestSlowFilters(t *testing.T) {
	nothing := func(string) (func(*argus.Record) bool, error) {
		return func(*argus.Record) bool { time.Sleep(10 * time.Millisecond); return false }, nil
	}
	for _, interval := range []time.Duration{2 * time.Second, time.Hour} {
		withClock(t, Config{Parse: nothing, Buffer: 1 << 20, Interval: interval}, func(t *testing.T, s *Server, p *pipes) {
			c, other := p.dial(t), p.dial(t)
			go say(t, c, 0, "FILTER: x\n", "START: ")
			say(t, other, 0, "START: ")
			var answer [2]byte
			if _, err := io.ReadFull(c, answer[:]); err != nil || string(answer[:]) != "OK" {
				t.Fatalf("%q %v", answer, err)
			}
			told := make(chan int)
			go func() {
				n := 0
				for in := argus.NewReader(c); ; n++ {
					if r, err := in.Next(); err != nil || r.Cause != flow.CauseStatus {
						told <- n
						return
					}
				}
			}()
			go func() { _, _ = io.Copy(io.Discard, other) }()
			synctest.Wait()
			block := flows(10, 1)
			began := time.Now()
			for s.Stats().Clients == 2 && time.Since(began) < 5*time.Minute {
				s.Publish(block)
				time.Sleep(50 * time.Millisecond) // half of what the filter needs
			}
			if st := s.Stats(); st.Slow != 1 || st.Clients != 1 {
				t.Errorf("after %v: %+v", time.Since(began), st)
			}
			if n := <-told; n == 0 && interval < time.Minute {
				t.Errorf("it heard nothing of the server in %v", time.Since(began))
			}
		})
	}
}

// A filter of one's own that lets no management records pass does not silence the server.
func TestStatusDespiteFilter(t *testing.T) {
	withClock(t, Config{Parse: ports, Interval: 10 * time.Second}, func(t *testing.T, s *Server, p *pipes) {
		c := p.dial(t)
		go say(t, c, 0, "FILTER: port 2\n", "START: ")
		var answer [2]byte
		if _, err := io.ReadFull(c, answer[:]); err != nil || string(answer[:]) != "OK" {
			t.Fatalf("%q %v", answer, err)
		}
		synctest.Wait()
		enc := argus.Encoder{Monitor: serverID}
		own := enc.AppendManagement(nil, &argus.Management{Cause: flow.CauseStatus, Packets: 17})
		began := time.Now()
		ended := make(chan bool)
		go func() {
			for range 10 {
				s.Publish(own)
				time.Sleep(9 * time.Second)
			}
			close(ended)
		}()
		in := argus.NewReader(c)
		if r, err := in.Next(); err != nil || r.Management.Packets == 17 || time.Since(began) > 20*time.Second {
			t.Errorf("after %v: %+v, %v", time.Since(began), r, err)
		}
		go func() { _, _ = io.Copy(io.Discard, c) }()
		<-ended
	})
}
