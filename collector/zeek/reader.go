package zeek

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/argus-endpoint/argus-endpoint/flow"
)

// maxLine bounds a line: Zeek's longest have some kilobytes.
const maxLine = 1 << 20

// ErrFormat is what the error about a file wraps that is no conn.log.
var ErrFormat = errors.New("not a Zeek conn.log")

// LineError is about one line, which was left out. The reader goes on behind it.
type LineError struct {
	Line int // from 1 on
	Err  error
}

// Error tells the line and what is wrong with it.
func (e *LineError) Error() string { return fmt.Sprintf("line %d: %v", e.Line, e.Err) }

// Unwrap returns what is wrong with it.
func (e *LineError) Unwrap() error { return e.Err }

// Conn is a line of conn.log. It is borrowed until the next call of Next.
type Conn struct {
	Flow  flow.Record // one for the whole connection, of cause START
	Label []byte      // what else is worth keeping, as the JSON of an Argus label
}

// IsLog tells whether a file that begins with these octets may be a log of Zeek: one with a header, or lines of JSON.
func IsLog(prefix []byte) bool {
	return bytes.HasPrefix(prefix, []byte("#separator ")) || bytes.HasPrefix(prefix, []byte("{"))
}

// Reader reads the connections of a log in order. It holds one line.
type Reader struct {
	in   *bufio.Reader
	line int
	some bool // a line had what a connection has
	tsv  header
	c    columns
	conn Conn
}

// NewReader returns a reader of the log that r gives, whose form is told line by line.
func NewReader(r io.Reader) *Reader { return &Reader{in: bufio.NewReaderSize(r, 1<<16)} }

// Next returns the next connection, valid until the following call. A *LineError is about one line: Next may be called again. io.EOF
// is the end; any other error is too.
func (r *Reader) Next() (*Conn, error) {
	for {
		line, err := r.next()
		if err != nil {
			return nil, err
		}
		switch {
		case len(line) == 0:
			continue
		case line[0] == '#':
			err = r.tsv.take(string(line))
			if err != nil {
				return nil, fmt.Errorf("%w: line %d: %w", ErrFormat, r.line, err)
			}
			continue
		case line[0] == '{':
			err = r.c.fromJSON(line)
		case r.tsv.fields == nil:
			return nil, fmt.Errorf("%w: line %d is neither JSON nor below a #fields header", ErrFormat, r.line)
		default:
			err = r.c.fromTSV(string(line), &r.tsv)
		}
		if err == nil {
			err = r.c.conn(&r.conn)
		}
		if errors.Is(err, errNoConnection) && !r.some {
			return nil, fmt.Errorf("%w: line %d: %w", ErrFormat, r.line, err)
		}
		if err != nil {
			return nil, &LineError{r.line, err}
		}
		r.some = true
		return &r.conn, nil
	}
}

var errTooLong = fmt.Errorf("it has more than %d octets", maxLine)

// next returns the next line without its end. One that is too long is passed over.
func (r *Reader) next() ([]byte, error) {
	r.line++
	var long []byte // a line that is longer than the buffer
	for skip := false; ; {
		part, err := r.in.ReadSlice('\n')
		switch {
		case err == nil && skip:
			return nil, &LineError{r.line, errTooLong}
		case err == nil && long == nil:
			return trim(part), nil
		case errors.Is(err, io.EOF) && len(part)+len(long) == 0 && !skip:
			return nil, io.EOF
		case err != nil && !errors.Is(err, bufio.ErrBufferFull) && !errors.Is(err, io.EOF):
			return nil, err
		}
		if skip = skip || len(long)+len(part) > maxLine; !skip {
			long = append(long, part...)
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
		case skip:
			return nil, &LineError{r.line, errTooLong}
		default:
			return trim(long), nil
		}
	}
}

func trim(line []byte) []byte { return bytes.TrimRight(line, "\r\n") }

// header is what the lines with # say of those below.
type header struct {
	separator, unset, empty string
	fields                  []string
}

// take reads a line of a header. The header of another log than conn is an error.
func (h *header) take(line string) error {
	if text, ok := strings.CutPrefix(line, "#separator "); ok {
		*h = header{separator: unescape(text), unset: "-", empty: "(empty)"}
		if h.separator == "" {
			return errors.New("the separator is empty")
		}
		return nil
	}
	if h.separator == "" {
		return nil // a comment
	}
	name, value, _ := strings.Cut(line, h.separator)
	switch name {
	case "#unset_field":
		h.unset = value
	case "#empty_field":
		h.empty = value
	case "#path":
		if !strings.HasPrefix(value, "conn") {
			return fmt.Errorf("this is the log %.40q: only conn has flows", value)
		}
	case "#fields":
		h.fields = strings.Split(value, h.separator)
	}
	return nil
}

// unescape gives the characters that Zeek writes as \x and two hexadecimal digits.
func unescape(text string) string {
	if !strings.Contains(text, `\x`) {
		return text
	}
	var b strings.Builder
	for {
		before, after, found := strings.Cut(text, `\x`)
		b.WriteString(before)
		if !found {
			return b.String()
		}
		if c, err := strconv.ParseUint(after[:min(2, len(after))], 16, 8); err == nil && len(after) >= 2 {
			b.WriteByte(byte(c))
			after = after[2:]
		} else {
			b.WriteString(`\x`)
		}
		text = after
	}
}

// fromTSV takes the values of a line.
func (c *columns) fromTSV(line string, h *header) error {
	*c = columns{}
	n := 0
	for value := range strings.SplitSeq(line, h.separator) {
		if n == len(h.fields) {
			return fmt.Errorf("it has more than %d fields", n)
		}
		if at := fieldNamed(h.fields[n]); at >= 0 && value != h.unset && value != h.empty {
			c[at] = unescape(value)
		}
		n++
	}
	if n < len(h.fields) {
		return fmt.Errorf("it has %d of %d fields: it is cut off", n, len(h.fields))
	}
	return nil
}

// fromJSON takes the values of a line.
func (c *columns) fromJSON(line []byte) error {
	*c = columns{}
	var all map[string]json.RawMessage
	if err := json.Unmarshal(line, &all); err != nil {
		return err
	}
	for name, raw := range all {
		at := fieldNamed(name)
		if at < 0 {
			continue
		}
		switch raw[0] {
		case '"':
			if err := json.Unmarshal(raw, &c[at]); err != nil {
				return err
			}
		case '[':
			var list []string
			if err := json.Unmarshal(raw, &list); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			c[at] = strings.Join(list, ",")
		case 'n': // null
		default:
			c[at] = string(raw)
		}
	}
	return nil
}
