package archive

import (
	"fmt"
	"strings"
	"time"

	"github.com/argus-endpoint/argus-endpoint/argus"
)

// defaultSuffix is what rasplit puts behind a name without fields of time when it splits by time.
const defaultSuffix = ".%Y.%m.%d.%H.%M.%S"

// pattern is a file's name with places: $srcid and $inf of the record, and fields of strftime of its time.
type pattern struct {
	text  string
	timed bool // there are fields of time
	keyed bool // there are fields of the record
}

func parsePattern(text string, timed bool) (p pattern, err error) {
	if timed && !strings.Contains(text, "%") {
		if base, ok := strings.CutSuffix(text, ".gz"); ok {
			text = base + defaultSuffix + ".gz"
		} else {
			text += defaultSuffix
		}
	}
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == '%' && (i+1 == len(text) || !strings.ContainsRune("YmdHMSjsy%", rune(text[i+1]))):
			return p, fmt.Errorf("%s: of strftime's fields a name may have %%Y %%y %%m %%d %%j %%H %%M %%S %%s, and %%%% for a percent sign", text)
		case text[i] == '%':
			p.timed = p.timed || text[i+1] != '%'
			i++
		case text[i] == '$' && !strings.HasPrefix(text[i:], "$srcid") && !strings.HasPrefix(text[i:], "$inf"):
			return p, fmt.Errorf("%s: of a record's fields a name may have $srcid and $inf", text)
		case text[i] == '$':
			p.keyed = true
		}
	}
	p.text = text
	return p, nil
}

// expand returns the name for a record of a time.
func (p *pattern) expand(r *argus.Record, t time.Time) string {
	var b strings.Builder
	for rest := p.text; rest != ""; {
		i := strings.IndexAny(rest, "%$")
		if i < 0 {
			b.WriteString(rest)
			break
		}
		b.WriteString(rest[:i])
		switch rest = rest[i:]; {
		case rest[0] == '%':
			b.WriteString(timeField(rest[1], t))
			rest = rest[2:]
		case strings.HasPrefix(rest, "$srcid"):
			b.WriteString(component(r.Monitor.String()))
			rest = rest[len("$srcid"):]
		default:
			b.WriteString(component(string(r.InterfaceName())))
			rest = rest[len("$inf"):]
		}
	}
	return b.String()
}

func timeField(c byte, t time.Time) string {
	switch c {
	case 'Y':
		return fmt.Sprintf("%04d", t.Year())
	case 'y':
		return fmt.Sprintf("%02d", t.Year()%100)
	case 'm':
		return fmt.Sprintf("%02d", t.Month())
	case 'd':
		return fmt.Sprintf("%02d", t.Day())
	case 'j':
		return fmt.Sprintf("%03d", t.YearDay())
	case 'H':
		return fmt.Sprintf("%02d", t.Hour())
	case 'M':
		return fmt.Sprintf("%02d", t.Minute())
	case 'S':
		return fmt.Sprintf("%02d", t.Second())
	case 's':
		return fmt.Sprint(t.Unix())
	}
	return "%"
}

// component makes one part of a path of what a record says: no record leads out of its folder.
func component(s string) string {
	if strings.Trim(s, ".") == "" {
		return "unknown"
	}
	return strings.Map(func(c rune) rune {
		if c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || strings.ContainsRune(".-_@", c) {
			return c
		}
		return '_'
	}, s)
}

// slot returns the begin of the interval of length every, counted from midnight of the local day, that t is in.
func slot(t time.Time, every time.Duration) time.Time {
	_, offset := t.Zone()
	local := time.Duration(offset) * time.Second
	return t.Add(local).Truncate(every).Add(-local)
}
