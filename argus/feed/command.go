package feed

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/argus-endpoint/argus-endpoint/argus"
)

const (
	maxCommands = 16 << 10              // octets of all commands before START; ra's filters are 2 KiB at most
	quiet       = 40 * time.Millisecond // after which a command without a delimiter is taken to be whole
)

// The commands of clients. Nothing parts one from the next.
var verbs = []string{"FILTER: ", "START: ", "DONE: ", "MODEL: ", "PROJECT: ", "FILE: ", "GEN: "}

// chat takes commands apart. It is fed what was read and gives each command when it is whole.
type chat struct {
	buf   []byte
	extra []string // further verbs
}

var (
	errTooLong     = fmt.Errorf("more than %d octets of commands", maxCommands)
	errUnprintable = errors.New("octets that no command has")
)

// verb returns the command that text begins with; more: further octets may make it one.
func (c *chat) verb(text []byte) (verb string, more bool) {
	for _, list := range [][]string{verbs, c.extra} {
		for _, v := range list {
			if bytes.HasPrefix(text, []byte(v)) {
				return v, false
			}
			more = more || strings.HasPrefix(v, string(text))
		}
	}
	return "", more
}

// next takes the first command off when it is whole. still means that the client has fallen silent: what has no end of its own is over.
func (c *chat) next(still bool) (verb, argument string, ok bool, err error) {
	c.buf = bytes.TrimLeft(c.buf, "\r\n\x00")
	if len(c.buf) == 0 {
		return "", "", false, nil
	}
	for _, b := range c.buf {
		if b < ' ' && b != '\t' && b != '\r' && b != '\n' && b != 0 || b == 0x7f {
			return "", "", false, errUnprintable
		}
	}
	verb, more := c.verb(c.buf)
	if verb == "" && !more {
		return "", "", false, fmt.Errorf("unknown command %.40q", c.buf)
	}
	if verb == "" {
		return "", "", false, nil
	}
	if verb != "FILTER: " && verb != "MODEL: " && verb != "PROJECT: " && verb != "FILE: " && verb != "GEN: " {
		argument, c.buf = string(c.buf[len(verb):]), nil // nothing that matters is behind it
		return verb, argument, true, nil
	}
	text := c.buf[len(verb):]
	end, ended := len(text), false
	if i := bytes.IndexAny(text, "\r\n\x00"); i >= 0 {
		end, ended = i, true
	}
	for _, v := range verbs {
		if i := bytes.Index(text[:end], []byte(v)); i >= 0 {
			end, ended = i, true
		}
	}
	if !ended && (!still || isOpen(text)) {
		return "", "", false, nil
	}
	argument, c.buf = string(text[:end]), c.buf[len(verb)+end:]
	return verb, argument, true, nil
}

// isOpen tells whether a filter that stops here cannot be whole: in ra's form, however slowly it comes.
func isOpen(text []byte) bool {
	return bytes.HasPrefix([]byte(wrapLeft), text) || bytes.Count(text, []byte("(")) > bytes.Count(text, []byte(")"))
}

// greet reads the client's commands. began: it wants its records now.
func (c *client) greet() (began bool, err error) {
	end := time.Now().Add(greetTimeout)
	in := chat{}
	if c.server.config.Answer != nil {
		in.extra = append(in.extra, "STATUS: ")
	}
	var buf [2048]byte
	for still, total := false, 0; ; {
		verb, argument, ok, err := in.next(still)
		if err != nil {
			return false, err
		}
		if ok {
			if done, began, err := c.command(verb, argument); done || err != nil {
				return began, err
			}
			continue
		}
		wait := end
		if len(in.buf) > 0 && !still {
			wait = earlier(end, time.Now().Add(quiet))
		}
		c.readUntil(wait)
		n, err := c.conn.Read(buf[:])
		in.buf = append(in.buf, buf[:n]...)
		total += n
		switch {
		case total > maxCommands:
			return false, errTooLong
		case errors.Is(err, os.ErrDeadlineExceeded) && time.Now().Before(end) && !still && len(in.buf) > 0 && c.bye.Load() == 0:
			still = true
		case errors.Is(err, os.ErrDeadlineExceeded) && c.bye.Load() != 0:
			return false, nil
		case errors.Is(err, os.ErrDeadlineExceeded):
			return false, fmt.Errorf("no START within %v", greetTimeout)
		case err != nil:
			return false, nil // it went away
		default:
			still = false
		}
	}
}

// readUntil bounds the next read; the server's end is a bound in any case.
func (c *client) readUntil(t time.Time) {
	_ = c.conn.SetReadDeadline(t)
	if bye := c.bye.Load(); bye != 0 {
		_ = c.conn.SetReadDeadline(time.Unix(0, bye))
	}
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// command does what a client says. done: nothing else is to be heard of it; began: because it is to get its records.
func (c *client) command(verb, argument string) (done, began bool, err error) {
	switch verb {
	case "START: ":
		return true, !saysDone([]byte(argument)), nil
	case "DONE: ":
		return true, false, nil
	case "FILTER: ":
		answer := "OK"
		if err := c.filter(argument); err != nil {
			answer = "SY"
		}
		_, err := c.conn.Write([]byte(answer))
		return err != nil, false, nil
	case "STATUS: ":
		if c.conn.RemoteAddr() == nil {
			break
		}
		text, ok := c.server.config.Answer("STATUS", c.conn.LocalAddr().Network())
		if !ok {
			return true, false, errors.New("STATUS is for this machine's own programs")
		}
		_ = c.conn.SetWriteDeadline(time.Now().Add(greetTimeout))
		_, _ = c.conn.Write(text)
		return true, false, nil
	}
	return false, false, nil // commands of radium's other services, which have no answer
}

// filter makes the client's filter.
func (c *client) filter(text string) error {
	c.match, c.expression, c.wrapped = nil, "", false
	expression, wrapped := unwrap(text)
	if c.server.config.Parse == nil || expression == "" {
		return nil
	}
	match, err := c.server.config.Parse(expression)
	if err != nil {
		return err
	}
	c.expression, c.match, c.wrapped = expression, match, wrapped
	if wrapped {
		c.match = func(r *argus.Record) bool { return r.Kind == argus.KindManagement || match(r) }
	}
	return nil
}

// unwrap returns a filter without the words by which clients ask for management records too: man or (EXPRESSION).
func unwrap(text string) (expression string, wrapped bool) {
	text = strings.TrimSpace(text)
	inner, ok := strings.CutPrefix(text, wrapLeft)
	if !ok || !strings.HasSuffix(inner, wrapRight) {
		return text, false
	}
	inner = strings.TrimSuffix(inner, wrapRight)
	for i, depth := 0, 0; i < len(inner); i++ { // the bracket that was opened is the one that closes
		switch inner[i] {
		case '(':
			depth++
		case ')':
			if depth--; depth < 0 {
				return text, false
			}
		}
	}
	return strings.TrimSpace(inner), true
}

// What clients put around their filters.
const (
	wrapLeft  = "man or ("
	wrapRight = ")"
)

// saysDone tells whether a client has had enough. DONE may stand behind START, glued to it.
func saysDone(text []byte) bool { return bytes.Contains(text, []byte("DONE: ")) }
