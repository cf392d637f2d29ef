package feed

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/argus-endpoint/argus-endpoint/argus"
	"github.com/argus-endpoint/argus-endpoint/flow"
)

const (
	greetTimeout = 5 * time.Second        // until START, as Argus has it
	writeTimeout = 30 * time.Second       // for a block of records, of which a client must take all
	byeTimeout   = 500 * time.Millisecond // for what was published when the server ends
	blockSize    = 1 << 16                // octets of records that go out at once, about
	maxChatter   = 1 << 16                // octets that a client may say behind START
)

// client is one connection.
type client struct {
	server     *Server
	conn       net.Conn
	expression string                   // without what ra puts around it
	match      func(*argus.Record) bool // nil: all
	wrapped    bool                     // match lets management records pass
	at         atomic.Uint64            // the octets of the log that it has had
	dropped    atomic.Bool              // for being slow
	bye        atomic.Int64             // when it is to be gone, for the server ends or it is slow, ns since 1970; 0: it goes on
	put        func(records []byte) error

	mu   sync.Mutex // guards the writing side and what follows
	said argus.Management
	last time.Time // of the previous status record
	out  []byte    // reused
}

// refuse sends one away for which there is no place. Nothing is waited for.
func (s *Server) refuse(conn net.Conn) {
	defer conn.Close()
	s.refused.Add(1)
	s.config.Note("feed-full", conn.RemoteAddr(), errFull)
	if _, secret := conn.(*tls.Conn); secret {
		return // a handshake would be waited for
	}
	_ = conn.SetWriteDeadline(time.Now().Add(byeTimeout))
	_, _ = conn.Write(s.refusal(errorFull))
}

// serve does all for a connection, and closes it.
func (s *Server) serve(ctx context.Context, conn net.Conn) {
	s.served.Add(1)
	c := &client{server: s, conn: conn, last: time.Now()}
	defer c.hangUp()
	c.put = c.writeAll
	c.deadline(greetTimeout)
	stop := context.AfterFunc(ctx, func() { c.leaveBy(time.Now().Add(byeTimeout)) })
	defer stop()
	if _, err := conn.Write(s.management(nil, flow.CauseStart, argus.Management{})); err != nil {
		return
	}
	began, err := c.greet()
	if err != nil {
		s.refused.Add(1)
		s.config.Note("feed-protocol", conn.RemoteAddr(), err)
	}
	if err != nil || !began || ctx.Err() != nil {
		return
	}
	c.deadline(0)
	c.stream(ctx)
}

// deadline bounds what is done to the connection from now on, 0 is no bound; the server's end is one in any case.
func (c *client) deadline(d time.Duration) {
	var t time.Time
	if d > 0 {
		t = time.Now().Add(d)
	}
	_ = c.conn.SetDeadline(t)
	if bye := c.bye.Load(); bye != 0 { // it may just have been set
		_ = c.conn.SetDeadline(time.Unix(0, bye))
	}
}

// hangUp closes the connection. TLS says goodbye, for which a client that does not read is not waited for long.
func (c *client) hangUp() {
	if secret, ok := c.conn.(*tls.Conn); ok {
		wait := byeTimeout
		if bye := c.bye.Load(); bye != 0 {
			wait = time.Until(time.Unix(0, bye))
		}
		cut := time.AfterFunc(wait, func() { _ = secret.NetConn().Close() })
		defer cut.Stop()
	}
	_ = c.conn.Close()
}

// stream sends records until the client, ctx or the replay ends.
func (c *client) stream(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer c.hangUp() // ends listen
	defer cancel()
	wg.Go(func() {
		defer cancel()
		c.listen()
	})
	c.server.streams.Add(1)
	defer c.server.streams.Add(-1)
	if c.server.config.Replay != nil {
		c.replay(ctx, &wg)
		return
	}
	err := c.live(ctx)
	if timeout, ok := errors.AsType[net.Error](err); c.dropped.Load() || ok && timeout.Timeout() && ctx.Err() == nil {
		c.server.slow.Add(1)
		c.server.config.Note("feed-slow", c.conn.RemoteAddr(), errSlow)
	}
}

// listen reads what the client says behind START, until DONE or its end.
func (c *client) listen() {
	var tail [8]byte // the end of what was read, and what comes
	var buf [512]byte
	for total := 0; total < maxChatter; {
		n, err := c.conn.Read(buf[:])
		if err != nil {
			return
		}
		total += n
		if saysDone(append(tail[:len(tail):len(tail)], buf[:n]...)) {
			return
		}
		copy(tail[:], append(tail[:len(tail):len(tail)], buf[:n]...)[n:])
	}
}

// live sends what is published from now on, until ctx ends or it fails.
func (c *client) live(ctx context.Context) error {
	s := c.server
	s.mu.Lock()
	b := s.log.head()
	c.at.Store(b.end)
	s.clients[c] = true
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		delete(s.clients, c)
		s.mu.Unlock()
	}()
	status := time.NewTimer(s.config.Interval)
	defer status.Stop()
	var err error
	for err == nil {
		select {
		case <-b.done:
			b, err = c.send(b.next, status)
		case <-status.C: // however much there is to send
			status.Reset(s.config.Interval)
			err = c.status()
		case <-ctx.Done():
			if b.follow() == nil { // all that was published is sent
				return nil
			}
		}
	}
	return err
}

var errSlow = errors.New("it does not read what it asked for")

// slow ends a client that is too far behind. It waits for nothing, as the end of TLS would: the connection is closed by who serves it.
func (c *client) slow() {
	c.dropped.Store(true)
	c.leaveBy(time.Now())
}

// leaveBy bounds all that is still done to the connection.
func (c *client) leaveBy(t time.Time) {
	c.bye.Store(t.UnixNano())
	_ = c.conn.SetDeadline(t)
}

// send writes b and the blocks behind it, as far as they are there and make one write, and returns the last of them.
func (c *client) send(b *block, status *time.Timer) (*block, error) {
	if b.status && (c.match == nil || c.wrapped) { // the server need not speak for itself
		status.Reset(c.server.config.Interval * 3 / 2)
	}
	if c.match == nil && len(b.records) >= blockSize {
		err := c.write(b.records)
		c.at.Store(b.end)
		return b, err
	}
	c.out = c.out[:0]
	for seen := len(b.records); ; seen += len(b.records) { // what a filter leaves out is bounded too: it takes time
		c.out = c.choose(c.out, b.records)
		next := b.follow()
		if next == nil || next.status || seen+len(next.records) > blockSize {
			break
		}
		b = next
	}
	err := c.write(c.out)
	c.at.Store(b.end)
	if bye := c.bye.Load(); err == nil && bye != 0 && time.Now().UnixNano() > bye { // nothing was written that could have failed
		err = os.ErrDeadlineExceeded
	}
	return b, err
}

// choose appends the records that the client has asked for.
func (c *client) choose(out, records []byte) []byte {
	if c.match == nil {
		return append(out, records...)
	}
	for r, err := range argus.Records(records) {
		if err != nil {
			break
		}
		if c.match(r) {
			out = append(out, r.Raw...)
		}
	}
	return out
}

// write gives octets to the client.
func (c *client) write(records []byte) error {
	if len(records) == 0 {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.writeLocked(records)
}

func (c *client) writeLocked(records []byte) error {
	c.said.Records += uint32(countRecords(records))
	return c.put(records)
}

// writeAll puts records into the connection.
func (c *client) writeAll(records []byte) error {
	_ = c.conn.SetWriteDeadline(time.Now().Add(writeTimeout))
	if bye := c.bye.Load(); bye != 0 {
		_ = c.conn.SetWriteDeadline(time.Unix(0, bye))
	}
	_, err := c.conn.Write(records)
	return err
}

// status tells the client that the server lives, and what it was sent.
func (c *client) status() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	m := c.said
	m.Start = c.last.UnixNano()
	b := c.server.management(nil, flow.CauseStatus, m)
	c.said, c.last = argus.Management{}, now
	return c.put(b)
}

func countRecords(b []byte) (n int) {
	for size := recordSize(b); size > 0; size = recordSize(b) {
		b = b[size:]
		n++
	}
	return n
}
