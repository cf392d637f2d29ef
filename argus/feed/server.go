package feed

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gofrs/uuid/v5"

	"github.com/argus-endpoint/argus-endpoint/argus"
)

// DefaultPort is the TCP port of Argus servers ("monitor" in /etc/services).
const DefaultPort = "561"

// Config is what a Server is made of. The zero Config gives version 5 records, without filters, to 100 clients.
type Config struct {
	Version  argus.Version // what all clients get; zero is V5. Records of the other version are translated once, for all of them
	Monitor  uuid.UUID     // the server's own identity, in its management records
	Interval time.Duration // a status record goes to every client this often, in whole seconds; zero is a minute
	Clients  int           // connections at once to a listener; zero is 100
	Buffer   int           // octets that a client may be behind before it is dropped; zero is 4 MiB, for all clients together

	// Parse makes the filter of a client's expression, without the words man or (...) that clients put around it. Nil: there are no
	// filters, each client gets all.
	Parse func(expression string) (func(*argus.Record) bool, error)

	// Management returns what the management records say of the server besides its counters. Nil: nothing.
	Management func() argus.Management

	// Answer answers a command that is not of the protocol ("STATUS"), for a client that came over the network of that name ("tcp",
	// "unix"); false: the command is not known. Nil: none is. The connection ends with the answer.
	Answer func(command, network string) ([]byte, bool)

	// Replay, if set, writes to each client what is stored instead of what is published, and the connection ends with it. expression is
	// the client's filter, "" for none; match, never nil, does the same. The records are whole, of any version. Its write's error ends the replay and is to be returned.
	Replay func(ctx context.Context, expression string, match func(*argus.Record) bool, write func(records []byte) error) error

	// Note is told of clients that were sent away, and why: code is "feed-slow", "feed-full", "feed-protocol" or "feed-replay"; or
	// "feed-push", of what Push cannot reach. Nil: nobody is.
	Note func(code string, client net.Addr, err error)
}

// Stats counts what a Server has done.
type Stats struct {
	Clients int    // that get records now
	Served  uint64 // connections that were taken
	Records uint64 // published while somebody listened
	Slow    uint64 // clients that were dropped because they did not read
	Refused uint64 // connections refused because there were too many, and those that did not speak the protocol
	Damaged uint64 // octets published that were no records
}

// Server gives records to clients. It does nothing before Serve.
type Server struct {
	config Config
	began  time.Time
	log    *log

	clients map[*client]bool // that are sent what is published
	mu      sync.Mutex       // guards clients

	streams                                 atomic.Int64 // clients that have said START
	served, records, slow, refused, damaged atomic.Uint64
}

const (
	defaultClients  = 100
	defaultBuffer   = 4 << 20
	defaultInterval = time.Minute
)

// NewServer returns a server of what is published. Serve opens it to clients.
func NewServer(c Config) *Server {
	if c.Version == 0 {
		c.Version = argus.V5
	}
	if c.Clients == 0 {
		c.Clients = defaultClients
	}
	if c.Buffer == 0 {
		c.Buffer = defaultBuffer
	}
	if c.Interval == 0 {
		c.Interval = defaultInterval
	}
	c.Interval = max(c.Interval.Round(time.Second), time.Second)
	if c.Note == nil {
		c.Note = func(string, net.Addr, error) {}
	}
	return &Server{config: c, began: time.Now(), log: newLog(), clients: make(map[*client]bool)}
}

// Serve takes clients from l until ctx ends, then closes it, gives each what was published so far, for half a second at most, and
// returns when all are gone. Its error is that of the listener. It may be called for several listeners.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	stop := context.AfterFunc(ctx, func() { _ = l.Close() })
	defer stop()
	slots := make(chan struct{}, s.config.Clients)
	var wg sync.WaitGroup
	defer wg.Wait()
	for {
		conn, err := l.Accept()
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			if !again(ctx, err) {
				return err
			}
			continue
		}
		select {
		case slots <- struct{}{}:
			wg.Go(func() {
				defer func() { <-slots }()
				s.serve(ctx, conn)
			})
		default:
			s.refuse(conn)
		}
	}
}

// again waits before the next Accept when the last one failed for want of something that comes back, such as file descriptors.
func again(ctx context.Context, err error) bool {
	if errors.Is(err, net.ErrClosed) {
		return false
	}
	t := time.NewTimer(50 * time.Millisecond)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
	return true
}

// errFull is what a client hears of that came when all places were taken.
var errFull = errors.New("too many clients")

// Stats returns what was counted so far.
func (s *Server) Stats() Stats {
	return Stats{
		Clients: int(s.streams.Load()), Served: s.served.Load(), Records: s.records.Load(), Slow: s.slow.Load(),
		Refused: s.refused.Load(), Damaged: s.damaged.Load(),
	}
}
