package capture

import (
	"bytes"
	"encoding/binary"
	"io"
	"testing"

	"github.com/argus-endpoint/argus-endpoint/flow"
)

func BenchmarkDecode(b *testing.B) {
	timestamp := join([]byte{1, 1, 8, 10}, make([]byte, 8))
	for _, bb := range []struct {
		name string
		data []byte
	}{
		{"IPv4-TCP", ethernet(etherIPv4, ipv4(flow.ProtoTCP, tcp(40000, 443, flow.ACK, timestamp, make([]byte, 1000))))},
		{"IPv4-UDP", ethernet(etherIPv4, ipv4(flow.ProtoUDP, udp(40000, 53, make([]byte, 60))))},
		{"IPv6-TCP", ethernet(etherIPv6, ipv6(flow.ProtoTCP, tcp(40000, 443, flow.ACK, timestamp, make([]byte, 1000))))},
		{"VLAN-IPv4-TCP-SYN", ethernet(etherVLAN, vlan(7, etherIPv4), ipv4(flow.ProtoTCP, tcp(40000, 443, flow.SYN, synOptions, nil)))},
		{"ARP", ethernet(etherARP, arp(1))},
		{"VXLAN-IPv4-UDP", udpIn(portVXLAN, []byte{8, 0, 0, 0, 0, 0, 1, 0}, ethernet(etherIPv4, innerIPv4()))},
		{"ICMP-quote", ethernet(etherIPv4, ipv4(flow.ProtoICMP, []byte{3, 3, 0, 0, 0, 0, 0, 0}, ipv4(flow.ProtoUDP, dgram)))},
	} {
		b.Run(bb.name, func(b *testing.B) {
			var d Decoder
			var p flow.Packet
			f := frameOf(LinkEthernet, bb.data)
			b.ReportAllocs()
			for b.Loop() {
				d.Decode(bb.data, f, &p)
			}
		})
	}
}

// benchFile is a pcap of n packets of mixed lengths.
func benchFile(n int) []byte {
	var b []byte
	b = binary.LittleEndian.AppendUint32(b, 0xa1b2c3d4)
	b = append(b, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 1, 0, 0, 0)
	for i := range n {
		data := ethernet(etherIPv4, ipv4(flow.ProtoTCP, tcp(1000+i%500, 443, flow.ACK, nil, make([]byte, i*37%75))))
		for _, v := range []int{1700000000 + i/1000, i % 1000, len(data), len(data)} {
			b = binary.LittleEndian.AppendUint32(b, uint32(v))
		}
		b = append(b, data...)
	}
	return b
}

// BenchmarkReadFile reads a capture file packet by packet: alone, and with the decoder.
func BenchmarkReadFile(b *testing.B) {
	const n = 200_000
	file := benchFile(n)
	for _, decode := range []bool{false, true} {
		name := map[bool]string{false: "read", true: "read+decode"}[decode]
		b.Run(name, func(b *testing.B) {
			var d Decoder
			var f Frame
			var p flow.Packet
			for b.Loop() {
				s, err := NewReader(bytes.NewReader(file))
				if err != nil {
					b.Fatal(err)
				}
				for {
					data, err := s.Next(&f, 0)
					if err == io.EOF {
						break
					}
					if err != nil {
						b.Fatal(err)
					}
					if decode {
						d.Decode(data, &f, &p)
					}
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/packet")
		})
	}
}

// BenchmarkQueue is what Windows' ways to capture add to a frame: it is copied once, under a lock that nobody else wants.
func BenchmarkQueue(b *testing.B) {
	q, n, data := newQueue("eth", 1, "test", Options{SnapLen: 512, Ring: defaultRing}), &note{length: 1500}, make([]byte, 512)
	var f Frame
	b.ReportAllocs()
	for b.Loop() {
		for range 1000 {
			q.put(n, data)
		}
		for range 1000 {
			if _, err := q.Next(&f, 0); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000, "ns/frame")
}
