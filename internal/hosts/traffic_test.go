//go:build linux

package hosts

import (
	"fmt"
	"io"
	"net"
)

// Traffic that a host makes, whose counts are known: Python's sockets on the host, Go's on the bridge.

// port takes the datagrams.
const port = 9001

// udp sends datagrams of 100 octets to the bridge, each of a port of its own, and returns what the store must say of them.
func (h *host) udp(datagrams int) (filter string, want counts) {
	h.t.Helper()
	h.run(`python3 -c '
import socket
for i in range(%d):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind(("%s", 10000 + i))
    s.sendto(bytes(100), ("%s", %d))
    s.close()
'`, datagrams, h.address, address(1), port)
	return sentTo(h, datagrams)
}

// sentTo is what the store must say of datagrams that udp sent, all in all.
func sentTo(h *host, datagrams int) (filter string, want counts) {
	const frame = 14 + 20 + 8 + 100
	return fmt.Sprintf("udp and src host %s and dst port %d", h.address, port), counts{spkts: datagrams, sbytes: datagrams * frame, sapp: datagrams * 100}
}

// sink takes what comes to the port, so that nothing on the bridge answers with an error.
func sink(port int) error {
	c, err := net.ListenPacket("udp", fmt.Sprintf("%s:%d", address(1), port))
	if err != nil {
		return err
	}
	go io.Copy(io.Discard, c.(*net.UDPConn))
	return nil
}

// tcp sends octets to the bridge over TCP and returns the filter of its flow. How many segments they take is the kernel's.
func (h *host) tcp(octets int) (filter string) {
	h.t.Helper()
	l, err := net.Listen("tcp", address(1)+":0")
	h.must(err)
	defer l.Close()
	port := l.Addr().(*net.TCPAddr).Port
	got := make(chan int64, 1)
	go func() {
		c, err := l.Accept()
		if err != nil {
			got <- 0
			return
		}
		n, _ := io.Copy(io.Discard, c)
		c.Close()
		got <- n
	}()
	h.run(`python3 -c '
import socket
s = socket.create_connection(("%s", %d))
s.sendall(bytes(%d))
s.shutdown(socket.SHUT_WR)
s.recv(1)
'`, address(1), port, octets)
	if n := <-got; n != int64(octets) {
		h.t.Fatalf("%d octets of %d arrived", n, octets)
	}
	return fmt.Sprintf("tcp and src host %s and dst port %d", h.address, port)
}
