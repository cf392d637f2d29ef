package feed

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/argus-endpoint/argus-endpoint/argus"
)

const (
	dialTimeout = 10 * time.Second
	keepAlives  = 3                // of the announced intervals may pass in silence
	leastSilent = 30 * time.Second // and at least this long
)

var (
	errSASL   = errors.New("the server wants SASL, which is not spoken here: give it to this host without, or through a radium")
	errFilter = errors.New("the server does not take the filter")
	errDenied = errors.New("the server refuses this host")
)

// Open connects to a server and returns what it sends, from its START record on. Of "udp" it returns the records of the datagrams that
// come, each whole; there is no START. A server from which nothing comes for three of the intervals that it announced has gone: the
// error is a timeout. The end of ctx ends the connection. A server of Argus 3 is not asked for what it may fail at: then all comes.
func Open(ctx context.Context, s Source) (io.ReadCloser, error) {
	if s.Network == "udp" {
		return listenDatagrams(ctx, s.Address)
	}
	limited, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	conn, err := dial(limited, &s)
	if err != nil {
		return nil, err
	}
	st := &stream{conn: conn}
	st.unhook = context.AfterFunc(ctx, func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(dialTimeout))
	if err := st.begin(s.Filter); err != nil {
		_ = st.Close()
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return nil, fmt.Errorf("%s: %w", s.Address, err)
	}
	_ = conn.SetDeadline(time.Time{})
	return st, nil
}

// Ask sends one command to a server that answers it, and returns the answer of at most limit octets: that of Config.Answer.
func Ask(ctx context.Context, s Source, command string, limit int64) ([]byte, error) {
	limited, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	conn, err := dial(limited, &s)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	stop := context.AfterFunc(limited, func() { _ = conn.Close() })
	defer stop()
	st := &stream{conn: conn}
	err = st.mar()
	if err == nil {
		_, err = io.WriteString(conn, command+": ")
	}
	var answer []byte
	if err == nil {
		answer, err = io.ReadAll(io.LimitReader(conn, limit))
	}
	if limited.Err() != nil {
		err = limited.Err()
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.Address, err)
	}
	return answer, nil
}

func dial(ctx context.Context, s *Source) (net.Conn, error) {
	if s.Dial != nil {
		return s.Dial(ctx)
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, s.Network, s.Address)
	if err != nil || s.TLS == nil {
		return conn, err
	}
	secret := tls.Client(conn, s.TLS)
	if err := secret.HandshakeContext(ctx); err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("%s: %w", s.Address, err)
	}
	return secret, nil
}

// stream is a connection to a server.
type stream struct {
	conn   net.Conn
	head   []byte // of the START record, what was not read of it
	first  [marSize]byte
	silent time.Duration // after which the server has gone; 0: it announced nothing
	unhook func() bool
}

// begin asks for the records.
func (s *stream) begin(filter string) error {
	if err := s.mar(); err != nil {
		return err
	}
	if be.Uint32(s.first[4:])&marSASL != 0 {
		return errSASL
	}
	if filter != "" && (s.first[0]&0x0f != byte(argus.V3) || isPlain(filter)) {
		if _, err := io.WriteString(s.conn, "FILTER: "+wrapLeft+filter+wrapRight); err != nil {
			return err
		}
		var answer [2]byte
		if _, err := io.ReadFull(s.conn, answer[:]); err != nil {
			return fmt.Errorf("answer to the filter: %w", err)
		}
		if string(answer[:]) != "OK" {
			return fmt.Errorf("%w %q: it says %q", errFilter, filter, answer[:])
		}
	}
	_, err := fmt.Fprintf(s.conn, "START: user='%s',cmd='%s[%d]'", userName(), program(), os.Getpid())
	s.head = s.first[:]
	s.silent = keepAlives * time.Duration(be.Uint16(s.first[0x2e:])) * time.Second
	if s.silent > 0 {
		s.silent = max(s.silent, leastSilent)
	}
	return err
}

// plainWords are words of filters that the sensor of Argus 3 takes.
const plainWords = " and or not src dst host net port proto ip ipv6 arp tcp udp icmp igmp man con syn synack fin reset frag retrans vlan mpls" +
	" multicast broadcast dur bytes pkts eq gt gte lt lte "

// isPlain tells whether a server of Argus 3 can be asked for that. The sensor of 3.0.8.2 looks up the names of ports and sensors, and when
// it does not know one, it serves nobody any more.
func isPlain(filter string) bool {
	for _, w := range strings.FieldsFunc(filter, func(r rune) bool { return strings.ContainsRune(" \t()!&|", r) }) {
		if (w[0] < '0' || w[0] > '9' || strings.Count(w, "-") > 1) && !strings.Contains(plainWords, " "+w+" ") && !strings.Contains(w, ":") {
			return false
		}
	}
	return true
}

// marSASL is the bit of a START record's status word by which a server asks for a password (argus.md section 1.3).
const marSASL = 0x1000

var be = binary.BigEndian

// mar reads the record with which every server begins.
func (s *stream) mar() error {
	n, err := io.ReadFull(s.conn, s.first[:])
	switch {
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("the server closed the connection after %d octets: %w", n, io.ErrUnexpectedEOF)
	case err != nil:
		return fmt.Errorf("wait for the server's START record: %w", err)
	case isManagement(s.first[:]) && s.first[1]&0xf0 == causeError && s.first[1]&0x0f == errorFull:
		return fmt.Errorf("the server has %w", errFull)
	case isManagement(s.first[:]) && s.first[1]&0xf0 == causeError:
		return errDenied
	case !argus.IsStream(s.first[:]):
		return fmt.Errorf("%w: this is no Argus server: %.16q", argus.ErrFormat, s.first[:])
	}
	return nil
}

func (s *stream) Read(b []byte) (int, error) {
	if len(s.head) > 0 {
		n := copy(b, s.head)
		s.head = s.head[n:]
		return n, nil
	}
	if s.silent > 0 {
		_ = s.conn.SetReadDeadline(time.Now().Add(s.silent))
	}
	n, err := s.conn.Read(b)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = fmt.Errorf("nothing came for %v, though a status record was announced every %v: %w", s.silent, s.silent/keepAlives, err)
	}
	return n, err
}

func (s *stream) Close() error {
	if s.unhook != nil {
		s.unhook()
	}
	_ = s.conn.SetWriteDeadline(time.Now().Add(byeTimeout))
	_, _ = io.WriteString(s.conn, "DONE: ")
	return s.conn.Close()
}

// userName and program are what servers write into their logs.
func userName() string {
	for _, name := range []string{"USER", "USERNAME"} {
		if u := os.Getenv(name); u != "" {
			return printable(u)
		}
	}
	return "unknown"
}

func program() string { return printable(filepath.Base(os.Args[0])) }

func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r <= ' ' || r > '~' || r == '\'' {
			return -1
		}
		return r
	}, s[:min(len(s), 64)])
}
