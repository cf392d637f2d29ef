//go:build linux

package main

import (
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"time"

	"github.com/argus-endpoint/argus-endpoint/flow"
)

// openFlows are kinds of flows as P4 knows them: add makes flow i of a table be there.
var openFlows = []struct {
	what string
	add  func(add func(*flow.Packet), p *flow.Packet, i int)
	rest bool // they have reported and are silent
}{
	{"one UDP packet", func(add func(*flow.Packet), p *flow.Packet, _ int) { datagram(add, p, false) }, false},
	{"one TCP packet", func(add func(*flow.Packet), p *flow.Packet, _ int) { segment(add, p, flow.SYN, 0, false) }, false},
	{"UDP both ways", func(add func(*flow.Packet), p *flow.Packet, _ int) { datagram(add, p, false); datagram(add, p, true) }, false},
	{"TCP conversation, every metric", func(add func(*flow.Packet), p *flow.Packet, _ int) { converse(add, p) }, false},
	{"TCP established, idle", func(add func(*flow.Packet), p *flow.Packet, _ int) { converse(add, p) }, true},
}

func datagram(add func(*flow.Packet), p *flow.Packet, back bool) {
	p.Proto, p.FrameLen, p.IPLen, p.PayloadLen = flow.ProtoUDP, 100, 86, 58
	pass(add, p, back)
}

func segment(add func(*flow.Packet), p *flow.Packet, flags uint8, payload uint32, back bool) {
	p.Proto, p.FrameLen, p.IPLen, p.PayloadLen = flow.ProtoTCP, 54+payload, 40+payload, payload
	p.TCP.Flags, p.TCP.Window = flags, 64000
	pass(add, p, back)
}

// pass adds p, turned round for an answer.
func pass(add func(*flow.Packet), p *flow.Packet, back bool) {
	turn := func() {
		p.Src, p.Dst, p.SrcPort, p.DstPort = p.Dst, p.Src, p.DstPort, p.SrcPort
		p.TCP.Seq, p.TCP.Ack = p.TCP.Ack, p.TCP.Seq
	}
	if back {
		turn()
	}
	add(p)
	p.TCP.Seq += p.PayloadLen + uint32(p.TCP.Flags>>1&1)
	p.Time += 1000
	if back {
		turn()
	}
}

// converse opens a connection, with a request and its answer.
func converse(add func(*flow.Packet), p *flow.Packet) {
	p.TCP.Seq, p.TCP.Ack = 1000, 5000
	segment(add, p, flow.SYN, 0, false)
	segment(add, p, flow.SYN|flow.ACK, 0, true)
	segment(add, p, flow.ACK, 0, false)
	segment(add, p, flow.PSH|flow.ACK, 517, false)
	segment(add, p, flow.ACK, 1400, true)
	segment(add, p, flow.PSH|flow.ACK, 1400, true)
	segment(add, p, flow.ACK, 0, false)
}

// memoryPerFlow measures P4: what the heap grows by, with n flows of a kind open at once.
func memoryPerFlow(t *table) {
	for _, kind := range openFlows {
		for _, n := range []int{1_000, 10_000, 100_000, 1_000_000} {
			t.add(row{
				id: "P4", what: fmt.Sprintf("octets a flow, %d: %s", n, kind.what), who: ours,
				value: fmt.Sprintf("%.0f", heapPerFlow(n, kind.add, kind.rest)), note: "<= 450",
			})
		}
	}
}

func heapPerFlow(n int, open func(func(*flow.Packet), *flow.Packet, int), rest bool) float64 {
	config := flow.DefaultConfig()
	config.MaxFlows = n
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	tab := flow.NewTable(config)
	start := int64(1_700_000_000e9)
	p := flow.Packet{Segments: 1}
	p.Family, p.SrcPort, p.DstPort, p.TTL, p.Has = flow.FamilyIPv4, 50000, 443, 64, flow.HasMAC
	add := func(p *flow.Packet) {
		if tab.Add(p) {
			for range tab.Due(p.Time) {
			}
		}
	}
	for i := range n {
		p.Time = start + int64(i) // within one status interval, so that nothing has been reported
		binary.BigEndian.PutUint32(p.Src[:], 10<<24)
		binary.BigEndian.PutUint32(p.Dst[:], uint32(i))
		open(add, &p, i)
	}
	if rest {
		for s := range int64(40) {
			for range tab.Due(start + s*int64(time.Second)) {
			}
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if tab.Stats().Open != n {
		return math.NaN() // not what was to be measured
	}
	return float64(after.HeapInuse-before.HeapInuse) / float64(n)
}

// peersPerFlow measures P4 from outside, beside the peers: what the resident set grows by from a hundredth of n connections
// that are open at once to n.
func peersPerFlow(t *table, n int) error {
	conf := filepath.Join(t.scratch, "argus.conf")
	if err := os.WriteFile(conf, []byte(richArgus), 0o600); err != nil {
		return err
	}
	peak := map[string][2]int{}
	for i, flows := range []int{n / 100, n} {
		trace := filepath.Join(t.scratch, "together.pcap")
		if err := writeTrace(trace, flows*togetherSteps, 3, (*traceWriter).together); err != nil {
			return err
		}
		for name, command := range map[string][]string{
			ours:        {"bin/argus-endpoint", "flows", "-r", trace, "-w", os.DevNull, "--max-flows", strconv.Itoa(2 * n)},
			"argus 3":   {"/usr/sbin/argus", "-X", "-F", conf, "-r", trace, "-w", os.DevNull},
			"softflowd": {"/usr/sbin/softflowd", "-c", "none", "-D", "-v", "9", "-m", strconv.Itoa(2 * n), "-r", trace},
		} {
			if _, err := exec.LookPath(command[0]); err != nil {
				continue
			}
			u, err := run(command)
			if err != nil {
				return err
			}
			p := peak[name]
			p[i] = u.peak
			peak[name] = p
		}
	}
	each := func(name string) float64 { return float64(peak[name][1]-peak[name][0]) / float64(n-n/100) }
	for _, name := range []string{ours, "argus 3", "softflowd"} {
		if peak[name][1] == 0 {
			continue
		}
		r := row{id: "P4", what: fmt.Sprintf("growth of the resident set a connection, %d open", n), who: name, value: fmt.Sprintf("%.0f", each(name)), memory: peak[name][1]}
		if name != ours {
			r.ratio = each(ours) / each(name)
		}
		t.add(r)
	}
	return nil
}
