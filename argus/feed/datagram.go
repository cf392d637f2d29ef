package feed

import (
	"context"
	"fmt"
	"io"
	"net"
)

// maxDatagram is the largest UDP payload, octets.
const maxDatagram = 1<<16 - 1

// datagrams gives the records that come to a UDP socket.
type datagrams struct {
	conn   *net.UDPConn
	buf    [maxDatagram]byte
	rest   []byte
	unhook func() bool
}

func listenDatagrams(ctx context.Context, address string) (io.ReadCloser, error) {
	addr, err := net.ResolveUDPAddr("udp", address)
	if err != nil {
		return nil, fmt.Errorf("argus-udp: %w", err)
	}
	conn, err := net.ListenUDP("udp", addr)
	if err != nil {
		return nil, fmt.Errorf("argus-udp: %w", err)
	}
	_ = conn.SetReadBuffer(receiveBuffer) // as much as the system allows
	d := &datagrams{conn: conn}
	d.unhook = context.AfterFunc(ctx, func() { _ = conn.Close() })
	return d, nil
}

// receiveBuffer is for bursts: nobody sends a datagram again.
const receiveBuffer = 4 << 20

// Read gives whole records only: of a datagram, those in front of what is none.
func (d *datagrams) Read(b []byte) (int, error) {
	for len(d.rest) == 0 {
		n, err := d.conn.Read(d.buf[:])
		if err != nil {
			return 0, err
		}
		whole := 0
		for size := recordSize(d.buf[:n]); size > 0; size = recordSize(d.buf[whole:n]) {
			whole += size
		}
		d.rest = d.buf[:whole]
	}
	n := copy(b, d.rest)
	d.rest = d.rest[n:]
	return n, nil
}

func (d *datagrams) Close() error {
	d.unhook()
	return d.conn.Close()
}
