package feed

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"
	"time"
)

// Push sends what is published from now on to the listener at host:port, each record as one UDP datagram, as Argus does: without
// management records, and nobody hears of what is lost. It returns when ctx ends.
func (s *Server) Push(ctx context.Context, address string) {
	for pause := firstPause; ctx.Err() == nil; pause = min(2*pause, lastPause) {
		began := time.Now()
		conn, err := (&net.Dialer{}).DialContext(ctx, "udp", address)
		if err == nil {
			err = s.push(ctx, conn)
		}
		if ctx.Err() != nil {
			return
		}
		if time.Since(began) > longStay {
			pause = firstPause
		}
		s.config.Note("feed-push", pushed(address), fmt.Errorf("push: %w", err))
		t := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			t.Stop()
		case <-t.C:
		}
	}
}

// push sends datagrams until ctx ends or the way to the listener fails. That nobody listens, which a write hears of the datagram
// before, is no failure: somebody may at the next.
func (s *Server) push(ctx context.Context, conn net.Conn) error {
	defer conn.Close()
	c := &client{server: s, conn: conn, last: time.Now(), put: func(records []byte) error {
		for size := recordSize(records); size > 0; size = recordSize(records) {
			if r := records[:size]; !isManagement(r) && size <= maxDatagram-udpHeaders {
				_, err := conn.Write(r)
				if errors.Is(err, syscall.ECONNREFUSED) {
					_, err = conn.Write(r)
				}
				if err != nil && !errors.Is(err, syscall.ECONNREFUSED) {
					return err
				}
			}
			records = records[size:]
		}
		return nil
	}}
	return c.live(ctx)
}

// udpHeaders are those that a datagram's size counts with, of IP and UDP: octets.
const udpHeaders = 28

// pushed is the address of a listener that may have no number.
type pushed string

func (p pushed) Network() string { return "udp" }
func (p pushed) String() string  { return string(p) }
