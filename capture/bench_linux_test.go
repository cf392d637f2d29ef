package capture

import (
	"errors"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/argus-endpoint/argus-endpoint/flow"
)

// TestMain lets the test binary be the sender of BenchmarkRing in a process of its own,
// so that the CPU time of sending is not counted.
func TestMain(m *testing.M) {
	if os.Getenv("CAPTURE_TEST_SEND") != "" {
		sendPaced()
		return
	}
	os.Exit(m.Run())
}

// sendPaced sends CAPTURE_TEST_SEND frames at 100,000 a second out of interface va.
func sendPaced() {
	n, _ := strconv.Atoi(os.Getenv("CAPTURE_TEST_SEND"))
	size, _ := strconv.Atoi(os.Getenv("CAPTURE_TEST_SIZE"))
	tb := &testing.B{}
	s := newSender(tb, device(tb, "va"))
	var frames [64][]byte
	for i := range frames {
		frames[i] = ethernet(etherIPv4, ipv4(flow.ProtoTCP, tcp(40000+i, 443, flow.ACK, nil, make([]byte, size-54))))
	}
	start := time.Now()
	for i := range n {
		for i%10 == 0 && time.Since(start) < time.Duration(i)*10*time.Microsecond {
		}
		s.send(tb, frames[i%len(frames)])
	}
}

// BenchmarkRing reads and decodes 100,000 packets a second from a veth; it reports the CPU time of this process a packet.
func BenchmarkRing(b *testing.B) {
	for _, size := range []string{"64", "300", "1514"} {
		b.Run(size, func(b *testing.B) {
			for b.Loop() {
				benchRing(b, size)
			}
		})
	}
}

func benchRing(b *testing.B, size string) {
	const n = 300_000
	inNamespace(b)
	_, in := veth(b)
	s := openRing(b, in)
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "CAPTURE_TEST_SEND="+strconv.Itoa(n), "CAPTURE_TEST_SIZE="+size)
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	var d Decoder
	var f Frame
	var p flow.Packet
	var before, after syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &before)
	got := 0
	for {
		data, err := s.Next(&f, time.Second)
		if errors.Is(err, ErrTimeout) {
			if got > 0 {
				break
			}
			continue
		}
		if err != nil {
			b.Fatal(err)
		}
		d.Decode(data, &f, &p)
		got++
	}
	syscall.Getrusage(syscall.RUSAGE_SELF, &after)
	cmd.Wait()
	st, _ := s.Stats()
	cpu := after.Utime.Nano() + after.Stime.Nano() - before.Utime.Nano() - before.Stime.Nano()
	b.ReportMetric(float64(cpu)/float64(got), "cpu-ns/packet")
	b.ReportMetric(float64(st.Dropped), "drops")
	b.ReportMetric(float64(got), "packets")
}
