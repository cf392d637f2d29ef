//go:build linux

package ecosystem

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"time"
)

// port is where the traffic of the tests goes.
const port = 7007

// sockets is what the talking side did: the truth that flows are held against.
type sockets struct {
	UDP, TCP       int // conversations and connections, the silent ones and the long one among them
	Sent, Received int // octets of TCP
	Asked, Answers int // octets of UDP
}

// traffic is the program that makes it: "serve ADDRESS" until it is killed, "ask ADDRESS" one question, or "talk ADDRESS", which prints its sockets.
func traffic(words []string) int {
	var err error
	switch address := net.JoinHostPort(words[1], fmt.Sprint(port)); words[0] {
	case "serve":
		err = serve(address)
	case "ask":
		err = new(sockets).datagrams(address, 1)
	case "talk":
		var s sockets
		if err = s.talk(address); err == nil {
			err = json.NewEncoder(os.Stdout).Encode(s)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// serve sends back what comes, but for datagrams of one octet.
func serve(address string) error {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	u, err := net.ListenPacket("udp", address)
	if err != nil {
		return err
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				_, _ = io.Copy(c, c) // until the peer is done
			}()
		}
	}()
	fmt.Fprintln(os.Stderr, "serving")
	for b := make([]byte, 2048); ; {
		n, from, err := u.ReadFrom(b)
		if err == nil && n > 1 {
			_, err = u.WriteTo(b[:n], from)
		}
		if err != nil {
			return err
		}
	}
}

// talk has 40 conversations of UDP, 20 of them without an answer, 30 connections of TCP, and one that lasts four seconds.
func (s *sockets) talk(address string) error {
	for i := range 40 {
		if err := s.datagrams(address, i); err != nil {
			return err
		}
	}
	for i := range 30 {
		if err := s.stream(address, 1, 100*(i+1), 0); err != nil {
			return err
		}
	}
	return s.stream(address, 16, 1000, 250*time.Millisecond)
}

func (s *sockets) datagrams(address string, i int) error {
	own := net.Dialer{LocalAddr: &net.UDPAddr{Port: 20_000 + i}} // none is used twice
	c, err := own.Dial("udp", address)
	if err != nil {
		return err
	}
	defer c.Close()
	s.UDP++
	if i%2 == 0 {
		s.Asked++
		_, err := c.Write([]byte{0})
		return err
	}
	b := make([]byte, 10+i)
	for range 2 {
		if _, err := c.Write(b); err != nil {
			return err
		}
		if _, err := io.ReadFull(c, b); err != nil {
			return err
		}
		s.Asked, s.Answers = s.Asked+len(b), s.Answers+len(b)
	}
	return nil
}

// stream sends a number of pieces with a pause before each and reads them back.
func (s *sockets) stream(address string, pieces, size int, pause time.Duration) error {
	c, err := net.Dial("tcp", address)
	if err != nil {
		return err
	}
	defer c.Close()
	s.TCP++
	b := make([]byte, size)
	for range pieces {
		<-time.After(pause)
		if _, err := c.Write(b); err != nil {
			return err
		}
		if _, err := io.ReadFull(c, b); err != nil {
			return err
		}
		s.Sent, s.Received = s.Sent+size, s.Received+size
	}
	if err := c.(*net.TCPConn).CloseWrite(); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, c)
	return err
}
